/*
 * The join's table, a row or a corner a test.  What the sink hears is written down as one line per
 * notice and acknowledgement, and compared as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "daemon/join.h"
#include "daemon/join_int.h"

static const uint8_t hash_key[JOIN_KEY] = { 1, 2, 3 };

static const struct join_limits defaults = {
	.locate = true, .locate_timeout_ms = 2000, .arrival_timeout_ms = 120000,
	.milter_wait_ms = 3600000, .saved_max = 50000, .milter_max = 64 * 1024 * 1024,
};

struct room {
	struct join	*join;
	struct buf	 heard;
	bool		 refuses;
	size_t		 notices;
};

static int
on_notice(void *arg, const struct join_notice *n)
{
	struct room *r = arg;

	if (r->refuses)
		return -1;
	r->notices++;
	buf_printf(&r->heard, "%s:", n->cause);
	if (n->user.p != NULL)
		buf_printf(&r->heard, " %.*s", (int)n->user.len, n->user.p);
	if (n->mailbox.p != NULL)
		buf_printf(&r->heard, " %.*s/%u", (int)n->mailbox.len, n->mailbox.p, n->uid);
	if (n->recipient.p != NULL)
		buf_printf(&r->heard, " <%.*s>", (int)n->recipient.len, n->recipient.p);
	buf_printf(&r->heard, " %.*s\n", n->envelope.p == NULL ? 4 : (int)n->envelope.len,
	    n->envelope.p == NULL ? "SYNC" : n->envelope.p);
	return 0;
}

static void
on_acknowledge(void *arg, uint64_t peer, uint64_t seq)
{
	struct room *r = arg;

	buf_printf(&r->heard, "ack %u/%u\n", (unsigned)peer, (unsigned)seq);
}

static void
on_nothing(void *arg, const struct join_notice *n)
{
	struct room *r = arg;

	buf_printf(&r->heard, "nothing: <%.*s>\n", (int)n->recipient.len, n->recipient.p);
}

static void
room_open(struct room *r, const struct join_limits *limits)
{
	memset(r, 0, sizeof(*r));
	r->join = join_new(limits, hash_key);
	buf_init(&r->heard, 1 << 20);
}

static void
room_close(struct room *r)
{
	join_free(r->join);
	buf_clear(&r->heard);
}

static void
run(struct room *r, int64_t now_ms)
{
	struct join_sink sink = { on_notice, on_acknowledge, r, on_nothing };

	join_run(r->join, now_ms, 1000, &sink);
}

/* What was heard since the last call. */
static void
expect(struct room *r, const char *text)
{
	buf_octet(&r->heard, '\0');
	assert_string_equal((char *)r->heard.data, text);
	buf_reset(&r->heard);
}

/* recipients: address, token (NULL: none), ..., NULL. */
static int
arrive_as(struct room *r, uint64_t seq, const char *envelope, const char *message_id, int64_t now_ms,
    const char *const *recipients)
{
	struct wire_arrival a = { .seq = seq, .time_ms = 7, .queue_id = slice_of("QID"),
		.message_id = slice_of(message_id), .envelope = slice_of(envelope), .kind = 1 };
	struct wire_recipient to;
	struct frame f;
	struct buf b;
	size_t start, used;
	int rc;

	if (envelope == NULL)
		a.reason = ENVELOPE_TOO_LONG;
	buf_init(&b, FRAME_MAX);
	start = wire_begin_arrival(&b, &a);
	for (; *recipients != NULL; recipients += 2) {
		to.address = slice_of(recipients[0]);
		to.token = slice_of(recipients[1]);
		wire_put_recipient(&b, &to);
	}
	wire_end_arrival(&b, start);
	assert_int_equal(frame_next(b.data, b.len, FRAME_MAX, &f, &used), 1);
	assert_int_equal(wire_get_arrival(&f, &a), 0);
	rc = join_arrival(r->join, 1, &a, now_ms);
	buf_clear(&b);
	return rc;
}

#define ARRIVE(r, seq, now, ...)	assert_int_equal(arrive_as(r, seq, "(E)", "<m@x>", now, \
	    (const char *const[]){ __VA_ARGS__, NULL, NULL }), 0)

