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
		cmocka_unit_test(test_newer),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
