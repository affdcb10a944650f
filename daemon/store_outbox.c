/*
 * The outbox.  A record that this version cannot read is passed over and left where it is.
 */
#include <string.h>

#include "daemon/store_int.h"

static bool
texts_fit(const struct outbox_record *r)
{
	return r->mailbox.len <= STORE_ENVELOPE_MAX && r->envelope.len <= STORE_ENVELOPE_MAX &&
	    r->queue_id.len <= STORE_ENVELOPE_MAX && r->text.len <= STORE_ENVELOPE_MAX;
}

int
store_outbox_put(struct store *s, struct outbox_record *r, struct err *err)
{
	struct store_key key;
	bool create = r->sequence == 0;

	if (s->txn == NULL)
		return err_set(err, "store: no group is open");
	if (!texts_fit(r)) {
		s->failed = true;
		return err_set(err, "store: a text for the outbox is too long");
	}
	if (create && store_ids_take(s, &s->sequences, &r->sequence, err) < 0)
		return -1;
	buf_reset(&s->out);
	store_encode_outbox(&s->out, r);
	store_key_outbox(&key, r->number, r->sequence);
	if (store_record_put(s, BASE_OUTBOX, &key, err) < 0) {
		if (create)
			r->sequence = 0;
		return -1;
	}
	return 0;
}

int
store_outbox_get(struct store *s, uint64_t number, uint64_t sequence, struct outbox_record *out,
    struct err *err)
{
	struct store_key key;
	struct slice value;
	int rc;

	store_key_outbox(&key, number, sequence);
	if ((rc = store_record_get(s, BASE_OUTBOX, &key, &value, err)) != 1)
		return rc;
	return store_decode_outbox(store_key_slice(&key), value, out) == 0;
}

int
store_outbox_del(struct store *s, uint64_t number, uint64_t sequence, struct err *err)
{
	struct store_key key;

	store_key_outbox(&key, number, sequence);
	return store_record_erase(s, BASE_OUTBOX, &key, err) < 0 ? -1 : 0;
}

/* The first one behind (number, sequence) whose key begins with so many octets of that. */
static int
outbox_behind(struct store *s, uint64_t number, uint64_t sequence, size_t same,
    struct outbox_record *out, struct err *err)
{
	struct store_key from;
	struct slice key, value;
	int rc;

	store_key_outbox(&from, number, sequence);
	store_key_after(&from);
	while ((rc = store_record_from(s, BASE_OUTBOX, &from, &key, &value, err)) == 1) {
		if (key.len < same || memcmp(key.p, from.octets, same) != 0)
			return 0;
		if (store_decode_outbox(key, value, out) == 0)
			return 1;
		if (key.len >= sizeof(from.octets))
			return 0;
		memcpy(from.octets, key.p, key.len);
		from.len = key.len;
		store_key_after(&from);
	}
	return rc;
}

int
store_outbox_next(struct store *s, uint64_t number, uint64_t sequence, struct outbox_record *out,
    struct err *err)
{
	return outbox_behind(s, number, sequence, 0, out, err);
}

int
store_outbox_of(struct store *s, uint64_t number, uint64_t sequence, struct outbox_record *out,
    struct err *err)
{
	return outbox_behind(s, number, sequence, sizeof(number), out, err);
}