static void
save_as(struct room *r, const char *service, const char *token, const char *user,
    const char *mailbox, uint32_t uid, const char *message_id, int64_t now_ms)
{
	struct wire_saved s = { .token = slice_of(token), .service = slice_of(service),
		.user = slice_of(user), .mailbox = slice_of(mailbox), .uidvalidity = 9, .uid = uid,
		.queue_id = slice_of("QID"), .message_id = slice_of(message_id) };

	join_saved(r->join, &s, now_ms);
}

static void
save(struct room *r, const char *token, const char *user, const char *mailbox, uint32_t uid,
    int64_t now_ms)
{
	save_as(r, "lmtp", token, user, mailbox, uid, "<m@x>", now_ms);
}

static void
end(struct room *r, const char *token, uint64_t n, int64_t now_ms)
{
	struct wire_end e = { .token = slice_of(token), .user = slice_of("alice"), .n = n };

	join_end(r->join, &e, now_ms);
}

/* Row 1 */

static void
test_saved_end_arrival(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	run(&r, 0);
	expect(&r, "");
	ARRIVE(&r, 1, 10, "alice@x", "T");
	assert_int_equal(join_next(r.join), 0);
	run(&r, 10);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	assert_int_equal(join_next(r.join), 10 + 120000);
	room_close(&r);
}

static void
test_arrival_saved_end(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	save(&r, "T", "alice", "INBOX", 5, 1);
	run(&r, 1);
	expect(&r, "");
	end(&r, "T", 1, 2);
	run(&r, 2);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	room_close(&r);
}

/* Two connections of the module may be read in either order. */
static void
test_end_before_saved(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	end(&r, "T", 1, 1);
	run(&r, 1);
	expect(&r, "");
	save(&r, "T", "alice", "INBOX", 5, 2);
	run(&r, 2);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	room_close(&r);
}

static void
test_nothing_saved(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	end(&r, "T", 0, 0);
	ARRIVE(&r, 1, 0, "dave@x", "T");
	run(&r, 0);
	expect(&r, "nothing: <dave@x>\nack 1/1\n");
	run(&r, 500000);
	expect(&r, "");
	assert_int_equal(join_next(r.join), INT64_MAX);
	room_close(&r);
}

static void
test_fileinto_copy(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "Work", 3, 0);
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 2, 0);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	run(&r, 0);
	expect(&r, "joined: alice Work/3 (E)\njoined: alice INBOX/5 (E)\nack 1/1\n");
	room_close(&r);
}

static void
test_same_recipient_twice(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T", "alice@x", "T", "bob@x", "T:R2");
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/5 (E)\n");
	save(&r, "T:R2", "bob", "INBOX", 1, 0);
	end(&r, "T:R2", 1, 0);
	run(&r, 0);
	expect(&r, "joined: bob INBOX/1 (E)\nack 1/1\n");
	room_close(&r);
}

