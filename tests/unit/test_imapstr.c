/* How IMAP strings are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/imapstr.h"

#define S(text)	((struct slice){ text, sizeof(text) - 1 })

static void
check(void (*put)(struct buf *, struct slice), struct slice value, struct slice want)
{
	uint8_t memory[200];
	struct buf out;

	buf_fixed(&out, memory, sizeof(memory));
	put(&out, value);
	if (!slice_equal(buf_all(&out), want))
		fail_msg("%s: %.*s", want.p, (int)out.len, (char *)out.data);
}

static void
nstrings(void **state)
{
	static const struct {
		struct slice	value, want;
	} cases[] = {
		{ { NULL, 0 }, S("NIL") }, { S(""), S("\"\"") }, { S("NIL"), S("\"NIL\"") },
		{ S("a b"), S("\"a b\"") }, { S("\"\\\""), S("\"\\\"\\\\\\\"\"") },
		{ S("a\"b"), S("\"a\\\"b\"") }, { S("\t\x01\x7f"), S("\"\t\x01\x7f\"") },
		{ S("a\rb"), S("{3}\r\na\rb") }, { S("\n"), S("{1}\r\n\n") },
		{ S("\xc3\xa4\""), S("{3}\r\n\xc3\xa4\"") }, { S("{5}"), S("\"{5}\"") },
		{ S("12345678"), S("\"12345678\"") }, { S("1234567\n"), S("{8}\r\n1234567\n") },
		{ S("12345678\""), S("\"12345678\\\"\"") }, { S("\r123456789"), S("{10}\r\n\r123456789") },
		{ S("12345678\n0123456"), S("{16}\r\n12345678\n0123456") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(imapstr_nstring, cases[i].value, cases[i].want);
}

/* What takes all the room there is fits; with one octet less it fails, and nothing is written behind it. */
static void
bounds(void **state)
{
	static const struct slice values[] = {
		S(""), S("plain"), S("plain, and long"), S("a\"b"), S("\xe4")
	};
	uint8_t whole[40], memory[40];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		size_t len;

		buf_fixed(&out, whole, sizeof(whole));
		imapstr_nstring(&out, values[i]);
		len = out.len;
		buf_fixed(&out, memory, len);
		imapstr_nstring(&out, values[i]);
		assert_true(!out.failed && slice_equal(buf_all(&out), (struct slice){ (char *)whole, len }));
		memset(memory, 0, sizeof(memory));
		buf_fixed(&out, memory, len - 1);
		imapstr_nstring(&out, values[i]);
		assert_true(out.failed && memory[len - 1] == 0);
	}
}

static void
astrings(void **state)
{
	static const struct {
		struct slice	value, want;
	} cases[] = {
		{ S("https://push.example/x?y=z&w"), S("https://push.example/x?y=z&w") },
		{ S("a%b"), S("\"a%b\"") }, { S("a]b"), S("\"a]b\"") }, { S("a b"), S("\"a b\"") },
		{ S("(" ), S("\"(\"") }, { S("{1}"), S("\"{1}\"") }, { S("a*"), S("\"a*\"") },
		{ S("\""), S("\"\\\"\"") }, { S(""), S("\"\"") }, { S("nIl"), S("\"nIl\"") },
		{ S("nill"), S("nill") }, { S("\x7f"), S("\"\x7f\"") },
		{ S("\xe4"), S("{1}\r\n\xe4") },
		{ { NULL, 0 }, S("NIL") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(imapstr_astring, cases[i].value, cases[i].want);
}

/* The first two are RFC 3501's own, section 5.1.3. */
static void
mailboxes(void **state)
{
	static const struct {
		struct slice	value, want;
	} cases[] = {
		{ S("~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"),
		    S("\"~peter/mail/&U,BTFw-/&ZeVnLIqe-\"") },
		{ S("\xe5\x8f\xb0\xe5\x8c\x97\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"),
		    S("\"&U,BTF2XlZyyKng-\"") },
		{ S("INBOX"), S("\"INBOX\"") }, { S("New Messages"), S("\"New Messages\"") },
		{ S(""), S("\"\"") }, { S("a&b"), S("\"a&-b\"") }, { S("&"), S("\"&-\"") },
		{ S("a\"b\\c"), S("\"a\\\"b\\\\c\"") },
		{ S("Entw\xc3\xbcrfe"), S("\"Entw&APw-rfe\"") },
		{ S("\xc3\xa4&"), S("\"&AOQ-&-\"") },
		{ S("\xf0\x9f\x93\xac"), S("\"&2D3c7A-\"") },
		{ S("\r\n* BYE"), S("\"&AA0ACg-* BYE\"") },
		{ S("\x7f"), S("\"&AH8-\"") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(imapstr_mailbox, cases[i].value, cases[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nstrings), cmocka_unit_test(bounds), cmocka_unit_test(astrings),
		cmocka_unit_test(mailboxes),
	};

	return cmocka_run_group_tests_name("imapstr", tests, NULL, NULL);
}
