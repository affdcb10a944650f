/* Every spelling of an end of data, whole and octet by octet, and a model for all short messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lmtp/scan.h"

static const struct {
	const char		*name, *data;
	enum scan_verdict	 verdict;
	size_t			 released;
} cases[] = {
	{ "the end", "a\r\n.\r\n", SCAN_END, 6 },
	{ "an empty message", ".\r\n", SCAN_END, 3 },
	{ "what follows is not looked at", "a\r\n.\r\nQUIT\r\n.\n", SCAN_END, 6 },
	{ "LF.LF", "a\n.\nb", SCAN_REFUSE, 2 },
	{ "LF.CRLF", "a\n.\r\nb", SCAN_REFUSE, 2 },
	{ "CRLF.LF", "a\r\n.\nb", SCAN_REFUSE, 3 },
	{ "a message that begins with .LF", ".\nb", SCAN_REFUSE, 0 },
	{ "a bare LF behind CRLF, then the dot", "a\r\n\n.\r\n", SCAN_REFUSE, 4 },
	{ "CR.CR", "a\r.\rb", SCAN_MORE, 5 },
	{ "CR.CRLF", "a\r.\r\nb", SCAN_MORE, 6 },
	{ "CRLF.CR", "a\r\n.\rb", SCAN_MORE, 6 },
	{ "LF.CR", "a\n.\rb", SCAN_MORE, 5 },
	{ "CRLF.CRCRLF", "a\r\n.\r\r\nb", SCAN_MORE, 8 },
	{ "CRCRLF.CRLF", "a\r\r\n.\r\n", SCAN_END, 7 },
	{ "a stuffed dot", "a\r\n..\r\nb", SCAN_MORE, 8 },
	{ "a stuffed dot behind a bare LF", "a\n..\nb", SCAN_MORE, 6 },
	{ "a line that begins with a dot", "a\r\n.b\r\nc", SCAN_MORE, 8 },
	{ "a line that ends in a dot", "a.\r\n", SCAN_MORE, 4 },
	{ "bare LF without a dot", "a\nb\nc", SCAN_MORE, 5 },
	{ "the dot is held back", "a\r\n.", SCAN_MORE, 3 },
	{ "the dot and CR are held back", "a\r\n.\r", SCAN_MORE, 3 },
	{ "behind a bare LF, too", "a\n.\r", SCAN_MORE, 2 },
	{ "CRLF is not held back", "a\r\n", SCAN_MORE, 3 },
	{ "nothing", "", SCAN_MORE, 0 },
};

/* What the rule says, slowly: an LF ends a line; a line that is a dot ends the message, or is refused. */
static enum scan_verdict
model(const char *p, size_t n)
{
	size_t begin = 0, len;
	int crlf = 1, crlf_before;

	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n')
			continue;
		crlf_before = crlf;
		crlf = i > begin && p[i - 1] == '\r';
		len = i - begin - (crlf ? 1 : 0);
		if (len == 1 && p[begin] == '.')
			return crlf && crlf_before ? SCAN_END : SCAN_REFUSE;
		begin = i + 1;
	}
	return SCAN_MORE;
}

/* Gives data in pieces of at most step octets, the rest of each before the next. */
static enum scan_verdict
in_pieces(const char *data, size_t n, size_t step, size_t *released)
{
	enum scan_state state = SCAN_LINE;
	enum scan_verdict verdict = SCAN_MORE;
	size_t have = 0, done = 0, used;

	while (verdict == SCAN_MORE && have < n) {
		have = have + step > n ? n : have + step;
		verdict = scan_data(&state, (const uint8_t *)data + done, have - done, &used);
		assert_true(used <= have - done);
		if (verdict == SCAN_MORE)
			assert_true(have - done - used <= 2);
		done += used;
	}
	*released = done;
	return verdict;
}

static void
spellings(void **state)
{
	enum scan_verdict verdict;
	size_t released;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t step = 1; step <= 16; step++) {
			verdict = in_pieces(cases[i].data, strlen(cases[i].data), step, &released);
			if (verdict != cases[i].verdict || released != cases[i].released)
				fail_msg("%s, %zu at once: verdict %d, released %zu", cases[i].name, step,
				    (int)verdict, released);
		}
}

/* Every message of up to 8 octets out of CR, LF, dot and a letter, cut in every way that matters. */
static void
as_the_model(void **state)
{
	static const char alphabet[] = "\r\n.a";
	enum scan_verdict want;
	char data[8];
	size_t released, whole;

	(void)state;
	for (unsigned long code = 0; code < 1ul << 16; code++) {
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = alphabet[code >> (2 * i) & 3];
		want = model(data, sizeof(data));
		if (in_pieces(data, sizeof(data), sizeof(data), &whole) != want)
			fail_msg("message %lx", code);
		for (size_t step = 1; step <= 3; step++) {
			if (in_pieces(data, sizeof(data), step, &released) != want || released != whole)
				fail_msg("message %lx in pieces of %zu", code, step);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spellings),
		cmocka_unit_test(as_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
