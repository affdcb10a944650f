/*
 * token: the form of UUIDs, their hash, and that no two are the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/token.h"

#define ROUNDS	1000
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void
tokens_are_version_4_uuids(void **state)
{
	static const char digits[] = "0123456789abcdef";
	static char tokens[ROUNDS][TOKEN_LEN + 1];

	(void)state;
	for (size_t i = 0; i < ROUNDS; i++) {
		token_make(tokens[i]);
		assert_int_equal(strlen(tokens[i]), TOKEN_LEN);
		for (size_t k = 0; k < TOKEN_LEN; k++) {
			if (k == 8 || k == 13 || k == 18 || k == 23)
				assert_int_equal(tokens[i][k], '-');
			else
				assert_non_null(strchr(digits, tokens[i][k]));
		}
		assert_int_equal(tokens[i][14], '4');
		assert_non_null(strchr("89ab", tokens[i][19]));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(tokens[i], tokens[k]);
	}
}

/* Each of the 122 random bits is seen as 0 and as 1. */
static void
bits_are_random(void **state)
{
	unsigned seen[TOKEN_LEN] = { 0 };
	char token[TOKEN_LEN + 1];

	(void)state;
	for (size_t i = 0; i < ROUNDS; i++) {
		token_make(token);
		for (size_t k = 0; k < TOKEN_LEN; k++) {
			if (token[k] != '-')
				seen[k] |= 1u << (token[k] <= '9' ? token[k] - '0' : token[k] - 'a' + 10);
		}
	}
	for (size_t k = 0; k < TOKEN_LEN; k++) {
		if (k == 8 || k == 13 || k == 18 || k == 23)
			continue;
		assert_int_equal(seen[k], k == 14 ? 1u << 4 : k == 19 ? 0xf00 : 0xffff);
	}
}

static void
hash_is_sha256_of_the_lower_case(void **state)
{
	/* printf 585078c5-fb8b-4ed0-8e77-474ab08f0a30 | sha256sum */
	static const uint8_t want[TOKEN_HASH] = {
		0xc7, 0x86, 0x2b, 0x9d, 0xaf, 0x1e, 0x61, 0xfd,
		0x87, 0x50, 0xf8, 0xa9, 0x4c, 0x8d, 0xe0, 0xd0,
		0x12, 0xc7, 0x87, 0x84, 0xea, 0x14, 0x4f, 0xc7,
		0x8b, 0xed, 0x60, 0xea, 0xa9, 0xa9, 0xcc, 0xbb,
	};
	uint8_t hash[TOKEN_HASH];

	(void)state;
	assert_int_equal(token_hash(slice_of("585078c5-fb8b-4ed0-8e77-474ab08f0a30"), hash), 0);
	assert_memory_equal(hash, want, sizeof(want));
	assert_int_equal(token_hash(slice_of("585078C5-FB8B-4ED0-8E77-474AB08F0A30"), hash), 0);
	assert_memory_equal(hash, want, sizeof(want));
	assert_int_equal(token_hash(slice_of("585078c5-fb8b-4ed0-8e77-474ab08f0a31"), hash), 0);
	assert_memory_not_equal(hash, want, sizeof(want));
}

static void
other_texts_are_no_tokens(void **state)
{
	static const char *const wrong[] = {
		"", "585078c5-fb8b-4ed0-8e77-474ab08f0a3", "585078c5-fb8b-4ed0-8e77-474ab08f0a300",
		"585078c5-fb8b-4ed0-8e77-474ab08f0a3g", "585078c5-fb8b-4ed0-8e77-474ab08f0a3@",
		"585078c5-fb8b-4ed0-8e77-474ab08f0a3`", "585078c5-fb8b-4ed0-8e77-474ab08f0a3:",
		"585078c5-fb8b-4ed0-8e77-474ab08f0a3/", "585078c5-fb8b-4ed0-8e77_474ab08f0a30",
		"585078c5f-b8b-4ed0-8e77-474ab08f0a30", "585078c5-fb8b-4ed0-8e77-474ab08f0a-0",
		"{585078c5-fb8b-4ed0-8e77-474ab08f0a}", " 585078c5-fb8b-4ed0-8e77-474ab08f0a3",
	};
	uint8_t hash[TOKEN_HASH];

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(token_hash(slice_of(wrong[i]), hash), -1);
	assert_int_equal(token_hash(SLICE_NIL, hash), -1);
}

/* A difference in any one bit counts. */
static void
equality(void **state)
{
	uint8_t a[TOKEN_HASH], b[TOKEN_HASH];

	(void)state;
	token_random(a, sizeof(a));
	memcpy(b, a, sizeof(a));
	assert_int_equal(token_equal(a, b), 1);
	for (size_t i = 0; i < 8 * TOKEN_HASH; i++) {
		b[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(token_equal(a, b), 0);
		b[i / 8] = a[i / 8];
	}
}

static void
topics_fit_rfc_8030(void **state)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char a[TOKEN_TOPIC + 1], b[TOKEN_TOPIC + 1];

	(void)state;
	token_topic(a);
	token_topic(b);
	assert_int_equal(strlen(a), TOKEN_TOPIC);
	assert_true(TOKEN_TOPIC <= 32);
	assert_int_equal(strspn(a, alphabet), TOKEN_TOPIC);
	assert_string_not_equal(a, b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_version_4_uuids),
		cmocka_unit_test(bits_are_random),
		cmocka_unit_test(hash_is_sha256_of_the_lower_case),
		cmocka_unit_test(other_texts_are_no_tokens),
		cmocka_unit_test(equality),
		cmocka_unit_test(topics_fit_rfc_8030),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
