/*
 * From news to outbox records to the next push, on a real store: who gets what, what is too much, what
 * travels together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/batch.h"
#include "daemon/census.h"
#include "daemon/ring.h"
#include "daemon/sender.h"
#include "daemon/silence.h"
#include "lib/clock.h"

#define NOW	1800000000LL

struct place {
	char		 dir[64];
	struct daemon	 d;
	struct batch	*batch;
	struct err	 err;
};

#define OK(p, call)	do { \
		if ((call) < 0) \
			fail_msg("%s: %s", #call, (p)->err.text); \
	} while (0)

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct daemon *d = &p->d;

	snprintf(p->dir, sizeof(p->dir), "/tmp/mbringXXXXXX");
	assert_non_null(mkdtemp(p->dir));
	OK(p, store_init(p->dir, &p->err));
	d->config.burst = 20;
	d->config.burst_interval = 5;
	d->config.unseen_max = 50;
	d->config.sync_interval = 600;
	d->loop = loop_new();
	d->silences = silences_new();
	d->store = store_open(p->dir, &p->err);
	d->guard = guard_new(&d->config, &p->err);
	d->sender = sender_new(d, &p->err);
	assert_non_null(d->sender);
	p->batch = calloc(1, sizeof(*p->batch));
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;
	struct daemon *d = &p->d;

	sender_free(d->sender);
	guard_free(d->guard);
	store_close(d->store);
	silences_free(d->silences);
	loop_free(d->loop);
	if (fork() == 0) {
		execlp("rm", "rm", "-rf", p->dir, (char *)NULL);
		_exit(1);
	}
	wait(NULL);
	free(p->batch);
	free(p);
	return 0;
}

static uint64_t
add_sub(struct place *p, const char *account, const char *id, const char *host, enum sub_state state)
{
	static struct subscription sub;

	memset(&sub, 0, sizeof(sub));
	snprintf(sub.account, sizeof(sub.account), "%s", account);
	snprintf(sub.id, sizeof(sub.id), "%s", id);
	snprintf(sub.endpoint, sizeof(sub.endpoint), "https://%s/%s", host, id);
	snprintf(sub.normal, sizeof(sub.normal), "https://%s/%s", host, id);
	sub.generation = 1;
	sub.state = state;
	OK(p, store_begin(p->d.store, &p->err));
	OK(p, store_sub_put(p->d.store, &sub, &p->err));
	OK(p, store_commit(p->d.store, &p->err));
	return sub.number;
}

static uint64_t
phone(struct place *p)
{
	return add_sub(p, "alice", "phone", "push.example", SUB_ACTIVE);
}

static void
ring_in(struct place *p, const char *mailbox, uint32_t uid, const char *envelope)
{
	struct news news = {
		.mailbox = slice_of(mailbox), .envelope = slice_of(envelope), .uid = uid,
		.uidvalidity = 1, .accepted_ms = NOW * 1000 + uid, .now_s = NOW,
	};

	OK(p, ring_account(&p->d, "alice", &news, &p->err));
}

static size_t
count(struct place *p, uint64_t number, enum outbox_type type)
{
	struct outbox_record r;
	uint64_t sequence = 0;
	size_t n = 0;

	while (store_outbox_next(p->d.store, number, sequence, &r, &p->err) == 1 && r.number == number) {
		n += r.type == type;
		sequence = r.sequence;
	}
	return n;
}

static void
gather(struct place *p, uint64_t number, uint64_t generation, int64_t now_s)
{
	OK(p, store_begin(p->d.store, &p->err));
	OK(p, batch_gather(p->d.store, number, generation, now_s, p->batch, &p->err));
	OK(p, store_commit(p->d.store, &p->err));
}

static void
hundred_are_told_one_by_one(void **state)
{
	struct place *p = *state;
	uint64_t number = phone(p);

	for (uint32_t uid = 1; uid <= RING_WAITING; uid++)
		ring_in(p, "INBOX", uid, "(e)");
	assert_int_equal(count(p, number, OUTBOX_MAIL), RING_WAITING);
	assert_int_equal(count(p, number, OUTBOX_SYNC), 0);
	assert_int_equal(sender_waiting(p->d.sender, number), RING_WAITING);
}

static void
more_become_the_sync_of_their_mailboxes(void **state)
{
	struct place *p = *state;
	uint64_t number = phone(p);

	for (uint32_t uid = 1; uid <= 2000; uid++)
		ring_in(p, uid % 2 == 0 ? "INBOX" : "Lists", uid, "(e)");
	assert_int_equal(count(p, number, OUTBOX_MAIL), 0);
	assert_int_equal(count(p, number, OUTBOX_SYNC), 2);
	assert_int_equal(p->d.counters.collapsed, RING_WAITING);
	ring_in(p, "Other", 1, "(e)");		/* waits are recounted only by a look */
	gather(p, number, 1, NOW + 1);
	assert_int_equal(p->batch->n, 3);
}

