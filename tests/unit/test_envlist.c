/* The strict reader of finished ENVELOPE lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/envlist.h"

#define S(text)	((struct slice){ text, sizeof(text) - 1 })

#define NILS	" NIL NIL NIL NIL NIL NIL NIL NIL"

static int
rewrite(struct slice list, struct buf *out, enum envelope_reason *reason)
{
	struct err err = { "" };
	int rc;

	buf_text(out, "before");
	rc = envlist_rewrite(list, out, reason, &err);
	assert_int_equal(rc < 0, err.text[0] != '\0');
	assert_false(out->failed);
	assert_memory_equal(out->data, "before", 6);
	buf_drop(out, 6);
	return rc;
}

static void
accepted(void **state)
{
	static const struct {
		struct slice	list, want;
	} cases[] = {
		{ S("(NIL NIL" NILS ")"), S("(NIL NIL" NILS ")") },
		{ S("(nil Nil" NILS ")"), S("(NIL NIL" NILS ")") },
		{ S("(\"\" \"a\\\"b\\\\\"" NILS ")"), S("(\"\" \"a\\\"b\\\\\"" NILS ")") },
		{ S("({3}\r\na\"b {0}\r\n" NILS ")"), S("(\"a\\\"b\" \"\"" NILS ")") },
		{ S("({3+}\r\na\rb NIL" NILS ")"), S("({3}\r\na\rb NIL" NILS ")") },
		{ S("(\"\xc3\xa4\" NIL" NILS ")"), S("({2}\r\n\xc3\xa4 NIL" NILS ")") },
		{ S("(NIL NIL ((\"n\" NIL \"m\" \"h\")(NIL NIL NIL NIL)) "
		    "NIL NIL NIL NIL NIL NIL {1}\r\nx)"),
		    S("(NIL NIL ((\"n\" NIL \"m\" \"h\")(NIL NIL NIL NIL)) "
		    "NIL NIL NIL NIL NIL NIL \"x\")") },
	};
	uint8_t memory[ENVELOPE_TEXT_MAX + 100];
	enum envelope_reason reason;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_fixed(&out, memory, sizeof(memory));
		assert_int_equal(rewrite(cases[i].list, &out, &reason), 0);
		assert_int_equal(reason, ENVELOPE_OK);
		if (!slice_equal(buf_all(&out), cases[i].want))
			fail_msg("case %zu: %.*s", i, (int)out.len, (char *)out.data);
	}
}

static void
refused(void **state)
{
	static const struct slice cases[] = {
		{ NULL, 0 },
		S(""), S("NIL"), S("()"), S("(NIL)"), S("(NIL NIL" NILS), S("NIL NIL" NILS),
		S("(NIL NIL NIL" NILS ")"), S("(NIL NIL" NILS ") "), S(" (NIL NIL" NILS ")"),
		S("(NIL  NIL" NILS ")"), S("(NIL NIL" NILS " )"), S("(NILNIL NIL" NILS ")"),
		S("(atom NIL" NILS ")"), S("(\"a NIL" NILS ")"), S("(\"a\\x\" NIL" NILS ")"),
		S("(\"a\rb\" NIL" NILS ")"), S("(\"a\nb\" NIL" NILS ")"),
		S("(\"a\0b\" NIL" NILS ")"),
		S("(\"\\"), S("({1}\r\n\0 NIL" NILS ")"), S("({}\r\n NIL" NILS ")"),
		S("({1}x NIL" NILS ")"),
		S("({1}\nx NIL" NILS ")"), S("({1 }\r\nx NIL" NILS ")"),
		S("({-1}\r\nx NIL" NILS ")"),
		S("({1++}\r\nx NIL" NILS ")"), S("({999}\r\nx NIL" NILS ")"),
		S("({99999999999999999999999999}\r\nx NIL" NILS ")"),
		S("({18446744073709551617}\r\nx NIL" NILS ")"),
		S("({1}\r\n"), S("({1"), S("("),
		S("((NIL NIL \"m\" \"h\") NIL" NILS ")"),
		S("(NIL NIL \"text\" NIL NIL NIL NIL NIL NIL NIL)"),
		S("(NIL NIL () NIL NIL NIL NIL NIL NIL NIL)"),
		S("(NIL NIL (NIL NIL \"m\" \"h\") NIL NIL NIL NIL NIL NIL NIL)"),
		S("(NIL NIL ((NIL NIL \"m\")) NIL NIL NIL NIL NIL NIL NIL)"),
		S("(NIL NIL ((NIL NIL \"m\" \"h\" NIL)) NIL NIL NIL NIL NIL NIL NIL)"),
		S("(NIL NIL ((NIL NIL \"m\" \"h\") (NIL NIL \"m\" \"h\")) "
		    "NIL NIL NIL NIL NIL NIL NIL)"),
		S("(NIL NIL ((NIL NIL (\"m\") \"h\")) NIL NIL NIL NIL NIL NIL NIL)"),
	};
	uint8_t memory[ENVELOPE_TEXT_MAX + 100];
	enum envelope_reason reason;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_fixed(&out, memory, sizeof(memory));
		if (rewrite(cases[i], &out, &reason) == 0)
			fail_msg("case %zu: %s", i, cases[i].p);
		assert_int_equal(out.len, 0);
	}
}

/* A list with a subject of len octets and n addresses. */
static void
make(struct buf *list, size_t len, char subject, size_t n)
{
	buf_text(list, "(NIL \"");
	for (; len > 0; len--)
		buf_octet(list, (uint8_t)subject);
	buf_text(list, n == 0 ? "\" NIL" : "\" (");
	for (size_t i = 0; i < n; i++)
		buf_text(list, "(NIL NIL \"m\" \"h\")");
	buf_text(list, n == 0 ? " NIL" : ") NIL");
	buf_text(list, " NIL NIL NIL NIL NIL NIL)");
}

