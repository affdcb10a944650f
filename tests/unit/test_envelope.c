/* From header blocks to ENVELOPEs: forms, bounds, and the time it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/envelope.h"
#include "lib/envlist.h"

#define S(text)	((struct slice){ text, sizeof(text) - 1 })

#define BOB	"((\"Bob\" NIL \"bob\" \"example.com\"))"
#define NILS	" NIL NIL NIL"

static void
lists(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 block, want;
	} cases[] = {
		{ "nothing", S(""), S("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)") },
		{ "nil", { NULL, 0 }, S("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)") },
		{ "the draft's example",
		    S("Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\n"
		    "From: Fred Foobar <foobar@Blurdybloop.example>\r\n"
		    "Subject: afternoon meeting\r\nTo: mooch@owatagu.siam.edu.example\r\n"
		    "Message-Id: <B27397-0100000@Blurdybloop.example>\r\n\r\n"),
		    S("(\"Mon, 7 Feb 1994 21:52:25 -0800 (PST)\" \"afternoon meeting\" "
		    "((\"Fred Foobar\" NIL \"foobar\" \"Blurdybloop.example\")) "
		    "((\"Fred Foobar\" NIL \"foobar\" \"Blurdybloop.example\")) "
		    "((\"Fred Foobar\" NIL \"foobar\" \"Blurdybloop.example\")) "
		    "((NIL NIL \"mooch\" \"owatagu.siam.edu.example\")) "
		    "NIL NIL NIL \"<B27397-0100000@Blurdybloop.example>\")") },
		{ "empty is not absent", S("Date:\nSubject:\nFrom:\nIn-Reply-To: \nMessage-ID:\n"),
		    S("(\"\" \"\" NIL NIL NIL" NILS " \"\" \"\")") },
		{ "empty Sender", S("From: Bob <bob@example.com>\nSender:\nReply-To: ()\n"),
		    S("(NIL NIL " BOB " " BOB " " BOB NILS " NIL NIL)") },
		{ "Sender above From", S("Sender: s@t\nFrom: Bob <bob@example.com>\n"),
		    S("(NIL NIL " BOB " ((NIL NIL \"s\" \"t\")) " BOB NILS " NIL NIL)") },
		{ "fields of one name", S("To: a@b\nSubject: 1\nX: y\nTO: c@d\nTo:\nSubject: 2\n"),
		    S("(NIL \"2\" NIL NIL NIL "
		    "((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) NIL NIL NIL NIL)") },
		{ "group", S("Cc: g: a@b;\n"),
		    S("(NIL NIL NIL NIL NIL NIL "
		    "((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)) "
		    "NIL NIL NIL)") },
		{ "white space in a subject", S("Subject: \t a \t b\r\n\tc\rd \r\n \r\n"),
		    S("(NIL \"a b c d\" NIL NIL NIL" NILS " NIL NIL)") },
		{ "white space in a name", S("Bcc: \"  a\t b\r\n c \" <x@y>\n"),
		    S("(NIL NIL NIL NIL NIL NIL NIL ((\"a b c\" NIL \"x\" \"y\")) NIL NIL)") },
		{ "a blank before a name, and behind one", S("To: \" a\" <x@y>, \"b \" <x@y>\n"),
		    S("(NIL NIL NIL NIL NIL ((\"a\" NIL \"x\" \"y\")(\"b\" NIL \"x\" \"y\")) "
		    "NIL NIL NIL NIL)") },
		{ "white space in the others",
		    S("Date: a  b\tc \r\nMessage-ID: <a\r\n b>\rc\r\r\n \r\n"),
		    S("(\"a  b\tc \" NIL NIL NIL NIL" NILS " NIL \"<a b> c \")") },
		{ "quotes", S("Subject: \"a\\b\" {5}\n"),
		    S("(NIL \"\\\"a\\\\b\\\" {5}\" NIL NIL NIL" NILS " NIL NIL)") },
		{ "8 bit", S("Subject: \xe4\nMessage-ID: <\xc3\xa4>\n"),
		    S("(NIL {1}\r\n\xe4 NIL NIL NIL" NILS " NIL {4}\r\n<\xc3\xa4>)") },
		{ "NUL", S("Subject: a\0b\nDate: \0\n"),
		    S("({3}\r\n\xef\xbf\xbd {5}\r\na\xef\xbf\xbd"
		    "b NIL NIL NIL" NILS " NIL NIL)") },
		{ "an encoded CRLF stays encoded", S("Subject: =?utf-8?Q?=0D=0A* BYE?=\n"),
		    S("(NIL \"=?utf-8?Q?=0D=0A* BYE?=\" NIL NIL NIL" NILS " NIL NIL)") },
		{ "the body is none of ours", S("Subject: a\n\nSubject: b\n"),
		    S("(NIL \"a\" NIL NIL NIL" NILS " NIL NIL)") },
	};
	uint8_t memory[1000];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_fixed(&out, memory, sizeof(memory));
		assert_int_equal(envelope_write(cases[i].block, &out), ENVELOPE_OK);
		if (!slice_equal(buf_all(&out), cases[i].want))
			fail_msg("%s: %.*s", cases[i].name, (int)out.len, (char *)out.data);
	}
}

/* Appends text n times. */
static void
repeat(struct buf *b, const char *text, size_t n)
{
	for (; n > 0; n--)
		buf_text(b, text);
}

