/* Where fields begin and end, and how their lines are put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/header.h"

#define S(text)	((struct slice){ text, sizeof(text) - 1 })

/* Each field as "name=value|", with the value as its cursor shows it. */
static void
show(struct slice block, struct buf *out)
{
	struct header h;
	struct header_field f;
	struct header_cursor c;

	header_init(&h, block);
	while (header_next(&h, &f)) {
		buf_slice(out, f.name);
		buf_octet(out, '=');
		for (header_cursor_init(&c, f.value); c.p < c.end; header_cursor_step(&c))
			buf_octet(out, (uint8_t)*c.p);
		buf_octet(out, '|');
	}
}

static void
fields(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 block, want;
	} cases[] = {
		{ "nothing", S(""), S("") },
		{ "two fields", S("A: x\r\nB: y\r\n\r\nC: body\r\n"), S("A=x|B=y|") },
		{ "LF line ends", S("A: x\nB: y\n\nC: body\n"), S("A=x|B=y|") },
		{ "no line end", S("A: x"), S("A=x|") },
		{ "a CR is no line end", S("A: x\rB: y\r"), S("A=x\rB: y\r|") },
		{ "at once the empty line", S("\r\nA: x\r\n"), S("") },
		{ "a CR alone is no empty line", S("\r"), S("=\r|") },
		{ "folded", S("A: x\r\n y\r\n\tz\r\nB:\r\n"), S("A=x\n y\n\tz|B=|") },
		{ "folded at once", S("A:\r\n x\r\n"), S("A=\n x|") },
		{ "two CRs", S("A: x\r\r\n y\r\r\n"), S("A=x\r\n y\r|") },
		{ "blanks before the colon", S("A \t: x\n"), S("A=x|") },
		{ "blanks behind it", S("A: \t x \n"), S("A=x |") },
		{ "nothing but blanks", S("A: \t \nB: \n"), S("A=\t |B=|") },
		{ "no colon", S("abc\n d: e\nB: y\n"), S("=abc\n d: e|B=y|") },
		{ "colon first", S(": x\n"), S("=x|") },
		{ "first line is a blank's", S(" A: x\n"), S(" A=x|") },
		{ "a line of one blank", S("A: x\n \n y\n\t\r\n"), S("A=x \n y\t|") },
		{ "a line of two blanks", S("A: x\n  \n y\n"), S("A=x\n  \n y|") },
		{ "NULs", S("A\0b: x\0y\n"), S("A\0b=x\0y|") },
	};
	uint8_t memory[100];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_fixed(&out, memory, sizeof(memory));
		show(cases[i].block, &out);
		if (!slice_equal(buf_all(&out), cases[i].want))
			fail_msg("%s: %.*s", cases[i].name, (int)out.len, (char *)out.data);
	}
}

static void
names(void **state)
{
	static const struct {
		struct slice	name;
		bool		same;
	} cases[] = {
		{ S("Reply-To"), true }, { S("REPLY-TO"), true }, { S("reply-to"), true },
		{ S("Reply-To\0x"), true }, { S("Reply-Tox"), false }, { S("Reply-T"), false },
		{ S("Reply\rTo"), false }, { S(""), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct header_field f = { .name = cases[i].name };

		if (header_is(&f, S("Reply-To")) != cases[i].same)
			fail_msg("case %zu", i);
	}
}

/* A field found by its name alone is the one that is found by looking into all. */
static void
values(void **state)
{
	static const struct {
		struct slice	block, want;
	} cases[] = {
		{ S("Reply-To: x\n"), S("x") }, { S("rEPLY-tO \t:x\n y\n"), S("x\n y") },
		{ S("Reply-To\0 a :x"), S("x") }, { S("Reply-To\0\n a: x\n"), { NULL, 0 } },
		{ S("Reply-To \0: x\n"), { NULL, 0 } }, { S("Reply-To a: x\n"), { NULL, 0 } },
		{ S("Reply-To"), { NULL, 0 } }, { S("Reply-To \n"), { NULL, 0 } },
		{ S("Reply-To\n : x\n"), { NULL, 0 } }, { S("Reply-Tox: x\n"), { NULL, 0 } },
		{ S("Reply\rTo: x\n"), { NULL, 0 } }, { S("Reply-T: x\n"), { NULL, 0 } },
		{ S("Reply-To:"), S("") }, { S("Reply-To: \r\n \r\n"), S("\r\n ") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct header h, again;
		struct header_lines l;
		struct header_field f;
		struct slice value = SLICE_NIL;

		header_init(&h, cases[i].block);
		again = h;
		assert_true(header_skip(&h, &l) && header_next(&again, &f) && h.p == again.p);
		if (header_value(&l, S("Reply-To"), &value) != header_is(&f, S("Reply-To")) ||
		    (value.p == NULL) != (cases[i].want.p == NULL) || !slice_equal(value, cases[i].want))
			fail_msg("case %zu", i);
	}
}

static void
trimming(void **state)
{
	(void)state;
	assert_true(slice_equal(header_trim(S("\r\n \tx y\t\r\n")), S("x y")));
	assert_int_equal(header_trim(S(" \r\n")).len, 0);
	assert_int_equal(header_trim(S("")).len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields), cmocka_unit_test(names), cmocka_unit_test(values),
		cmocka_unit_test(trimming),
	};

	return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
