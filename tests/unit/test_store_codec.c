/*
 * Records to octets and back, keys and their order, what older and newer versions make of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "daemon/store_codec.h"
#include "lib/frame.h"

static struct slice
key_of(struct store_key *k)
{
	return store_key_slice(k);
}

static void
test_sub(void **state)
{
	static struct subscription in, out;
	struct store_key k;
	struct buf b;

	(void)state;
	memset(&in, 0, sizeof(in));
	snprintf(in.account, sizeof(in.account), "%s", "alice@example.org");
	snprintf(in.id, sizeof(in.id), "%s", "a8282bf9");
	in.number = UINT64_MAX;
	in.generation = 3;
	in.state = SUB_ACTIVE;
	snprintf(in.endpoint, sizeof(in.endpoint), "%s", "HTTPS://Push.example/x%y");
	snprintf(in.normal, sizeof(in.normal), "%s", "https://push.example/x%y");
	memset(in.point, 4, sizeof(in.point));
	memset(in.auth, 0, sizeof(in.auth));
	snprintf(in.key, sizeof(in.key), "%s", "0123456789abcdef");
	in.n_tokens = SUB_TOKENS;
	for (size_t i = 0; i < SUB_TOKENS; i++) {
		memset(in.tokens[i].hash, (int)i, TOKEN_HASH);
		in.tokens[i].expires = INT64_MAX - (int64_t)i;
	}
	snprintf(in.topic[TOPIC_VAPID], sizeof(in.topic[TOPIC_VAPID]), "%s", "abcdefghijklmnopqrstuvwx");
	in.created = 1;
	in.inactive_since = -1;
	assert_int_equal(store_key_sub(&k, in.account, in.id), 0);
	buf_init(&b, STORE_VALUE_MAX);
	store_encode_sub(&b, &in);
	assert_int_equal(store_decode_sub(key_of(&k), buf_all(&b), &out), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	buf_clear(&b);
}

/* Whatever a value lacks of its members, no prefix of it is taken for the whole. */
static void
test_cut(void **state)
{
	struct outbox_record in = { .number = 1, .sequence = 2, .type = OUTBOX_SYNC, .due = OUTBOX_NEVER,
		.mailbox = slice_of("INBOX"), .envelope = slice_of(""), .uid = UINT32_MAX }, out;
	struct store_key k;
	struct buf b;

	(void)state;
	buf_init(&b, STORE_VALUE_MAX);
	store_encode_outbox(&b, &in);
	store_key_outbox(&k, 1, 2);
	for (size_t len = 0; len < b.len; len++) {
		char *copy = malloc(len + 1);	/* so that a sanitizer sees a read beyond it */

		memcpy(copy, b.data, len);
		assert_int_equal(store_decode_outbox(key_of(&k), (struct slice){ copy, len }, &out), -1);
		free(copy);
	}
	assert_int_equal(store_decode_outbox(key_of(&k), buf_all(&b), &out), 0);
	assert_true(slice_is(out.mailbox, "INBOX"));
	assert_non_null(out.envelope.p);
	assert_int_equal(out.envelope.len, 0);
	assert_null(out.text.p);
	assert_true(out.due == OUTBOX_NEVER && out.uid == UINT32_MAX && out.sequence == 2);
	buf_octet(&b, 0);
	assert_int_equal(store_decode_outbox(key_of(&k), buf_all(&b), &out), -1);
	buf_clear(&b);
}

static void
test_delivery_and_account(void **state)
{
	static struct delivery d = { .number = 77, .account = "alice", .id = "x", .as_sync = true,
		.told_key = UINT64_MAX, .told_time = 77, .told_count = 2, .burst_ms = INT64_MIN,
		.unseen = UINT32_MAX }, d2;
	struct account a = { .name = "alice", .content = -1, .wrong_count = 3 }, a2;
	struct store_key k;
	struct buf b;

	(void)state;
	buf_init(&b, STORE_VALUE_MAX);
	store_encode_delivery(&b, &d);
	store_key_delivery(&k, 77);
	assert_int_equal(store_decode_delivery(key_of(&k), buf_all(&b), &d2), 0);
	assert_memory_equal(&d, &d2, sizeof(d));
	for (a.content = -1; a.content <= 1; a.content++) {
		buf_reset(&b);
		store_encode_account(&b, &a);
		assert_int_equal(store_key_meta(&k, STORE_META_ACCOUNT, "alice"), 0);
		assert_int_equal(store_decode_account(key_of(&k), buf_all(&b), &a2), 0);
		assert_int_equal(a2.content, a.content);
		assert_int_equal(a2.wrong_count, 3);
		assert_string_equal(a2.name, "alice");
	}
	buf_clear(&b);
}

