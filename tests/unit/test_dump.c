/* Records as rows and back: whole, and strict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/dump.h"

static struct subscription
a_subscription(void)
{
	struct subscription s = {
		.account = "al\"ice@example.org", .id = "phone", .number = 42, .generation = 7,
		.state = SUB_ACTIVE, .endpoint = "https://push.example.net/x", .normal =
		"https://push.example.net/x", .key = "0123456789abcdef", .n_tokens = 2, .topic = { "one",
		"two", "three" }, .created = 1, .refreshed = 2, .acknowledged = 3, .inactive_since = -4,
	};

	memset(s.point, 0xa5, sizeof(s.point));
	memset(s.auth, 0x5a, sizeof(s.auth));
	memset(s.tokens[0].hash, 1, TOKEN_HASH);
	memset(s.tokens[1].hash, 2, TOKEN_HASH);
	s.tokens[0].expires = 100;
	s.tokens[1].expires = 4000000000;
	return s;
}

/* Every member has a value of its own, so that two that are mixed up show. */
static struct delivery
a_delivery(void)
{
	struct delivery d = {
		.number = 42, .last_success = 11, .last_try = 12, .last_result = 13, .last_status = 14,
		.failures = 15, .failing_since = 16, .wait_until = 17, .first_404 = 18, .fail_429 = 19,
		.tries = 20, .size_limit = 21, .as_sync = true, .key_refused = true, .quieted = true,
		.verify_sent = 22, .burst_ms = 23, .high_since = 24, .high_count = 25, .unseen = 26,
		.unseen_sync = 27, .silent_until = 28, .told_key = 0xfedcba9876543210, .told_time = 29,
		.told_count = UINT32_MAX,
	};

	memcpy(d.account, "al\"ice@example.org", sizeof("al\"ice@example.org"));
	memcpy(d.id, "phone", sizeof("phone"));
	return d;
}

static int
read_back(const struct buf *b, struct dump *out, struct err *err)
{
	struct frame f;
	size_t used;

	assert_int_equal(frame_next(b->data, b->len, FRAME_MAX_ROW, &f, &used), 1);
	assert_int_equal(used, b->len);
	return dump_get(&f, out, err);
}

static void
test_subscription(void **state)
{
	struct subscription sub = a_subscription();
	struct delivery delivery = a_delivery();
	struct dump d;
	struct err err;
	struct buf b;

	(void)state;
	buf_init(&b, FRAME_MAX_ROW);
	dump_put_subscription(&b, &sub, &delivery);
	assert_int_equal(read_back(&b, &d, &err), 0);
	assert_int_equal(d.kind, DUMP_SUBSCRIPTION);
	sub.number = delivery.number = 0;
	sub.generation = 1;
	assert_memory_equal(&d.sub, &sub, sizeof(sub));
	assert_memory_equal(&d.delivery, &delivery, sizeof(delivery));
	buf_clear(&b);
}

/* What is zero is not written, and is zero again. */
static void
test_bare(void **state)
{
	struct subscription sub = a_subscription();
	struct delivery delivery = { .number = 42 }, *got;
	struct dump d;
	struct err err;
	struct buf b;

	(void)state;
	sub.state = SUB_UNACKNOWLEDGED;
	sub.n_tokens = 0;
	sub.key[0] = '\0';	/* but for what has to be there */
	buf_init(&b, FRAME_MAX_ROW);
	dump_put_subscription(&b, &sub, &delivery);
	assert_int_equal(read_back(&b, &d, &err), 0);
	got = &d.delivery;
	assert_int_equal(d.sub.state, SUB_UNACKNOWLEDGED);
	assert_int_equal(d.sub.n_tokens, 0);
	assert_string_equal(d.sub.key, "");
	assert_int_equal(got->last_success | got->silent_until | got->told_count, 0);
	buf_clear(&b);
}

