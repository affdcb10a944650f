/* Address lists, good and broken, as Dovecot reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/address.h"

#define S(text)	((struct slice){ text, sizeof(text) - 1 })

static void
put(struct buf *out, struct slice s)
{
	if (s.p == NULL)
		buf_octet(out, '-');
	else
		buf_slice(out, s);
}

/* Each address as "name,route,mailbox,host/", nil as "-". */
static int
show(struct slice value, struct buf *out)
{
	struct address_list list;
	struct address a;
	int rc;

	address_init(&list, value);
	while ((rc = address_next(&list, &a)) > 0) {
		put(out, a.name);
		buf_octet(out, ',');
		put(out, a.route);
		buf_octet(out, ',');
		put(out, a.mailbox);
		buf_octet(out, ',');
		put(out, a.host);
		buf_octet(out, '/');
	}
	if (rc == 0)
		assert_int_equal(address_next(&list, &a), 0);
	return rc;
}

#define MISSING	"-,-,MISSING_MAILBOX,MISSING_DOMAIN/"

static void
lists(void **state)
{
	static const struct {
		struct slice	value;
		const char	*want;
	} cases[] = {
		{ S(""), "" },
		{ S(" (nobody) "), "" },
		{ S("(open"), "" },
		{ S("user@domain"), "-,-,user,domain/" },
		{ S("a@b, c@d"), "-,-,a,b/-,-,c,d/" },
		{ S("Name <a@b>"), "Name,-,a,b/" },
		{ S("<a@b>"), "-,-,a,b/" },
		{ S("\"\" <a@b>"), "-,-,a,b/" },
		{ S("\"A \\\"B\\\" C\" <a@b>"), "A \"B\" C,-,a,b/" },
		{ S("J. R. R. T. <a@b>"), "J. R. R. T.,-,a,b/" },
		{ S("=?utf-8?Q?x?= <a@b>"), "=?utf-8?Q?x?=,-,a,b/" },
		{ S("J\xf6rg <a@b>"), "J\xf6rg,-,a,b/" },
		{ S("a@b (Real Name)"), "Real Name,-,a,b/" },
		{ S("a@b (one) (two)"), "two,-,a,b/" },
		{ S("(one) a@b"), "-,-,a,b/" },
		{ S("a@b (x (y\\) z) w)"), "x (y) z) w,-,a,b/" },
		{ S("a@b (one), c@d"), "one,-,a,b/-,-,c,d/" },
		{ S("a@b, (one) c@d (two)"), "-,-,a,b/two,-,c,d/" },
		/* Groups. */
		{ S("g: a@b, c@d;"), "-,-,g,-/-,-,a,b/-,-,c,d/-,-,-,-/" },
		{ S("g:;, h: (x) ;"), "-,-,g,-/-,-,-,-/-,-,h,-/-,-,-,-/" },
		{ S("g: a@b"), "-,-,g,-/-,-,a,b/-,-,-,-/" },
		{ S("g:"), "-,-,g,-/-,-,-,-/" },
		{ S("g: a@b,;, c@d"), "-,-,g,-/-,-,a,b/" MISSING "-,-,-,-/-,-,c,d/" },
		{ S("g: h: a@b;"), "-,-,g,-/-,-,h,MISSING_DOMAIN/-,-,-,-/" },
		{ S(": a@b;"), "-,-,,-/-,-,a,b/-,-,-,-/" },
		/* Routes. */
		{ S("<@r:a@b>"), "-,@r,a,b/" },
		{ S("<@r,@s.t , ,@u:a@b>"), "-,@r,@s.t,@u,a,b/" },
		{ S("<@b>"), "-,INVALID_ROUTE,MISSING_MAILBOX,MISSING_DOMAIN/" },
		{ S("<@r a@b>"), "-,INVALID_ROUTE,a,b/" },
		{ S("<@"), "-,INVALID_ROUTE,MISSING_MAILBOX,SYNTAX_ERROR/" },
		/* What is missing. */
		{ S("user"), "-,-,user,MISSING_DOMAIN/" },
		{ S("<user>"), "-,-,user,MISSING_DOMAIN/" },
		{ S("user (Comment)"), "Comment,-,user,MISSING_DOMAIN/" },
		{ S("\"user\""), "user,-,MISSING_MAILBOX,MISSING_DOMAIN/" },
		{ S("Foo Bar"), "Foo Bar,-,MISSING_MAILBOX,MISSING_DOMAIN/" },
		{ S("@domain"), "-,-,MISSING_MAILBOX,domain/" },
		{ S("\"\"@domain"), "-,-,,domain/" },
		{ S("<>"), MISSING },
		{ S(",a@b,"), MISSING "-,-,a,b/" },
		{ S("a@b, (open"), "-,-,a,b/" MISSING },
		{ S("a@"), "-,-,a,MISSING_DOMAIN/" },
		{ S("a@b (open"), "-,-,a,MISSING_DOMAIN/" },
		/* Broken syntax. */
		{ S("N <a b>"), "N,-,a,SYNTAX_ERROR/" },
		{ S("N <a@b"), "N,-,a,SYNTAX_ERROR/" },
		{ S("N <a@b> (open"), "N,-,a,SYNTAX_ERROR/" },
		{ S("a@b@c, d@e"), "-,-,a,b/" },
		{ S("a@b; c@d"), "-,-,a,b/" },
		{ S("\"open <a@b>"), MISSING },
		{ S("x \"a\\b"), "x a,-,MISSING_MAILBOX,MISSING_DOMAIN/" },
		{ S("x (a\\b"), "a,-,MISSING_MAILBOX,MISSING_DOMAIN/" },
		/* Dots, blanks, literals, folding, NUL. */
		{ S(".a..b.@c"), "-,-,.a..b.,c/" },
		{ S("a .b@c"), "-,-,a.b,c/" },
		{ S("a@b . c"), "-,-,a,b.c/" },
		{ S("a@b..c"), "-,-,a,MISSING_DOMAIN/" },
		{ S("a@[1\r\n 2\\]]"), "-,-,a,[1 2\\]]/" },
		{ S("a@[x[y]"), "-,-,a,MISSING_DOMAIN/" },
		{ S("\"a\r\n b\" <a@b>"), "a b,-,a,b/" },
		{ S("\"a\r\r\n b\" <a@b>"), "a b,-,a,b/" },
		{ S("\"a\\\r\n b\" <a@b>"), "a\\ b,-,a,b/" },
		{ S("\"a\\\n \n b\" <a@b>"), "a  b,-,a,b/" },
		{ S("\"x\0y\" <a@b>"), "x\xef\xbf\xbdy,-,a,b/" },
		{ S("a\0b@c"), "-,-,a,MISSING_DOMAIN/" },
	};
	uint8_t memory[1000];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_fixed(&out, memory, sizeof(memory));
		assert_int_equal(show(cases[i].value, &out), 0);
		if (!slice_is(buf_all(&out), cases[i].want))
			fail_msg("%s: %.*s", cases[i].value.p, (int)out.len, (char *)out.data);
	}
}