static void
test_one_transaction_in_two_frames(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	ARRIVE(&r, 2, 0, "alice@x", "T");
	save(&r, "T", "alice", "INBOX", 5, 0);
	run(&r, 0);
	expect(&r, "");		/* neither is acknowledged before the token is decided */
	end(&r, "T", 1, 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/2\nack 1/1\n");
	room_close(&r);
}

static void
test_no_envelope(void **state)
{
	struct room r;
	const char *const to[] = { "alice@x", "T", NULL };

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	assert_int_equal(arrive_as(&r, 1, NULL, NULL, 0, to), 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/5 SYNC\nack 1/1\n");
	room_close(&r);
}

/* Row 2 */

static void
test_no_token(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", NULL, "bob@x", NULL);
	run(&r, 0);
	expect(&r, "no token: <alice@x> SYNC\nno token: <bob@x> SYNC\nack 1/1\n");
	assert_int_equal(join_next(r.join), INT64_MAX);
	room_close(&r);
}

static void
test_locate_none(void **state)
{
	struct join_limits limits = defaults;
	struct room r;

	(void)state;
	limits.locate = false;
	room_open(&r, &limits);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	run(&r, 0);
	expect(&r, "not located: <alice@x> SYNC\nack 1/1\n");
	ARRIVE(&r, 2, 1000, "alice@x", "T");
	run(&r, 1000);
	expect(&r, "ack 1/2\n");
	room_close(&r);
}

static void
test_no_end(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	save(&r, "T", "alice", "Work", 3, 0);
	assert_int_equal(join_next(r.join), 2000);
	run(&r, 1999);
	expect(&r, "");
	run(&r, 2000);
	expect(&r, "joined: alice Work/3 (E)\nno end: <alice@x> SYNC\nack 1/1\n");
	end(&r, "T", 1, 2100);
	run(&r, 2100);
	expect(&r, "");
	room_close(&r);
}

/* The daemon was restarted: what the module said is lost, the arrival comes again. */
static void
test_saved_was_lost(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 8, 0, "alice@x", "T");
	run(&r, 2000);
	expect(&r, "no end: <alice@x> SYNC\nack 1/8\n");
	room_close(&r);
}

static void
test_fewer_than_n(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "Work", 3, 0);
	end(&r, "T", 2, 0);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	run(&r, 2000);
	expect(&r, "joined: alice Work/3 (E)\nfewer saved: <alice@x> SYNC\nack 1/1\n");
	/* The one that was missing: the SYNC's recipient comes along, so that it need not ring twice. */
	save(&r, "T", "alice", "INBOX", 5, 2500);
	run(&r, 2500);
	expect(&r, "late: alice INBOX/5 <alice@x> SYNC\n");
	/* And what was told already does nothing. */
	save(&r, "T", "alice", "INBOX", 5, 2600);
	save(&r, "T", "alice", "Work", 3, 2600);
	run(&r, 2600);
	expect(&r, "");
	room_close(&r);
}

/* Row 3 */

static void
test_no_arrival(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "Work", 3, 0);
	end(&r, "T", 1, 0);
	save(&r, "T2", "alice", "Work", 4, 1000);
	run(&r, 119999);
	expect(&r, "");
	assert_int_equal(join_next(r.join), 120000);
	run(&r, 120000);
	expect(&r, "no arrival: alice Work/3 SYNC\n");
	run(&r, 121000);
	expect(&r, "no arrival: alice Work/4 SYNC\n");
	/* It comes after all: that mail has rung. */
	ARRIVE(&r, 1, 122000, "alice@x", "T");
	run(&r, 122000);
	expect(&r, "ack 1/1\n");
	room_close(&r);
}

static void
test_lda_waits_five_seconds(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save_as(&r, "lda", "L", "alice", "INBOX", 3, NULL, 0);
	end(&r, "L", 1, 0);
	run(&r, 4999);
	expect(&r, "");
	run(&r, 5000);
	expect(&r, "no arrival: alice INBOX/3 SYNC\n");
	room_close(&r);
}

/* fileinto worked, then INBOX failed with a 451: no arrival for this try, one for the next. */
static void
test_4xx_after_n(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "Work", 3, 0);
	end(&r, "T", 1, 0);
	save(&r, "U", "alice", "Work", 4, 60000);
	save(&r, "U", "alice", "INBOX", 5, 60000);
	end(&r, "U", 2, 60000);
	ARRIVE(&r, 1, 60000, "alice@x", "U");
	run(&r, 60000);
	expect(&r, "joined: alice Work/4 (E)\njoined: alice INBOX/5 (E)\nack 1/1\n");
	run(&r, 120000);
	expect(&r, "no arrival: alice Work/3 SYNC\n");
	room_close(&r);
}

/* The end came, its saved did not, and the arrival is late: somebody must be told. */
static void
test_late_arrival_for_nothing_told(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	end(&r, "T", 1, 0);
	run(&r, 120000);
	ARRIVE(&r, 1, 120001, "alice@x", "T");
	run(&r, 120001);
	expect(&r, "");
	run(&r, 122001);
	expect(&r, "fewer saved: <alice@x> SYNC\nack 1/1\n");
	room_close(&r);
}

/* Memory of what was decided */

static void
test_repeats(void **state)
{
	struct join_counts counts;
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	save(&r, "T", "alice", "INBOX", 5, 0);
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	ARRIVE(&r, 2, 119999, "alice@x", "T");
	assert_int_equal(join_next(r.join), 0);
	run(&r, 119999);
	expect(&r, "ack 1/2\n");
	run(&r, 120000);
	ARRIVE(&r, 3, 120000, "alice@x", "T");
	run(&r, 122000);
	expect(&r, "no end: <alice@x> SYNC\nack 1/3\n");
	join_count(r.join, &counts);
	assert_int_equal(counts.repeated, 2);
	assert_int_equal(counts.joined, 1);
	assert_int_equal(counts.sync_no_end, 1);
	room_close(&r);
}