static void
bounds(void **state)
{
	/* What surrounds a subject that stands alone. */
	const size_t around = 2 + 2 + 9 * 3 + 9;
	const struct {
		const char	*name, *before, *text, *behind;
		size_t		 n, room;
		enum envelope_reason reason;
	} cases[] = {
		{ "fits", "Subject: ", "x", "", ENVELOPE_TEXT_MAX - around, 9000, ENVELOPE_OK },
		{ "too long", "Subject: ", "x", "", ENVELOPE_TEXT_MAX - around + 1, 9000,
		    ENVELOPE_TOO_LONG },
		{ "too long for out", "Subject: ", "x", "", 100, 120, ENVELOPE_TOO_LONG },
		{ "a string too long by itself", "Date: ", "x", "", 4000, 9000, ENVELOPE_TOO_LONG },
		{ "a long address", "To: ", "x", "@y", 4000, 9000, ENVELOPE_TOO_LONG },
		{ "a long name", "To: ", "x", " <a@b>", 4000, 9000, ENVELOPE_TOO_LONG },
		{ "a long comment", "To: (", "x", ")a@b", 4000, 9000, ENVELOPE_OK },
		{ "blanks are not counted", "Subject:", " ", "x", 60000, 9000, ENVELOPE_OK },
		{ "100 addresses", "To: a@b", ",a@b", "", 99, 9000, ENVELOPE_OK },
		{ "101 addresses", "To: a@b", ",a@b", "", 100, 9000, ENVELOPE_TOO_MANY_ADDRESSES },
		{ "101 in all fields of a name", "", "To: a@b\n", "", 101, 9000,
		    ENVELOPE_TOO_MANY_ADDRESSES },
		{ "as big as a block may be", "X: ", "x", "", ENVELOPE_HEADER_MAX - 3, 9000,
		    ENVELOPE_OK },
		{ "too big", "X: ", "x", "", ENVELOPE_HEADER_MAX - 2, 9000,
		    ENVELOPE_HEADER_TOO_BIG },
	};
	static uint8_t memory[10000], block_memory[100000];
	struct buf block, out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum envelope_reason reason;

		buf_fixed(&block, block_memory, sizeof(block_memory));
		buf_text(&block, cases[i].before);
		repeat(&block, cases[i].text, cases[i].n);
		buf_text(&block, cases[i].behind);
		buf_fixed(&out, memory, cases[i].room);
		buf_text(&out, "before");
		reason = envelope_write(buf_all(&block), &out);
		assert_false(out.failed);
		assert_memory_equal(out.data, "before", 6);
		if (reason != cases[i].reason || (out.len > 6) != (reason == ENVELOPE_OK))
			fail_msg("%s: %s, %zu", cases[i].name, envelope_reason_text(reason),
			    out.len);
	}
}

/* What is already too long for its caller stays so. */
static void
failed_before(void **state)
{
	uint8_t memory[1];
	struct buf out;

	(void)state;
	buf_fixed(&out, memory, sizeof(memory));
	buf_text(&out, "xx");
	assert_int_equal(envelope_write(S("Subject: x"), &out), ENVELOPE_TOO_LONG);
}

/* Every reason has words of its own: they stand in logs, and `mailbell preview` shows them. */
static void
reasons(void **state)
{
	(void)state;
	for (int i = ENVELOPE_OK; i <= ENVELOPE_NONE + 1; i++)
		for (int j = ENVELOPE_OK; j < i; j++)
			assert_string_not_equal(envelope_reason_text((enum envelope_reason)i),
			    envelope_reason_text((enum envelope_reason)j));
	assert_string_equal(envelope_reason_text(ENVELOPE_HEADER_TOO_BIG), "header too big");
}