/* A value with one field; what is wrong with it. */
static void
test_refused(void **state)
{
	static const struct {
		const char	*name;
		uint8_t		 type, tag;
		uint64_t	 value;
	} cases[] = {
		{ "another record", STORE_SUB, 2, 0 },
		{ "unknown type of news", STORE_OUTBOX, 2, OUTBOX_DIGEST + 1 },
		{ "unknown urgency", STORE_OUTBOX, 3, UINT64_MAX },
		{ "a UID of 33 bits", STORE_OUTBOX, 9, UINT64_C(1) << 32 },
	};
	struct outbox_record out;
	struct store_key k;
	struct buf b;
	size_t start;

	(void)state;
	store_key_outbox(&k, 1, 2);
	buf_init(&b, STORE_VALUE_MAX);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&b);
		start = frame_begin(&b, cases[i].type);
		frame_put_u64(&b, cases[i].tag, cases[i].value);
		frame_end(&b, start);
		if (store_decode_outbox(key_of(&k), buf_all(&b), &out) != -1)
			fail_msg("taken: %s", cases[i].name);
	}
	buf_clear(&b);
}

/* A value's field that breaks one rule of its record; text NULL: a number. */
struct wrong {
	const char	*name;
	uint8_t		 tag;
	const char	*text;
	size_t		 len;
	uint64_t	 number;
};

/* value with the field behind all others, so that it counts: the last one of a tag does. */
static struct buf
with_field(const struct buf *value, const struct wrong *w)
{
	struct buf b;

	buf_init(&b, STORE_VALUE_MAX * 2);
	buf_put(&b, value->data, value->len);
	if (w->text != NULL)
		frame_put_octets(&b, w->tag, w->text, w->len);
	else
		frame_put_u64(&b, w->tag, w->number);
	frame_end(&b, 0);
	assert_false(b.failed);
	return b;
}

static void
a_subscription(struct subscription *sub)
{
	memset(sub, 0, sizeof(*sub));
	snprintf(sub->account, sizeof(sub->account), "%s", "alice");
	snprintf(sub->id, sizeof(sub->id), "%s", "x");
	snprintf(sub->endpoint, sizeof(sub->endpoint), "%s", "https://push.example/");
	snprintf(sub->normal, sizeof(sub->normal), "%s", "https://push.example/");
	sub->number = 1;
	sub->n_tokens = SUB_TOKENS;
}

static void
test_wrong_subs(void **state)
{
	static char x[sizeof(((struct subscription *)NULL)->endpoint)];
	static const struct wrong cases[] = {
		{ "no number", 1, NULL, 0, 0 }, { "a number of 7 octets", 1, "seven..", 7, 0 },
		{ "an unknown state", 3, NULL, 0, SUB_ACTIVE + 1 },
		{ "an empty endpoint", 4, "", 0, 0 }, { "a long endpoint", 4, x, sizeof(x), 0 },
		{ "an endpoint that is no text", 4, "\xff", 1, 0 }, { "a short point", 6, x, 64, 0 },
		{ "a long secret", 7, x, 17, 0 }, { "a token too many", 20, x, TOKEN_HASH + 8, 0 },
	}, short_token = { "a short token", 20, x, TOKEN_HASH + 7, 0 };
	static struct subscription in, out;
	struct store_key k;
	struct buf value, b;

	(void)state;
	memset(x, 'x', sizeof(x));
	a_subscription(&in);
	assert_int_equal(store_key_sub(&k, in.account, in.id), 0);
	buf_init(&value, STORE_VALUE_MAX);
	store_encode_sub(&value, &in);
	assert_int_equal(store_decode_sub(key_of(&k), buf_all(&value), &out), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b = with_field(&value, &cases[i]);
		if (store_decode_sub(key_of(&k), buf_all(&b), &out) != -1)
			fail_msg("taken: %s", cases[i].name);
		buf_clear(&b);
	}
	assert_int_equal(store_decode_sub(slice_of("no id"), buf_all(&value), &out), -1);
	buf_reset(&value);
	in.n_tokens = 0;
	store_encode_sub(&value, &in);
	b = with_field(&value, &short_token);
	assert_int_equal(store_decode_sub(key_of(&k), buf_all(&b), &out), -1);
	buf_clear(&b);
	buf_clear(&value);
}