static void
test_more_than_end_says(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	save(&r, "T", "alice", "INBOX", 6, 1);
	run(&r, 1);
	expect(&r, "late: alice INBOX/6 SYNC\n");
	room_close(&r);
}

/* The sink, bounds, the end */

static void
test_refused_notice(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	ARRIVE(&r, 2, 0, "bob@x", NULL);
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	r.refuses = true;
	run(&r, 100);
	assert_int_equal(join_next(r.join), 1100);
	r.refuses = false;
	run(&r, 1099);
	expect(&r, "");
	run(&r, 1100);
	expect(&r, "joined: alice INBOX/5 (E)\nno token: <bob@x> SYNC\nack 1/1\nack 1/2\n");
	room_close(&r);
}

static void
test_budget(void **state)
{
	struct room r;
	struct join_sink sink = { on_notice, on_acknowledge, &r, NULL };

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	for (uint32_t uid = 1; uid <= 5; uid++)
		save(&r, "T", "alice", "INBOX", uid, 0);
	end(&r, "T", 5, 0);
	join_run(r.join, 0, 2, &sink);
	assert_int_equal(r.notices, 2);
	assert_true(join_next(r.join) <= 0);
	join_run(r.join, 0, 2, &sink);
	assert_int_equal(r.notices, 4);
	buf_reset(&r.heard);
	join_run(r.join, 0, 2, &sink);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	room_close(&r);
}

static void
test_saved_max(void **state)
{
	struct join_limits limits = defaults;
	struct join_counts counts;
	struct room r;
	char token[16];

	(void)state;
	limits.saved_max = 10;
	room_open(&r, &limits);
	for (uint32_t i = 0; i < 12; i++) {
		snprintf(token, sizeof(token), "T%u", i);
		save(&r, token, "alice", "INBOX", i, i);
	}
	run(&r, 20);
	expect(&r, "no arrival: alice INBOX/0 SYNC\nno arrival: alice INBOX/1 SYNC\n");
	join_count(r.join, &counts);
	assert_int_equal(counts.overflow, 2);
	assert_int_equal(counts.waiting_saved, 10);
	room_close(&r);
}

/* One token that is said to have had endless messages costs no more than as many tokens. */
static void
test_endless_messages_of_one_token(void **state)
{
	struct join_counts counts;
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	r.refuses = true;
	for (uint32_t i = 0; i < 200000; i++)
		save(&r, "T", "mallory", "INBOX", i, 0);
	join_count(r.join, &counts);
	assert_true(counts.waiting_saved <= 2 * defaults.saved_max + 1);
	room_close(&r);
}

static void
test_finish(void **state)
{
	struct room r;
	struct join_sink sink = { on_notice, on_acknowledge, &r, NULL };

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	save(&r, "T", "alice", "Work", 3, 0);
	save(&r, "U", "bob", "INBOX", 5, 0);
	r.refuses = true;
	join_finish(r.join, &sink);
	expect(&r, "");
	r.refuses = false;
	join_finish(r.join, &sink);
	expect(&r, "joined: alice Work/3 (E)\nno end: <alice@x> SYNC\nno arrival: bob INBOX/5 SYNC\n"
	    "ack 1/1\n");
	room_close(&r);
}

/* hook = milter */

static void
milter_open(struct room *r, size_t max)
{
	struct join_limits limits = defaults;

	limits.milter = true;
	limits.milter_max = max;
	room_open(r, &limits);
}

static const char *const nobody[] = { NULL };

