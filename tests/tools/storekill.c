/*
 * A small writer on the store, to be killed, starved and traced (tests/component/test_store_kill.py).
 *
 *	storekill init DIR		an empty store
 *	storekill write DIR [N]		groups, N or without end; prints the number of each that is committed
 *	storekill check DIR		what is there, whole or not
 *	storekill flush DIR		"commit", a commit, "flush", a flush, "done"
 *	storekill full DIR		what a full disk does; DIR lies in a small file system
 *
 * Group g adds subscription g with g % 5 + 1 outbox records of growing size, and deletes the one
 * of KEEP groups before.  So a store holds KEEP subscriptions in a row, or something went wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store.h"

#define KEEP	20
#define ACCOUNT	"somebody"

static struct err err;

static int
die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, err.text);
	return 1;
}

static void
say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

static void
name_of(char id[SUB_ID_MAX + 1], long g)
{
	snprintf(id, SUB_ID_MAX + 1, "%012ld", g);
}

static int
add_group(struct store *s, long g)
{
	static struct subscription sub;
	static char envelope[STORE_ENVELOPE_MAX];
	struct outbox_record r = { 0 };

	memset(&sub, 0, sizeof(sub));
	snprintf(sub.account, sizeof(sub.account), ACCOUNT);
	name_of(sub.id, g);
	snprintf(sub.endpoint, sizeof(sub.endpoint), "https://push.example/%ld", g);
	snprintf(sub.normal, sizeof(sub.normal), "https://push.example/%ld", g);
	sub.generation = (uint64_t)g;
	if (store_sub_put(s, &sub, &err) < 0)
		return -1;
	memset(envelope, 'a' + (int)(g % 26), sizeof(envelope));
	for (long i = 0; i <= g % 5; i++) {
		r = (struct outbox_record){ .number = sub.number, .generation = (uint64_t)g,
			.envelope = { envelope, (size_t)(i * 900 + g % 300) } };
		if (store_outbox_put(s, &r, &err) < 0)
			return -1;
	}
	return 0;
}

static int
del_group(struct store *s, long g)
{
	static struct subscription sub;
	char id[SUB_ID_MAX + 1];
	int rc;

	name_of(id, g);
	rc = store_sub_get(s, ACCOUNT, id, &sub, &err);
	return rc == 1 ? store_sub_del(s, &sub, &err) : rc;
}

static int
write_group(struct store *s, long g)
{
	if (store_begin(s, &err) < 0)
		return -1;
	if (add_group(s, g) < 0 || del_group(s, g - KEEP) < 0) {
		store_abort(s);
		return -1;
	}
	return store_commit(s, &err);
}

static long
last_group(struct store *s)
{
	static struct subscription sub;
	char id[SUB_ID_MAX + 1] = "";
	long last = 0;

	while (store_sub_next(s, ACCOUNT, id, &sub, &err) == 1) {
		memcpy(id, sub.id, sizeof(id));
		last = atol(id);
	}
	return last;
}

static int
cmd_write(const char *dir, long n)
{
	struct store *s = store_open(dir, &err);
	char line[32];
	int rc = 0;

	if (s == NULL)
		return die("open");
	say("open\n");
	for (long g = last_group(s) + 1; n-- != 0 && rc == 0; g++) {
		if (write_group(s, g) < 0) {
			rc = die("group");
			break;
		}
		snprintf(line, sizeof(line), "%ld\n", g);
		say(line);
		if (g % 50 == 0 && store_checkpoint(s, &err) < 0)
			rc = die("checkpoint");
	}
	store_close(s);
	return rc;
}

/* The outbox of one subscription is what its group wrote. */
static int
check_outbox(struct store *s, const struct subscription *sub, long g)
{
	struct outbox_record r;
	uint64_t sequence = 0;
	long n = 0;

	while (store_outbox_next(s, sub->number, sequence, &r, &err) == 1 && r.number == sub->number) {
		if (r.generation != (uint64_t)g || r.envelope.len != (size_t)(n * 900 + g % 300) ||
		    (r.envelope.len > 0 && r.envelope.p[r.envelope.len - 1] != 'a' + g % 26))
			return err_set(&err, "group %ld: record %ld is not its own", g, n);
		sequence = r.sequence;
		n++;
	}
	return n == g % 5 + 1 ? 0 : err_set(&err, "group %ld has %ld records", g, n);
}

