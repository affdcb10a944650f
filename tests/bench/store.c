/*
 * store: the product's store with many accounts, each with one subscription.
 *
 *	store make DIR COUNT		an empty store, and COUNT accounts with even numbers
 *	store serve DIR COUNT		for each line "hit N", "negative N" or "outbox N" of standard input,
 *					ns of CPU for one of N random look-ups of accounts that are there, or
 *					that are not but would lie between them, or for one outbox record,
 *					put, committed, taken out again and committed
 */
#include <err.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/store.h"

#define GROUP	500	/* subscriptions in one commit */

static struct store *store;
static struct err e;
static uint64_t state = 88172645463325252;

static void
must(int rc, int want)
{
	if (rc != want)
		errx(1, "%d, not %d: %s", rc, want, rc < 0 ? e.text : "");
}

/* xorshift64: the same numbers every time. */
static uint64_t
below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static void
name_account(char *out, uint64_t number)
{
	snprintf(out, WIRE_USER_MAX, "user%07" PRIu64 "@example.net", number);
}

static void
put_subscription(uint64_t i)
{
	struct subscription sub;

	memset(&sub, 0, sizeof(sub));
	name_account(sub.account, 2 * i);
	snprintf(sub.id, sizeof(sub.id), "%016" PRIx64, below(UINT64_MAX));
	snprintf(sub.endpoint, sizeof(sub.endpoint), "https://push.example.net/p/%080" PRIu64, i);
	snprintf(sub.normal, sizeof(sub.normal), "%s", sub.endpoint);
	memset(sub.point, 4, sizeof(sub.point));
	snprintf(sub.key, sizeof(sub.key), "bench");
	sub.generation = 1;
	sub.state = SUB_ACTIVE;
	must(store_sub_put(store, &sub, &e), 0);
}

static void
fill(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (i % GROUP == 0)
			must(store_begin(store, &e), 0);
		put_subscription(i);
		if (i % GROUP == GROUP - 1 || i == count - 1)
			must(store_commit(store, &e), 0);
		if (store_checkpoint_due(store))
			must(store_checkpoint(store, &e), 0);
	}
	must(store_flush(store, &e), 0);
}

/* What the daemon does for a message: the first subscription behind (account, ""). */
static void
look_up(uint64_t number, bool there)
{
	struct subscription sub;
	char account[WIRE_USER_MAX + 1];
	int rc;

	name_account(account, number);
	rc = store_sub_next(store, account, "", &sub, &e);
	if (rc < 0)
		errx(1, "%s", e.text);
	if ((rc == 1 && strcmp(sub.account, account) == 0) != there)
		errx(1, "%s is %sthere", account, there ? "not " : "");
}

static void
hit(uint64_t count)
{
	look_up(2 * below(count), true);
}

static void
negative(uint64_t count)
{
	look_up(2 * below(count) + 1, false);
}

static void
outbox(uint64_t count)
{
	struct outbox_record r = {
		.number = 1 + below(count), .generation = 1, .type = OUTBOX_MAIL, .due = 1, .expires = 2,
		.mailbox = slice_of("INBOX"), .uidvalidity = 7, .uid = 1,
		.envelope = slice_of("(\"Mon, 7 Feb 1994 21:52:25 -0800\" \"afternoon meeting\" NIL NIL NIL NIL "
		    "NIL NIL NIL NIL)"),
		.queue_id = slice_of("4jYSd65W3Gz1brl5"),
	};

	must(store_begin(store, &e), 0);
	must(store_outbox_put(store, &r, &e), 0);
	must(store_commit(store, &e), 0);
	must(store_begin(store, &e), 0);
	must(store_outbox_del(store, r.number, r.sequence, &e), 0);
	must(store_commit(store, &e), 0);
	if (store_checkpoint_due(store))
		must(store_checkpoint(store, &e), 0);
}

static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static const struct {
	const char	*name;
	void		(*call)(uint64_t count);
} kinds[] = {
	{ "hit", hit }, { "negative", negative }, { "outbox", outbox }
};

static void
serve(uint64_t count)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		size_t k = 0;
		long n = strtol(line + strcspn(line, " "), NULL, 10);
		int64_t start;

		while (strncmp(line, kinds[k].name, strlen(kinds[k].name)) != 0)
			k++;
		start = cpu_ns();
		for (long i = 0; i < n; i++)
			kinds[k].call(count);
		printf("%.1f\n", (double)(cpu_ns() - start) / (double)n);
		fflush(stdout);
	}
}

int
main(int argc, char **argv)
{
	uint64_t count = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;

	if (count == 0)
		errx(64, "usage: store make|serve DIR COUNT");
	if (strcmp(argv[1], "make") == 0)
		must(store_init(argv[2], &e), 0);
	store = store_open(argv[2], &e);
	if (store == NULL)
		errx(1, "%s", e.text);
	if (strcmp(argv[1], "make") == 0)
		fill(count);
	else
		serve(count);
	store_close(store);
	return 0;
}