/* The SYNC takes up later mail also when the sender has counted anew. */
static void
a_collapsed_sync_takes_up_later_mail(void **state)
{
	struct place *p = *state;
	uint64_t number = phone(p);

	for (uint32_t uid = 1; uid <= RING_WAITING + 1; uid++)
		ring_in(p, "INBOX", uid, "(e)");
	sender_forget(p->d.sender, number);
	sender_added(p->d.sender, number, 1);
	ring_in(p, "INBOX", 1000, "(e)");
	assert_int_equal(count(p, number, OUTBOX_MAIL), 0);
	ring_in(p, "Other", 1001, "(e)");
	assert_int_equal(count(p, number, OUTBOX_MAIL), 1);
	assert_int_equal(count(p, number, OUTBOX_SYNC), 1);
}

/* The SYNC of a message that was too long for a push stands for itself alone. */
static void
an_ordinary_sync_takes_up_syncs_alone(void **state)
{
	struct place *p = *state;
	uint64_t number = phone(p);

	ring_in(p, "INBOX", 1, NULL);
	ring_in(p, "INBOX", 2, NULL);
	ring_in(p, "INBOX", 3, "(e)");
	assert_int_equal(count(p, number, OUTBOX_SYNC), 1);
	assert_int_equal(count(p, number, OUTBOX_MAIL), 1);
}

static void
too_many_mailboxes_become_the_account(void **state)
{
	struct place *p = *state;
	uint64_t number = phone(p);
	char name[16];

	for (uint32_t uid = 1; uid <= RING_WAITING + 1; uid++) {
		snprintf(name, sizeof(name), "M%u", uid);
		ring_in(p, name, uid, "(e)");
	}
	assert_int_equal(count(p, number, OUTBOX_MAIL), 0);
	assert_int_equal(count(p, number, OUTBOX_SYNC), 1);
	gather(p, number, 1, NOW + 1);
	assert_null(p->batch->items[0].mailbox.p);
}

static void
only_active_devices_ring(void **state)
{
	struct place *p = *state;
	uint64_t active = phone(p);
	uint64_t waiting = add_sub(p, "alice", "new", "push.example", SUB_UNACKNOWLEDGED);
	uint64_t other = add_sub(p, "alicea", "phone", "push.example", SUB_ACTIVE);

	ring_in(p, "INBOX", 1, "(e)");
	assert_int_equal(count(p, active, OUTBOX_MAIL), 1);
	assert_int_equal(count(p, waiting, OUTBOX_MAIL), 0);
	assert_int_equal(count(p, other, OUTBOX_MAIL), 0);
}

static void
who_is_away_gets_syncs(void **state)
{
	struct place *p = *state;
	uint64_t number = phone(p);
	struct delivery d;

	OK(p, store_begin(p->d.store, &p->err));
	OK(p, store_delivery_get(p->d.store, number, &d, &p->err));
	d.unseen = 50;
	OK(p, store_delivery_put(p->d.store, &d, &p->err));
	OK(p, store_commit(p->d.store, &p->err));
	for (uint32_t uid = 1; uid <= 5; uid++)
		ring_in(p, "INBOX", uid, "(e)");
	assert_int_equal(count(p, number, OUTBOX_SYNC), 1);
	assert_int_equal(count(p, number, OUTBOX_MAIL), 0);
}

static void
a_silence_holds_back_one_digest(void **state)
{
	struct place *p = *state;
	uint64_t number = phone(p);

	OK(p, silence_hold(&p->d, number, 77, NOW, &p->err));
	for (uint32_t uid = 1; uid <= 5; uid++)
		ring_in(p, "INBOX", uid, "(e)");
	assert_int_equal(count(p, number, OUTBOX_DIGEST), 1);
	gather(p, number, 1, NOW + 1);
	assert_int_equal(p->batch->n, 0);
	assert_int_equal(p->batch->total, 1);
	assert_true(p->batch->next_due == OUTBOX_NEVER);
	silence_drop(&p->d, 77, true);		/* by the clock of now */
	gather(p, number, 1, clock_wall_s() + 1);
	assert_int_equal(p->batch->n, 1);
}