static int
check_all(struct store *s)
{
	static struct subscription sub;
	char id[SUB_ID_MAX + 1] = "";
	long g, last = 0, n = 0;
	int rc;

	while ((rc = store_sub_next(s, ACCOUNT, id, &sub, &err)) == 1) {
		memcpy(id, sub.id, sizeof(id));
		g = atol(id);
		if (last != 0 && g != last + 1)
			return err_set(&err, "group %ld follows group %ld", g, last);
		if (check_outbox(s, &sub, g) < 0)
			return -1;
		last = g;
		n++;
	}
	if (rc < 0)
		return -1;
	if (n != (last < KEEP ? last : KEEP))
		return err_set(&err, "%ld groups, the last is %ld", n, last);
	printf("%ld\n", last);
	return store_verify(s, &err);
}

static int
cmd_check(const char *dir)
{
	struct store *s = store_open(dir, &err);
	int rc;

	if (s == NULL)
		return die("open");
	rc = check_all(s);
	store_close(s);
	return rc == 0 ? 0 : die("check");
}

static int
cmd_flush(const char *dir)
{
	struct store *s = store_open(dir, &err);
	int rc = 0;

	if (s == NULL)
		return die("open");
	say("commit\n");
	if (write_group(s, last_group(s) + 1) < 0)
		rc = die("commit");
	say("flush\n");
	if (rc == 0 && store_flush(s, &err) < 0)
		rc = die("flush");
	if (rc == 0)
		say("done\n");
	_exit(rc);	/* as a power cut would: no close */
}

static int
fill(const char *dir, char *path, size_t size)
{
	char block[4096] = "filler";
	int fd;

	snprintf(path, size, "%s/filler", dir);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600)) < 0)
		return -1;
	while (write(fd, block, sizeof(block)) > 0)
		;
	return close(fd);
}

/* Groups up to limit, or until one fails: the number of the first that is not there. */
static long
write_groups(struct store *s, long g, long limit)
{
	while (g < limit && write_group(s, g) == 0)
		g++;
	return g;
}

static int
full_while_open(struct store *s, const char *dir)
{
	static struct subscription sub;
	char path[256], id[SUB_ID_MAX + 1];
	long g = write_groups(s, 1, 100);

	if (g < 100 || fill(dir, path, sizeof(path)) < 0)
		return -1;
	g = write_groups(s, g, LONG_MAX);
	printf("full at %ld: %s\n", g, err.text);
	if (strstr(err.text, "free space") == NULL)
		return -1;
	for (int i = 0; i < 20; i++)
		if (write_group(s, g) == 0)
			return err_set(&err, "a group was committed on a full disk");
	if (store_checkpoint(s, &err) == 0)
		printf("even a checkpoint passed\n");
	name_of(id, g - 1);
	if (store_sub_get(s, ACCOUNT, id, &sub, &err) != 1 || store_broken(s))
		return err_set(&err, "a full disk broke the store");
	unlink(path);
	for (int i = 0; i < 5000 && write_group(s, g) < 0; i++)
		usleep(1000);		/* it looks for room now and then */
	if (write_groups(s, g + 1, g + 50) < g + 50)
		return -1;
	if (store_flush(s, &err) < 0 || store_checkpoint(s, &err) < 0)
		return -1;
	return check_all(s);
}

/* Killed on a full disk, started on it, and again when there is space. */
static int
full_at_start(const char *dir)
{
	char path[256];
	struct store *s;

	if (fill(dir, path, sizeof(path)) < 0)
		return err_set(&err, "filler: %s", strerror(errno));
	s = store_open(dir, &err);
	printf("start on a full disk: %s\n", s == NULL ? err.text : "goes");
	store_close(s);
	unlink(path);
	if ((s = store_open(dir, &err)) == NULL)
		return -1;
	if (check_all(s) < 0)
		return -1;
	store_close(s);
	return 0;
}

static int
cmd_full(const char *dir)
{
	char sub[256];
	struct store *s;

	snprintf(sub, sizeof(sub), "%s/state", dir);
	if (store_init(sub, &err) < 0 || (s = store_open(sub, &err)) == NULL)
		return die("open");
	if (full_while_open(s, dir) < 0)
		return die("full");
	store_close(s);
	return full_at_start(sub) < 0 ? die("start") : 0;
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (strcmp(verb, "init") == 0)
		return store_init(argv[2], &err) < 0 ? die("init") : 0;
	if (strcmp(verb, "write") == 0)
		return cmd_write(argv[2], argc > 3 ? atol(argv[3]) : -1);
	if (strcmp(verb, "check") == 0)
		return cmd_check(argv[2]);
	if (strcmp(verb, "flush") == 0)
		return cmd_flush(argv[2]);
	if (strcmp(verb, "full") == 0)
		return cmd_full(argv[2]);
	fprintf(stderr, "usage: storekill init|write|check|flush|full DIR\n");
	return 64;
}
