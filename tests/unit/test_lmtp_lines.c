/* Answers, tokens, the extensions that pass; commands and the recipients in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lmtp/command.h"
#include "lmtp/reply.h"

static int
parse(const char *text, struct reply *r)
{
	return reply_parse((const uint8_t *)text, strlen(text), r);
}

static void
replies(void **state)
{
	static const struct {
		const char	*text;
		int		 rc, code;
		size_t		 len;
		const char	*last;
	} cases[] = {
		{ "250 OK\r\n", 1, 250, 8, "OK" },
		{ "250 OK\r\n550 no\r\n", 1, 250, 8, "OK" },
		{ "250-a\r\n250-b\r\n250 c\r\n", 1, 250, 21, "c" },
		{ "250\r\n", 1, 250, 5, "" },
		{ "250 OK\n", 1, 250, 7, "OK" },
		{ "354 go\r\n", 1, 354, 8, "go" },
		{ "250-a\r\n", 0, 0, 0, NULL },
		{ "250 O", 0, 0, 0, NULL },
		{ "", 0, 0, 0, NULL },
		{ "250-a\r\n251 b\r\n", -1, 0, 0, NULL },
		{ "25 OK\r\n", -1, 0, 0, NULL },
		{ "150 OK\r\n", -1, 0, 0, NULL },
		{ "650 OK\r\n", -1, 0, 0, NULL },
		{ "2500 OK\r\n", -1, 0, 0, NULL },
		{ "hello\r\n", -1, 0, 0, NULL },
		{ "\r\n", -1, 0, 0, NULL },
	};
	struct reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(parse(cases[i].text, &r), cases[i].rc);
		if (cases[i].rc != 1)
			continue;
		assert_int_equal(r.code, cases[i].code);
		assert_int_equal(r.all.len, cases[i].len);
		assert_true(slice_is(r.text, cases[i].last));
	}
}

static void
long_replies(void **state)
{
	static uint8_t text[REPLY_MAX + 2];
	struct reply r;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "250 ", 4);
	assert_int_equal(reply_parse(text, REPLY_MAX - 1, &r), 0);
	assert_int_equal(reply_parse(text, REPLY_MAX, &r), -1);
	text[REPLY_MAX - 1] = '\n';
	assert_int_equal(reply_parse(text, REPLY_MAX, &r), 1);
	text[REPLY_MAX - 1] = 'x';
	text[REPLY_MAX] = '\n';
	assert_int_equal(reply_parse(text, REPLY_MAX + 1, &r), -1);
}

static void
tokens(void **state)
{
	static const struct { const char *text, *token; } cases[] = {
		{ "250 2.0.0 <alice@x.example> EwSoLYQABWvsAwAAg+zDdQ Saved\r\n", "EwSoLYQABWvsAwAAg+zDdQ" },
		{ "250 2.0.0 <a@x> TOKEN:T2:R3 Saved\r\n", "TOKEN:T2:R3" },
		{ "250-hm\r\n250 2.0.0 <a@x> TOKEN Saved\r\n", "TOKEN" },
		{ "250 2.0.0 Message accepted\r\n", NULL },
		{ "250 2.0.0 <a@x> TOKEN saved\r\n", NULL },
		{ "250 2.0.0 <a@x> TOKEN Saved.\r\n", NULL },
		{ "250 Saved\r\n", NULL },
		{ "250  Saved\r\n", NULL },
		{ "250 x  Saved\r\n", NULL },
		{ "250 x \xff Saved\r\n", NULL },
		{ "250\r\n", NULL },
	};
	struct slice token;
	struct reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(parse(cases[i].text, &r), 1);
		token = reply_token(&r);
		assert_true(slice_equal(token, slice_of(cases[i].token)));
		assert_int_equal(token.p == NULL, cases[i].token == NULL);
	}
}

static void
extensions(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "250-mail.example\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n"
		  "250-PIPELINING\r\n250 STARTTLS\r\n",
		  "250-mail.example\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 PIPELINING\r\n" },
		{ "250-x\r\n250-size 1000\r\n250-DSN\r\n250-XCLIENT NAME ADDR\r\n250 SMTPUTF8\r\n",
		  "250-x\r\n250-size 1000\r\n250-DSN\r\n250 SMTPUTF8\r\n" },
		{ "250-x\r\n250-STARTTLS\r\n250 SIZEX\r\n", "250 x\r\n" },
		{ "250 x\r\n", "250 x\r\n" },
		{ "250\r\n", "250 \r\n" },
	};
	struct reply r;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_reset(&out);
		assert_int_equal(parse(cases[i].in, &r), 1);
		reply_filter_lhlo(&r, &out);
		assert_true(slice_is(buf_all(&out), cases[i].out));
	}
	buf_clear(&out);
}

static void
lines(void **state)
{
	static uint8_t text[COMMAND_MAX + 3];
	struct slice line;
	size_t used;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(command_line(text, 0, &line, &used), 0);
	assert_int_equal(command_line(text, COMMAND_MAX, &line, &used), 0);
	assert_int_equal(command_line(text, COMMAND_MAX + 1, &line, &used), -1);
	text[COMMAND_MAX] = '\r';
	assert_int_equal(command_line(text, COMMAND_MAX + 1, &line, &used), 0);
	text[COMMAND_MAX + 1] = '\n';
	assert_int_equal(command_line(text, COMMAND_MAX + 2, &line, &used), 1);
	assert_int_equal(line.len, COMMAND_MAX);
	assert_int_equal(used, COMMAND_MAX + 2);
	assert_int_equal(command_line((const uint8_t *)"NOOP\nX", 6, &line, &used), 1);
	assert_true(slice_is(line, "NOOP"));
	assert_int_equal(used, 5);
}

static void
verbs(void **state)
{
	static const struct { const char *line; enum verb verb; } cases[] = {
		{ "LHLO x", VERB_LHLO }, { "mail FROM:<>", VERB_MAIL }, { "RcPt TO:<a@b>", VERB_RCPT },
		{ "DATA", VERB_DATA }, { "DATA\t", VERB_DATA }, { "RSET", VERB_RSET },
		{ "NOOP x", VERB_NOOP }, { "VRFY a", VERB_VRFY }, { "QUIT", VERB_QUIT },
		{ "STARTTLS", VERB_OTHER }, { "BDAT 10 LAST", VERB_OTHER }, { "XCLIENT ADDR=x", VERB_OTHER },
		{ "HELP", VERB_OTHER }, { "EHLO x", VERB_OTHER }, { "DATAX", VERB_OTHER },
		{ "DAT", VERB_OTHER }, { "", VERB_OTHER }, { " DATA", VERB_OTHER },
		{ "NOOP\rDATA", VERB_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(command_verb(slice_of(cases[i].line)), cases[i].verb);
	assert_int_equal(command_verb((struct slice){ "NOOP \0", 6 }), VERB_MALFORMED);
}

static void
recipients(void **state)
{
	static const struct { const char *line, *address; } cases[] = {
		{ "RCPT TO:<alice@x.example>", "alice@x.example" },
		{ "rcpt to: <alice@x.example> NOTIFY=NEVER ORCPT=rfc822;b@x", "alice@x.example" },
		{ "RCPT TO:<\"a>b\"@x.example>", "\"a>b\"@x.example" },
		{ "RCPT TO:<\"a\\\">b\"@x.example> X", "\"a\\\">b\"@x.example" },
		{ "RCPT TO:<@one,@two:alice@x.example>", "alice@x.example" },
		{ "RCPT TO:<\"\">", "\"\"" },
		{ "RCPT TO:<>", "" }, { "RCPT TO:alice", "" }, { "RCPT", "" },
		{ "RCPT TO:<alice", "alice" }, { "RCPT TO:<", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_true(slice_is(command_recipient(slice_of(cases[i].line)), cases[i].address));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies), cmocka_unit_test(long_replies), cmocka_unit_test(tokens),
		cmocka_unit_test(extensions), cmocka_unit_test(lines), cmocka_unit_test(verbs),
		cmocka_unit_test(recipients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