static void
test_milter(void **state)
{
	struct room r;

	(void)state;
	milter_open(&r, defaults.milter_max);
	assert_int_equal(arrive_as(&r, 1, "(E)", "<m@x>", 0, nobody), 0);
	run(&r, 0);
	expect(&r, "ack 1/1\n");
	save(&r, "T", "alice", "INBOX", 5, 1000);
	save(&r, "U", "bob", "INBOX", 6, 3599000);
	run(&r, 3599000);
	expect(&r, "joined: alice INBOX/5 (E)\njoined: bob INBOX/6 (E)\n");
	/* An hour later it is forgotten. */
	run(&r, 3600000);
	save(&r, "V", "bob", "INBOX", 7, 3600000);
	run(&r, 3604999);
	expect(&r, "");
	run(&r, 3605000);
	expect(&r, "no arrival: bob INBOX/7 SYNC\n");
	assert_int_equal(join_next(r.join), INT64_MAX);
	room_close(&r);
}

static void
test_milter_saved_first(void **state)
{
	struct room r;

	(void)state;
	milter_open(&r, defaults.milter_max);
	save(&r, "T", "alice", "INBOX", 5, 0);
	save(&r, "T", "bob", "INBOX", 5, 0);
	assert_int_equal(arrive_as(&r, 1, "(E)", "<m@x>", 4000, nobody), 0);
	run(&r, 4000);
	expect(&r, "joined: alice INBOX/5 (E)\njoined: bob INBOX/5 (E)\nack 1/1\n");
	room_close(&r);
}

/* Either id alone could be forged. */
static void
test_milter_both_ids(void **state)
{
	struct room r;

	(void)state;
	milter_open(&r, defaults.milter_max);
	assert_int_equal(arrive_as(&r, 1, "(E)", "<m@x>", 0, nobody), 0);
	assert_int_equal(arrive_as(&r, 2, "(F)", NULL, 0, nobody), 0);
	save_as(&r, "lmtp", "T", "alice", "INBOX", 5, "<other@x>", 0);
	save_as(&r, "lmtp", "T", "alice", "INBOX", 6, NULL, 0);
	run(&r, 0);
	expect(&r, "no arrival: alice INBOX/6 SYNC\nack 1/1\nack 1/2\n");
	run(&r, 5000);
	expect(&r, "no arrival: alice INBOX/5 SYNC\n");
	room_close(&r);
}

static void
test_milter_bound(void **state)
{
	struct room r;
	char id[16];

	(void)state;
	milter_open(&r, 10000);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "<%u@x>", i);
		assert_int_equal(arrive_as(&r, i, "(E)", id, 0, nobody), 0);
	}
	assert_true(r.join->held_octets <= 10000);
	run(&r, 0);
	buf_reset(&r.heard);
	save_as(&r, "lmtp", "T", "alice", "INBOX", 5, "<0@x>", 0);
	save_as(&r, "lmtp", "T", "alice", "INBOX", 6, "<999@x>", 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/6 (E)\n");
	room_close(&r);
}

/* The vector in appendix A of the SipHash paper. */
static void
test_siphash(void **state)
{
	uint8_t key[JOIN_KEY], in[15];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 15; i++)
		in[i] = i;
	assert_true(join_hash(key, (struct slice){ (const char *)in, 15 }) ==
	    UINT64_C(0xa129ca6149be45e5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saved_end_arrival),
		cmocka_unit_test(test_arrival_saved_end),
		cmocka_unit_test(test_end_before_saved),
		cmocka_unit_test(test_nothing_saved),
		cmocka_unit_test(test_fileinto_copy),
		cmocka_unit_test(test_same_recipient_twice),
		cmocka_unit_test(test_one_transaction_in_two_frames),
		cmocka_unit_test(test_no_envelope),
		cmocka_unit_test(test_no_token),
		cmocka_unit_test(test_locate_none),
		cmocka_unit_test(test_no_end),
		cmocka_unit_test(test_saved_was_lost),
		cmocka_unit_test(test_fewer_than_n),
		cmocka_unit_test(test_no_arrival),
		cmocka_unit_test(test_lda_waits_five_seconds),
		cmocka_unit_test(test_4xx_after_n),
		cmocka_unit_test(test_late_arrival_for_nothing_told),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_more_than_end_says),
		cmocka_unit_test(test_refused_notice),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_saved_max),
		cmocka_unit_test(test_endless_messages_of_one_token),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_milter),
		cmocka_unit_test(test_milter_saved_first),
		cmocka_unit_test(test_milter_both_ids),
		cmocka_unit_test(test_milter_bound),
		cmocka_unit_test(test_siphash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
