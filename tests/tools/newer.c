/*
 * newer STATE_DIR ACCOUNT ID: gives a subscription's record another version octet, as a mailbelld of
 * the future would have written it.  No daemon may have the store open.
 */
#include <stdio.h>

#include "daemon/store_codec.h"
#include "daemon/store_int.h"

static int
make_newer(struct store *s, const char *account, const char *id, struct err *err)
{
	struct store_key key;
	struct slice value;
	int rc;

	if (store_key_sub(&key, account, id) < 0)
		return err_set(err, "a name is too long");
	if (store_begin(s, err) < 0)
		return -1;
	rc = store_record_get(s, BASE_SUB, &key, &value, err);
	if (rc != 1)
		return rc < 0 ? rc : err_set(err, "no such subscription");
	buf_reset(&s->out);
	buf_slice(&s->out, value);
	s->out.data[4]++;
	if (store_record_put(s, BASE_SUB, &key, err) < 0)
		return -1;
	return store_commit(s, err);
}

int
main(int argc, char **argv)
{
	struct store *s;
	struct err err;
	int rc;

	if (argc != 4) {
		fprintf(stderr, "usage: newer STATE_DIR ACCOUNT ID\n");
		return 64;
	}
	s = store_open(argv[1], &err);
	rc = s == NULL ? -1 : make_newer(s, argv[2], argv[3], &err);
	store_close(s);
	if (rc < 0)
		fprintf(stderr, "newer: %s\n", err.text);
	return rc < 0;
}