static void
bounds(void **state)
{
	/* What surrounds the subject: its quotes, parentheses, nine NILs, nine spaces. */
	const size_t around = 2 + 2 + 9 * 3 + 9;
	const struct {
		const char	*name;
		size_t		 len, room;
		char		 subject;
		size_t		 n;
		enum envelope_reason reason;
	} cases[] = {
		{ "fits", ENVELOPE_TEXT_MAX - around, 4000, 'x', 0, ENVELOPE_OK },
		{ "too long", ENVELOPE_TEXT_MAX - around + 1, 4000, 'x', 0, ENVELOPE_TOO_LONG },
		{ "too long, plenty of room", ENVELOPE_TEXT_MAX - around + 1, 20000, 'x', 0,
		    ENVELOPE_TOO_LONG },
		{ "a literal makes it too long", ENVELOPE_TEXT_MAX - around - 2, 4000, '\xe4', 0,
		    ENVELOPE_TOO_LONG },
		{ "far too long", 19000, 20000, 'x', 0, ENVELOPE_TOO_LONG },
		{ "no room", 100, 50, 'x', 0, ENVELOPE_TOO_LONG },
		{ "100 addresses", 0, 4000, 'x', 100, ENVELOPE_OK },
		{ "101 addresses", 0, 4000, 'x', 101, ENVELOPE_TOO_MANY_ADDRESSES },
		{ "1000 addresses", 0, 4000, 'x', 1000, ENVELOPE_TOO_MANY_ADDRESSES },
	};
	static uint8_t memory[20100], list_memory[20100];
	enum envelope_reason reason;
	struct buf list, out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_fixed(&list, list_memory, sizeof(list_memory));
		make(&list, cases[i].len, cases[i].subject, cases[i].n);
		assert_false(list.failed);
		buf_fixed(&out, memory, cases[i].room + 6);
		assert_int_equal(rewrite(buf_all(&list), &out, &reason), 0);
		if (reason != cases[i].reason || (out.len > 0) != (reason == ENVELOPE_OK))
			fail_msg("%s: %s", cases[i].name, envelope_reason_text(reason));
	}
}

/* A list that would be too long, and is none, is none. */
static void
broken_and_long(void **state)
{
	static uint8_t memory[9000], list_memory[9000];
	enum envelope_reason reason;
	struct buf list, out;

	(void)state;
	buf_fixed(&list, list_memory, sizeof(list_memory));
	make(&list, 8000, 'x', 0);
	buf_fixed(&out, memory, sizeof(memory));
	assert_int_equal(rewrite((struct slice){ (char *)list.data, list.len - 1 }, &out, &reason),
	    -1);
	assert_int_equal(out.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted), cmocka_unit_test(refused), cmocka_unit_test(bounds),
		cmocka_unit_test(broken_and_long),
	};

	return cmocka_run_group_tests_name("envlist", tests, NULL, NULL);
}