static void
test_account(void **state)
{
	struct account a = {
		.name = "bob", .content = CONTENT_SYNC, .hour_start = 1, .day_start = 2, .hour_count = 3,
		.day_count = 4, .wrong_start = 5, .wrong_count = 6,
	};
	struct dump d;
	struct err err;
	struct buf b;

	(void)state;
	for (a.content = -1; a.content <= CONTENT_SYNC; a.content++) {
		buf_init(&b, FRAME_MAX_ROW);
		dump_put_account(&b, &a);
		assert_int_equal(read_back(&b, &d, &err), 0);
		assert_int_equal(d.kind, DUMP_ACCOUNT);
		assert_memory_equal(&d.account, &a, sizeof(a));
		buf_clear(&b);
	}
}

/* Rows that would lose or invent something are refused, with a reason. */

struct cell {
	const char	*name, *text;	/* text NULL: number */
	int64_t		 number;
};

static const struct cell good[] = {
	{ "version", NULL, 1 }, { "kind", "account", 0 }, { "account", "bob", 0 },
	{ "content", "sync", 0 }, { "hour_count", NULL, 3 },
};

static const struct {
	const char	*name, *reason;
	size_t		 at;		/* which of the good cells is another one; 5: one more */
	struct cell	 cell;
} bad[] = {
	{ "no version", "version", 0, { "kind", "account", 0 } },
	{ "newer", "version 2", 0, { "version", NULL, 2 } },
	{ "version as text", "version", 0, { "version", "1", 0 } },
	{ "another kind", "kind", 1, { "kind", "pigeon", 0 } },
	{ "no kind", "kind", 1, { "content", "sync", 0 } },
	{ "no account", "account is missing", 2, { "day_count", NULL, 1 } },
	{ "an empty account", "account is empty", 2, { "account", "", 0 } },
	{ "not known", "colour is not known", 5, { "colour", "red", 0 } },
	{ "twice", "content is there twice", 5, { "content", "sync", 0 } },
	{ "a word that is none", "content", 3, { "content", "all", 0 } },
	{ "text for a number", "hour_count", 4, { "hour_count", "3", 0 } },
	{ "a number for text", "account", 2, { "account", NULL, 7 } },
	{ "too big", "hour_count", 4, { "hour_count", NULL, INT64_C(1) << 32 } },
	{ "negative", "hour_count", 4, { "hour_count", NULL, -1 } },
};

static void
put_cell(struct buf *b, const struct cell *c)
{
	if (c->text != NULL)
		wire_row_text(b, c->name, slice_of(c->text));
	else
		wire_row_number(b, c->name, c->number);
}

static void
test_bad(void **state)
{
	struct dump d;
	struct err err;
	struct buf b;
	size_t start;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_init(&b, FRAME_MAX_ROW);
		start = wire_begin_row(&b);
		for (size_t k = 0; k < 5; k++)
			put_cell(&b, k == bad[i].at ? &bad[i].cell : &good[k]);
		if (bad[i].at == 5)
			put_cell(&b, &bad[i].cell);
		wire_end_row(&b, start);
		if (read_back(&b, &d, &err) == 0)
			fail_msg("%s was taken", bad[i].name);
		if (strstr(err.text, bad[i].reason) == NULL)
			fail_msg("%s: %s", bad[i].name, err.text);
		buf_clear(&b);
	}
}

/* Texts of one subscription that are no tokens, octets or keys. */
static void
test_bad_texts(void **state)
{
	static const struct cell cells[] = {
		{ "tokens", "x", 0 }, { "tokens", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", 0 },
		{ "tokens", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE -1", 0 },
		{ "tokens", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE 12345678901234567890123456", 0 },
		{ "told_key", "123", 0 }, { "told_key", "ABCDEFABCDEFABCD", 0 }, { "as_sync", NULL, 2 },
		{ "p256dh", "AAAA", 0 }, { "auth", "", 0 }, { "state", "newer", 0 },
	};
	struct dump d;
	struct err err;
	struct buf b;
	size_t start;

	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		buf_init(&b, FRAME_MAX_ROW);
		start = wire_begin_row(&b);
		wire_row_number(&b, "version", DUMP_VERSION);
		wire_row_text(&b, "kind", slice_of("subscription"));
		put_cell(&b, &cells[i]);
		wire_end_row(&b, start);
		assert_int_equal(read_back(&b, &d, &err), -1);
		if (strstr(err.text, cells[i].name) == NULL)
			fail_msg("%s: %s", cells[i].name, err.text);
		buf_clear(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subscription),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bad_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
