/*
 * store: the product's store with many accounts, each with one subscription.
 *
 *	store make DIR COUNT		an empty store, and COUNT accounts with even numbers
 *	store fill DIR COUNT PREFIX KEY <KEYS
 *					the same into a store that is there, each with a device rung at
 *					a URL that starts with PREFIX, signed for by VAPID key KEY; each
 *					line of KEYS is "p256dh auth" of a device, and they go round
 *	store serve DIR COUNT		for each line "KIND N" of standard input, ns of CPU for one of N:
 *					hit		a random look-up of an account that is there
 *					bare		the same by Berkeley DB's get alone
 *					negative	of one that is not, but would lie between them
 *					outbox		an outbox record: put, committed, taken out again,
 *							committed
 */
#include <err.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/store_int.h"
#include "lib/base64url.h"
#include "lib/clock.h"

#define GROUP	500	/* subscriptions in one commit */
#define KEYS_MAX	1000

/* What subscriptions are made of. */
struct device {
	uint8_t	point[ECE_POINT], auth[ECE_AUTH];
};

static struct device devices[KEYS_MAX] = { { { 4 }, { 0 } } };
static size_t n_devices = 1;
static const char *prefix = "https://push.example.net/p/", *vapid_key = "bench";

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

/* As spread as random ones, and known again from the account's number alone. */
static void
name_sub(char *out, uint64_t number)
{
	snprintf(out, SUB_ID_MAX, "%016" PRIx64, number * UINT64_C(0x9e3779b97f4a7c15));
}

static void
read_devices(void)
{
	char line[256], point[128], auth[64];

	for (n_devices = 0; n_devices < KEYS_MAX && fgets(line, sizeof(line), stdin) != NULL; n_devices++) {
		struct device *d = &devices[n_devices];

		if (sscanf(line, "%127s %63s", point, auth) != 2 ||
		    base64url_decode(slice_of(point), d->point, ECE_POINT) != ECE_POINT ||
		    base64url_decode(slice_of(auth), d->auth, ECE_AUTH) != ECE_AUTH)
			errx(1, "line %zu is no key", n_devices + 1);
	}
	if (n_devices == 0)
		errx(1, "no keys");
}

/* Acknowledged, and it has worked before. */
static void
put_subscription(uint64_t i)
{
	const struct device *d = &devices[i % n_devices];
	struct subscription sub;
	struct delivery del;

	memset(&sub, 0, sizeof(sub));
	memset(&del, 0, sizeof(del));
	name_account(sub.account, 2 * i);
	name_sub(sub.id, 2 * i);
	snprintf(sub.endpoint, sizeof(sub.endpoint), "%s%080" PRIu64, prefix, i);
	snprintf(sub.normal, sizeof(sub.normal), "%s", sub.endpoint);
	memcpy(sub.point, d->point, sizeof(sub.point));
	memcpy(sub.auth, d->auth, sizeof(sub.auth));
	snprintf(sub.key, sizeof(sub.key), "%s", vapid_key);
	for (int k = 0; k < TOPICS; k++)
		snprintf(sub.topic[k], sizeof(sub.topic[k]), "%016" PRIx64, below(UINT64_MAX));
	sub.created = sub.refreshed = sub.acknowledged = clock_wall_s();
	sub.generation = 1;
	sub.state = SUB_ACTIVE;
	must(store_sub_put(store, &sub, &e), 0);
	del.number = sub.number;
	memcpy(del.account, sub.account, sizeof(del.account));
	memcpy(del.id, sub.id, sizeof(del.id));
	del.last_success = del.last_try = sub.created;
	must(store_delivery_put(store, &del, &e), 0);
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

/* What is underneath a hit: no cursor, and nothing is decoded. */
static void
bare(uint64_t count)
{
	DB *db = store->base[BASE_SUB];
	char account[WIRE_USER_MAX + 1], id[SUB_ID_MAX + 1];
	uint64_t number = 2 * below(count);
	struct store_key key;
	DBT k = { 0 };

	name_account(account, number);
	name_sub(id, number);
	must(store_key_sub(&key, account, id), 0);
	k.data = key.octets;
	k.size = (uint32_t)key.len;
	if (db->get(db, NULL, &k, &store->value, 0) != 0)
		errx(1, "%s cannot be read", account);
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
		.envelope = slice_of("(\"Mon, 7 Feb 1994 21:52:25 -0800\" \"afternoon meeting\" NIL NIL NIL "
		    "NIL NIL NIL NIL NIL)"),
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
	{ "hit", hit }, { "bare", bare }, { "negative", negative }, { "outbox", outbox }
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
	bool make = argc == 4 && strcmp(argv[1], "make") == 0;
	bool full = argc == 6 && strcmp(argv[1], "fill") == 0;
	uint64_t count = argc >= 4 ? strtoull(argv[3], NULL, 10) : 0;

	if (count == 0 || (!make && !full && (argc != 4 || strcmp(argv[1], "serve") != 0)))
		errx(64, "usage: store make|serve DIR COUNT, store fill DIR COUNT PREFIX KEY");
	if (make)
		must(store_init(argv[2], &e), 0);
	if (full) {
		prefix = argv[4];
		vapid_key = argv[5];
		read_devices();
	}
	store = store_open(argv[2], &e);
	if (store == NULL)
		errx(1, "%s", e.text);
	if (make || full)
		fill(count);
	else
		serve(count);
	store_close(store);
	return 0;
}