/* What a record must have, and its value has not. */
static void
test_lacking(void **state)
{
	static struct subscription sub, sub2;
	static struct delivery d = { .number = 1, .account = "alice", .id = "x" }, d2;
	struct store_key k;
	struct buf b;

	(void)state;
	a_subscription(&sub);
	sub.normal[0] = '\0';
	assert_int_equal(store_key_sub(&k, sub.account, sub.id), 0);
	buf_init(&b, STORE_VALUE_MAX);
	store_encode_sub(&b, &sub);
	assert_int_equal(store_decode_sub(key_of(&k), buf_all(&b), &sub2), -1);
	buf_reset(&b);
	d.id[0] = '\0';
	store_encode_delivery(&b, &d);
	store_key_delivery(&k, 1);
	assert_int_equal(store_decode_delivery(key_of(&k), buf_all(&b), &d2), -1);
	buf_clear(&b);
}

static void
test_wrong_deliveries(void **state)
{
	static const struct wrong cases[] = {
		{ "a flag of 2", 14, NULL, 0, 2 }, { "a count of 33 bits", 7, NULL, 0, UINT64_C(1) << 32 },
		{ "no account", 1, "", 0, 0 },
	};
	static struct delivery in = { .number = 1, .account = "alice", .id = "x" }, out;
	struct store_key k;
	struct buf value, b;

	(void)state;
	buf_init(&value, STORE_VALUE_MAX);
	store_encode_delivery(&value, &in);
	store_key_delivery(&k, 1);
	assert_int_equal(store_decode_delivery(key_of(&k), buf_all(&value), &out), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b = with_field(&value, &cases[i]);
		if (store_decode_delivery(key_of(&k), buf_all(&b), &out) != -1)
			fail_msg("taken: %s", cases[i].name);
		buf_clear(&b);
	}
	assert_int_equal(store_decode_delivery(slice_of("7"), buf_all(&value), &out), -1);
	buf_clear(&value);
}

static void
test_wrong_outbox(void **state)
{
	static char x[STORE_ENVELOPE_MAX + 1];
	static const struct wrong too_long = { "an ENVELOPE too long", 10, x, sizeof(x), 0 };
	static const struct wrong longest = { "the longest ENVELOPE", 10, x, sizeof(x) - 1, 0 };
	struct outbox_record in = { .uid = 5 }, out;
	struct store_key k;
	struct buf value, b;

	(void)state;
	buf_init(&value, STORE_VALUE_MAX);
	store_encode_outbox(&value, &in);
	store_key_outbox(&k, 1, 2);
	b = with_field(&value, &longest);
	assert_int_equal(store_decode_outbox(key_of(&k), buf_all(&b), &out), 0);
	assert_int_equal(out.envelope.len, STORE_ENVELOPE_MAX);
	buf_clear(&b);
	b = with_field(&value, &too_long);
	assert_int_equal(store_decode_outbox(key_of(&k), buf_all(&b), &out), -1);
	buf_clear(&b);
	assert_int_equal(store_decode_outbox(slice_of("sixteen octets.."), slice_of(""), &out), -1);
	assert_int_equal(store_decode_outbox(slice_of("15 octets, less"), buf_all(&value), &out), -1);
	buf_clear(&value);
}

static void
test_wrong_accounts(void **state)
{
	static char longest[WIRE_USER_MAX + 2];
	static const struct wrong no_choice = { "content", 1, NULL, 0, CONTENT_SYNC + 1 };
	struct account in = { .name = "alice", .content = CONTENT_SYNC }, out;
	struct buf value, b;

	(void)state;
	memset(longest, STORE_META_ACCOUNT, sizeof(longest));
	buf_init(&value, STORE_VALUE_MAX);
	store_encode_account(&value, &in);
	assert_int_equal(store_decode_account(slice_of("aalice"), buf_all(&value), &out), 0);
	assert_string_equal(out.name, "alice");
	assert_int_equal(store_decode_account((struct slice){ longest, sizeof(longest) - 1 },
	    buf_all(&value), &out), 0);
	assert_int_equal(strlen(out.name), WIRE_USER_MAX);
	assert_int_equal(store_decode_account((struct slice){ longest, sizeof(longest) },
	    buf_all(&value), &out), -1);
	assert_int_equal(store_decode_account(slice_of("a"), buf_all(&value), &out), -1);
	assert_int_equal(store_decode_account(slice_of("nalice"), buf_all(&value), &out), -1);
	b = with_field(&value, &no_choice);
	assert_int_equal(store_decode_account(slice_of("aalice"), buf_all(&b), &out), -1);
	buf_clear(&b);
	buf_reset(&value);
	store_encode_number(&value, 1);
	assert_int_equal(store_decode_account(slice_of("aalice"), buf_all(&value), &out), -1);
	buf_clear(&value);
}

