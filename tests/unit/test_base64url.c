/*
 * base64url: RFC 4648's vectors, both alphabets, and every way in which a text can be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base64url.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	const char	*octets, *text;
} vectors[] = {
	/* RFC 4648 section 10 */
	{ "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg" },
	{ "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xbf", "-_-_" }, { "\xff\xff\xff\xff", "_____w" },
};

static void
vectors_both_ways(void **state)
{
	char text[32];
	uint8_t octets[32];

	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		size_t len = strlen(vectors[i].octets);

		base64url_encode(text, (const uint8_t *)vectors[i].octets, len);
		assert_string_equal(text, vectors[i].text);
		assert_int_equal(strlen(text), BASE64URL_LEN(len));
		assert_int_equal(base64url_decode(slice_of(text), octets, sizeof(octets)), len);
		assert_memory_equal(octets, vectors[i].octets, len);
	}
}

static const struct {
	const char	*text;
	int		 want;		/* octets, or -1 */
} spellings[] = {
	{ "Zg==", 1 }, { "Zm8=", 2 }, { "Zm9v", 3 }, { "+/+/", 3 }, { "-/+_", 3 },
	/* padding that does not fill the group */
	{ "Zg=", -1 }, { "Zg===", -1 }, { "Zm8==", -1 }, { "Zm9v=", -1 }, { "Zm9v==", -1 },
	{ "=", -1 }, { "==", -1 }, { "====", -1 }, { "Zg==Zg==", -1 }, { "Z=g=", -1 },
	/* lengths that cannot be */
	{ "Z", -1 }, { "Zm9vY", -1 },
	/* left-over bits */
	{ "Zh", -1 }, { "Zm9", -1 }, { "Zm-", -1 }, { "Zh==", -1 },
	/* characters */
	{ "Zm 9v", -1 }, { " Zm9v", -1 }, { "Zm9v\n", -1 }, { "Zm9v\r\n", -1 }, { "Zm.v", -1 },
	{ "Zm9\xc3", -1 }, { "Zm9\x80", -1 }, { "Zm9,", -1 }, { "@m9v", -1 }, { "[m9v", -1 },
};

static void
spellings_are_judged(void **state)
{
	uint8_t octets[32];

	(void)state;
	for (size_t i = 0; i < COUNT(spellings); i++) {
		int got = base64url_decode(slice_of(spellings[i].text), octets, sizeof(octets));

		if (got != spellings[i].want)
			fail_msg("\"%s\": %d, not %d", spellings[i].text, got, spellings[i].want);
	}
	assert_int_equal(base64url_decode((struct slice){ "Zm\0v", 4 }, octets, sizeof(octets)), -1);
	assert_int_equal(base64url_decode(SLICE_NIL, octets, sizeof(octets)), 0);
}

static void
room_is_respected(void **state)
{
	uint8_t octets[4] = { 0, 0, 0, 0xee };

	(void)state;
	assert_int_equal(base64url_decode(slice_of("Zm9v"), octets, 3), 3);
	assert_int_equal(base64url_decode(slice_of("Zm9vYg"), octets, 3), -1);
	assert_int_equal(octets[3], 0xee);
	assert_int_equal(base64url_decode(slice_of("Zg"), octets, 0), -1);
}

/* Every length and every octet comes back. */
static void
round_trips(void **state)
{
	uint8_t in[256], out[256];
	char text[BASE64URL_LEN(256) + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(255 - i);
	for (size_t len = 0; len <= sizeof(in); len++) {
		base64url_encode(text, in, len);
		assert_int_equal(strlen(text), BASE64URL_LEN(len));
		assert_int_equal(base64url_decode(slice_of(text), out, sizeof(out)), len);
		assert_memory_equal(in, out, len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_both_ways),
		cmocka_unit_test(spellings_are_judged),
		cmocka_unit_test(room_is_respected),
		cmocka_unit_test(round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