static void
header_end(void **state)
{
	static const struct {
		struct slice	message;
		size_t		end;
	} cases[] = {
		{ { NULL, 0 }, 0 }, { S(""), 0 }, { S("\r"), 0 }, { S("\r\n"), 2 }, { S("\nx"), 1 },
		{ S("A: b\r\n\r\nbody\r\n\r\n"), 8 }, { S("A: b\n\nbody"), 6 },
		{ S("A: b\r\n\r"), 0 },
		{ S("A: b\n\r\nbody"), 7 }, { S("A: b\r\n"), 0 }, { S("A: b\r\r\n\r\r\n\n"), 11 },
		{ S("A\n \n\n"), 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (envelope_header_end(cases[i].message) != cases[i].end)
			fail_msg("case %zu", i);
}

/* The least CPU time, in ns, of a few tries. */
static int64_t
time_of(const char *before, const char *text, size_t size)
{
	static uint8_t memory[10000], block_memory[ENVELOPE_HEADER_MAX];
	struct buf block, out;
	int64_t least = INT64_MAX;

	buf_fixed(&block, block_memory, sizeof(block_memory));
	buf_text(&block, before);
	repeat(&block, text, (size - strlen(before)) / strlen(text));
	for (int i = 0; i < 7; i++) {
		struct timespec a, b;
		int64_t ns;

		buf_fixed(&out, memory, sizeof(memory));
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		envelope_write(buf_all(&block), &out);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		ns = (b.tv_sec - a.tv_sec) * INT64_C(1000000000) + b.tv_nsec - a.tv_nsec;
		least = ns < least ? ns : least;
	}
	return least;
}

/* Eight times the octets take eight times the time, not 64 times, whatever they are. */
static void
linear(void **state)
{
	static const struct {
		const char	*before, *text;
	} cases[] = {
		{ "X: ", "x" }, { "Subject: ", " " }, { "Subject: ", "x" }, { "To: ", "(" },
		{ "To: ", "()" },
		{ "To: a ", "(x)" }, { "To: ", "\"" }, { "To: ", "\\" }, { "To: ", "." },
		{ "To: ", "a." },
		{ "To: ", "a " }, { "To: ", "<" }, { "To: ", "<@" }, { "To: <", "@a," },
		{ "To: ", "@" },
		{ "To: ", ":" }, { "To: ", ";" }, { "To: ", "a:" }, { "To: ", "[" },
		{ "To: a@[", "\\[" },
		{ "To: ", "\n " }, { "To: ", "\n x" }, { "To: (", "\n \n  " }, { "", "To:\n" },
		{ "", "To: ()\n" },
		{ "", "To:\nCc:\nFrom:\nSender:\nReply-To:\nBcc:\n" }, { "", "Subject:x\n" },
		{ "", "a\n" },
		{ "To: \"", "\r" }, { "Date: ", "\r" }, { "Date: ", "\r\n\t" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t small = time_of(cases[i].before, cases[i].text, ENVELOPE_HEADER_MAX / 8);
		int64_t big = time_of(cases[i].before, cases[i].text, ENVELOPE_HEADER_MAX);

		if (big > small * 24 + 100000)
			fail_msg("%s%s...: %d ns, then %d ns", cases[i].before, cases[i].text,
			    (int)small, (int)big);
	}
}

/* What is written is what the reader of lists reads, and writes again. */
static void
read_back(void **state)
{
	static const struct slice block =
	    S("Subject: \xe4 \"\nDate: \\\nFrom: \"a\\\"\" <@r:b@c>\n"
	    "To: g: x@y;\nMessage-ID: {3}\n");
	uint8_t memory[2000], again_memory[2000];
	enum envelope_reason reason;
	struct buf out, again;

	(void)state;
	buf_fixed(&out, memory, sizeof(memory));
	buf_fixed(&again, again_memory, sizeof(again_memory));
	assert_int_equal(envelope_write(block, &out), ENVELOPE_OK);
	assert_int_equal(envlist_rewrite(buf_all(&out), &again, &reason, NULL), 0);
	assert_true(slice_equal(buf_all(&out), buf_all(&again)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists), cmocka_unit_test(bounds), cmocka_unit_test(failed_before),
		cmocka_unit_test(reasons), cmocka_unit_test(header_end),
		cmocka_unit_test(linear), cmocka_unit_test(read_back),
	};

	return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