static void
test_numbers(void **state)
{
	static const struct wrong fields[] = {
		{ "another tag", 2, NULL, 0, 1 }, { "4 octets", 1, "four", 4, 0 },
	};
	struct buf b, none;
	int64_t out;
	size_t start;

	(void)state;
	buf_init(&b, STORE_VALUE_MAX);
	store_encode_number(&b, INT64_MIN);
	assert_int_equal(store_decode_number(buf_all(&b), &out), 0);
	assert_true(out == INT64_MIN);
	b.data[5] = STORE_ACCOUNT;	/* its type */
	assert_int_equal(store_decode_number(buf_all(&b), &out), -1);
	buf_clear(&b);
	buf_init(&none, STORE_VALUE_MAX);
	start = frame_begin(&none, STORE_NUMBER);
	frame_end(&none, start);
	assert_int_equal(store_decode_number(buf_all(&none), &out), -1);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		b = with_field(&none, &fields[i]);
		if (store_decode_number(buf_all(&b), &out) != -1)
			fail_msg("taken: %s", fields[i].name);
		buf_clear(&b);
	}
	buf_clear(&none);
}

static void
test_newer(void **state)
{
	struct outbox_record in = { .uid = 5 }, out;
	struct store_key k;
	struct buf b;
	size_t start;

	(void)state;
	store_key_outbox(&k, 1, 2);
	buf_init(&b, STORE_VALUE_MAX);
	/* An unknown tag is skipped. */
	start = frame_begin(&b, STORE_OUTBOX);
	frame_put_text(&b, 200, "later");
	frame_put_u64(&b, 9, 5);
	frame_end(&b, start);
	assert_int_equal(store_decode_outbox(key_of(&k), buf_all(&b), &out), 0);
	assert_int_equal(out.uid, 5);
	assert_false(store_value_newer(buf_all(&b)));
	/* A later version is not read. */
	buf_reset(&b);
	store_encode_outbox(&b, &in);
	b.data[4] = FRAME_VERSION + 1;
	assert_int_equal(store_decode_outbox(key_of(&k), buf_all(&b), &out), -1);
	assert_true(store_value_newer(buf_all(&b)));
	assert_false(store_value_newer((struct slice){ (const char *)b.data, 4 }));
	buf_clear(&b);
}

static void
test_keys(void **state)
{
	char account[WIRE_USER_MAX + 1], id[SUB_ID_MAX + 1], longest[WIRE_USER_MAX + 2];
	struct store_key a, b;

	(void)state;
	memset(longest, 'u', sizeof(longest));
	longest[WIRE_USER_MAX + 1] = '\0';
	assert_int_equal(store_key_sub(&a, longest, "x"), -1);
	longest[WIRE_USER_MAX] = '\0';
	assert_int_equal(store_key_sub(&a, longest, "x"), 0);
	assert_int_equal(store_unkey_sub(key_of(&a), account, id), 0);
	assert_string_equal(account, longest);
	assert_string_equal(id, "x");
	assert_int_equal(store_unkey_sub(slice_of("no id"), account, id), -1);
	assert_int_equal(store_unkey_sub((struct slice){ "a\0b\0", 4 }, account, id), -1);
	/* All of "al" lies before all of "al!", whatever the ids are. */
	assert_int_equal(store_key_sub(&a, "al", "~~~~"), 0);
	assert_int_equal(store_key_sub(&b, "al!", "!"), 0);
	assert_true(memcmp(a.octets, b.octets, a.len < b.len ? a.len : b.len) < 0);
	store_key_outbox(&a, 1, UINT64_MAX);
	store_key_after(&a);
	store_key_outbox(&b, 2, 0);
	assert_true(memcmp(a.octets, b.octets, 16) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sub),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_delivery_and_account),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_wrong_subs),
		cmocka_unit_test(test_lacking),
		cmocka_unit_test(test_wrong_deliveries),
		cmocka_unit_test(test_wrong_outbox),
		cmocka_unit_test(test_wrong_accounts),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_newer),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