/* What travels together is sorted, and what is too old is counted and gone. */
static void
a_batch_is_in_order(void **state)
{
	struct place *p = *state;
	uint64_t number = phone(p);
	struct batch_push push;

	ring_in(p, "Lists", 7, "(l7)");
	ring_in(p, "INBOX", 9, "(i9)");
	ring_in(p, "INBOX", 3, "(i3)");
	gather(p, number, 1, NOW);
	assert_int_equal(p->batch->n, 3);
	assert_int_equal(p->batch->oldest_ms, NOW * 1000 + 3);
	batch_write(p->batch, PUSHMSG_MAX, false, SLICE_NIL, SLICE_NIL, &push);
	assert_int_equal(push.covers, 3);
	assert_true(push.with_envelope && push.urgency == URGENCY_HIGH);
	assert_int_equal(push.bucket, 1024);
	assert_memory_equal(push.plain, "* SELECT \"INBOX\"\r\n* 3 UIDFETCH (ENVELOPE (i3))\r\n"
	    "* 9 UIDFETCH (ENVELOPE (i9))\r\n* SELECT \"Lists\"\r\n"
	    "* 7 UIDFETCH (ENVELOPE (l7))\r\n", push.len);
	gather(p, number, 1, NOW);
	batch_write(p->batch, PUSHMSG_MAX, true, SLICE_NIL, SLICE_NIL, &push);
	assert_false(push.with_envelope);
	assert_memory_equal(push.plain, "* SELECT \"INBOX\"\r\n* SYNC\r\n"
	    "* SELECT \"Lists\"\r\n* SYNC\r\n", push.len);
	gather(p, number, 1, NOW + RING_TTL_S);
	assert_int_equal(p->batch->total, 0);
	assert_int_equal(p->batch->expired, 3);
}

static void
another_generation_is_gone(void **state)
{
	struct place *p = *state;
	uint64_t number = phone(p);

	ring_in(p, "INBOX", 3, "(e)");
	gather(p, number, 2, NOW);
	assert_int_equal(p->batch->total, 0);
	assert_int_equal(p->batch->expired, 0);
}

static void
the_census_counts_accounts(void **state)
{
	struct place *p = *state;
	struct census *c = census_new();
	struct census_count n;

	add_sub(p, "a", "1", "push.example", SUB_ACTIVE);
	add_sub(p, "a", "2", "push.example", SUB_ACTIVE);
	add_sub(p, "b", "1", "push.example.org", SUB_ACTIVE);
	add_sub(p, "c", "1", "push.example", SUB_UNACKNOWLEDGED);
	n = census_take(c, p->d.store, "https://push.example", 1000);
	assert_int_equal(n.accounts, 1);
	assert_true(n.whole);
	add_sub(p, "d", "1", "push.example", SUB_ACTIVE);
	n = census_take(c, p->d.store, "https://push.example", 1000 + CENSUS_KEEP_S);
	assert_int_equal(n.accounts, 2);
	add_sub(p, "e", "1", "push.example", SUB_ACTIVE);
	add_sub(p, "f", "1", "push.example", SUB_ACTIVE);
	n = census_take(c, p->d.store, "https://push.example", 1000 + 2 * CENSUS_KEEP_S);
	assert_int_equal(n.accounts, CENSUS_ENOUGH);
	assert_false(n.whole);
	assert_int_equal(census_take(c, p->d.store, "https://nobody.example", 1).accounts, 0);
	add_sub(p, "g", "1", "nobody.example", SUB_ACTIVE);
	n = census_take(c, p->d.store, "https://nobody.example", 1 + CENSUS_NOBODY_S);
	assert_int_equal(n.accounts, 1);
	census_free(c);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hundred_are_told_one_by_one),
		TEST(more_become_the_sync_of_their_mailboxes),
		TEST(a_collapsed_sync_takes_up_later_mail),
		TEST(an_ordinary_sync_takes_up_syncs_alone),
		TEST(too_many_mailboxes_become_the_account),
		TEST(only_active_devices_ring),
		TEST(who_is_away_gets_syncs),
		TEST(a_silence_holds_back_one_digest),
		TEST(a_batch_is_in_order),
		TEST(another_generation_is_gone),
		TEST(the_census_counts_accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