/* A string that is too long is told when it is a part of an address, and only then. */
static void
long_strings(void **state)
{
	static const struct {
		const char	*before, *behind;
		int		 rc;
	} cases[] = {
		{ "\"", "\" <a@b>", -1 }, { "", "@b", -1 }, { "a@", "", -1 }, { "<@", ":a@b>", -1 },
		{ "a@b (", ")", -1 }, { "", ":;", -1 }, { "a ", "", -1 },
		{ "(", ") a@b", 0 }, { "a@b (", ") (x)", 0 }, { "a@b,\"", "", 0 },
	};
	char value[ADDRESS_TEXT_MAX + 100];
	uint8_t memory[ADDRESS_TEXT_MAX + 100];
	struct buf out, text;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_fixed(&out, memory, sizeof(memory));
		buf_fixed(&text, value, sizeof(value));
		buf_text(&text, cases[i].before);
		memset(buf_room(&text, ADDRESS_TEXT_MAX + 1), 'x', ADDRESS_TEXT_MAX + 1);
		text.len += ADDRESS_TEXT_MAX + 1;
		buf_text(&text, cases[i].behind);
		if (show(buf_all(&text), &out) != cases[i].rc)
			fail_msg("%s...%s", cases[i].before, cases[i].behind);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists), cmocka_unit_test(long_strings),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
