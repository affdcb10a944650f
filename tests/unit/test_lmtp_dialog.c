/* Whole conversations, octets in and octets out: what is relayed, what is due, what is the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lmtp/command.h"
#include "lmtp/dialog.h"

static const struct config_list no_quiet;

struct talk {
	struct dialog	d;
	char		front[65536];	/* what the front has said and the dialog has not taken */
	size_t		n;
	bool		eof;
};

/* Gives the dialog what the front has said, once more, with more behind it. */
static void
front(struct talk *t, const char *text)
{
	size_t used, len = strlen(text);

	memcpy(t->front + t->n, text, len);
	t->n += len;
	used = dialog_front(&t->d, (const uint8_t *)t->front, t->n, t->eof);
	memmove(t->front, t->front + used, t->n - used);
	t->n -= used;
}

static void
front_leaves(struct talk *t)
{
	t->eof = true;
	front(t, "");
}

static void
back(struct talk *t, const char *text)
{
	assert_int_equal(dialog_back(&t->d, (const uint8_t *)text, strlen(text), false), strlen(text));
	front(t, "");
}

static void
back_leaves(struct talk *t)
{
	dialog_back(&t->d, (const uint8_t *)"", 0, true);
}

static void
check(struct buf *out, const char *want)
{
	if (!slice_is(buf_all(out), want))
		fail_msg("said \"%.*s\", wanted \"%s\"", (int)out->len, (const char *)out->data, want);
	buf_reset(out);
}

static void
to_back(struct talk *t, const char *want)
{
	check(&t->d.to_back, want);
}

static void
to_front(struct talk *t, const char *want)
{
	check(&t->d.to_front, want);
}

static int
begin(void **state)
{
	struct talk *t = calloc(1, sizeof(*t));

	dialog_init(&t->d, &no_quiet);
	*state = t;
	return 0;
}

static int
end(void **state)
{
	struct talk *t = *state;

	dialog_clear(&t->d);
	free(t);
	return 0;
}

static void
greet(struct talk *t)
{
	back(t, "220 ready\r\n");
	front(t, "LHLO me\r\n");
	back(t, "250-x\r\n250-STARTTLS\r\n250 PIPELINING\r\n");
	buf_reset(&t->d.to_back);
	to_front(t, "220 ready\r\n250-x\r\n250 PIPELINING\r\n");
}

/* To inside the DATA of a message for a, b and c. */
static void
three(struct talk *t)
{
	greet(t);
	front(t, "MAIL FROM:<s@x>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n");
	back(t, "250 m\r\n250 a\r\n250 b\r\n250 c\r\n354 go\r\n");
	to_back(t, "MAIL FROM:<s@x>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n");
	to_front(t, "250 m\r\n250 a\r\n250 b\r\n250 c\r\n354 go\r\n");
	assert_int_equal(t->d.state, DIALOG_DATA);
}

static void
outcome(struct talk *t, size_t i, const char *address, const char *token, int code)
{
	assert_true(i < t->d.n_outcomes);
	assert_string_equal(t->d.outcome[i].address, address);
	assert_int_equal(t->d.outcome[i].code, code);
	if (token == NULL)
		assert_null(t->d.outcome[i].token);
	else
		assert_string_equal(t->d.outcome[i].token, token);
}

static void
a_transaction(void **state)
{
	struct talk *t = *state;

	three(t);
	front(t, "Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n");
	to_back(t, "Subject: x\r\n\r\nhello\r\n.\r\n");
	back(t, "250 2.0.0 <a@x> TA Saved\r\n");
	assert_int_equal(t->d.n_outcomes, 1);
	back(t, "452 4.2.2 full\r\n250 2.0.0 <c@x> TA:R3 Saved\r\n");
	assert_int_equal(t->d.n_outcomes, 3);
	outcome(t, 0, "a@x", "TA", 250);
	outcome(t, 1, "b@x", NULL, 452);
	outcome(t, 2, "c@x", "TA:R3", 250);
	to_front(t, "250 2.0.0 <a@x> TA Saved\r\n452 4.2.2 full\r\n250 2.0.0 <c@x> TA:R3 Saved\r\n");
	to_back(t, "QUIT\r\n");
	assert_false(t->d.ended);
	back(t, "221 bye\r\n");
	to_front(t, "221 bye\r\n");
	assert_true(t->d.ended);
	assert_null(t->d.trouble);
}

static void
refused_recipients_get_no_second_answer(void **state)
{
	struct talk *t = *state;

	greet(t);
	front(t, "MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n");
	back(t, "250 m\r\n550 no\r\n250 b\r\n354 go\r\n");
	front(t, ".\r\n");
	back(t, "250 b\r\n");
	assert_int_equal(t->d.n_outcomes, 1);
	outcome(t, 0, "b@x", NULL, 250);
	assert_true(dialog_idle(&t->d));
	assert_int_equal(t->d.rcpt_octets, 0);
}

static void
data_refused(void **state)
{
	struct talk *t = *state;

	greet(t);
	front(t, "MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nDATA\r\nRSET\r\n");
	to_back(t, "MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nDATA\r\n");
	back(t, "250 m\r\n550 no\r\n503 none valid\r\n");
	to_back(t, "RSET\r\n");
	back(t, "250 reset\r\n");
	to_front(t, "250 m\r\n550 no\r\n503 none valid\r\n250 reset\r\n");
	assert_true(dialog_idle(&t->d));
}

static void
what_clears_the_count(void **state)
{
	struct talk *t = *state;

	greet(t);
	front(t, "MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nRSET\r\nRCPT TO:<z@x>\r\n");
	back(t, "250 m\r\n250 a\r\n250 reset\r\n503 no mail\r\n");
	assert_true(dialog_idle(&t->d));
	front(t, "MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n");
	back(t, "250 m\r\n250 a\r\n503 nested\r\n250 b\r\n354 go\r\n");
	assert_int_equal(t->d.due.n, 2);
	front(t, "x\r\n.\r\n");
	assert_false(t->d.after_message);
	back(t, "250 a\r\n250 b\r\n");
	assert_true(t->d.after_message);
	front(t, "MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nLHLO again\r\n");
	back(t, "250 m\r\n250 a\r\n250 x\r\n");
	assert_true(dialog_idle(&t->d));
	assert_false(t->d.after_message);
}

/* To behind the answer to a message. */
static void
one_more(struct talk *t)
{
	front(t, "MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nDATA\r\n");
	back(t, "250 m\r\n250 a\r\n354 go\r\n");
	front(t, ".\r\n");
	back(t, "250 a\r\n");
	assert_true(t->d.after_message);
	buf_reset(&t->d.to_back);
	buf_reset(&t->d.to_front);
}

static void
reset_behind_a_message(void **state)
{
	static const char *const relayed[] = { "RSET x\r\n", "RSET \r\n", "NOOP\r\n", "LHLO me\r\n" };
	struct talk *t = *state;

	greet(t);
	front(t, "RSET\r\n");
	to_back(t, "RSET\r\n");
	back(t, "250 theirs\r\n");
	one_more(t);
	front(t, "rset\r\nMAIL FROM:<>\r\n");
	to_back(t, "MAIL FROM:<>\r\n");
	back(t, "250 m\r\n");
	to_front(t, "250 2.0.0 OK\r\n250 m\r\n");
	front(t, "RSET\r\n");
	to_back(t, "RSET\r\n");
	back(t, "250 theirs\r\n");
	one_more(t);
	front(t, "RSET\r\nRSET\r\n");
	to_back(t, "RSET\r\n");
	back(t, "250 theirs\r\n");
	to_front(t, "250 2.0.0 OK\r\n250 theirs\r\n");
	for (size_t i = 0; i < sizeof(relayed) / sizeof(relayed[0]); i++) {
		one_more(t);
		front(t, relayed[i]);
		to_back(t, relayed[i]);
		back(t, "250 theirs\r\n");
	}
	assert_true(dialog_idle(&t->d));
}

static void
reset_behind_the_backends_end(void **state)
{
	struct talk *t = *state;

	greet(t);
	one_more(t);
	back_leaves(t);
	front(t, "RSET\r\n");
	to_front(t, "");
	assert_true(t->d.ended);
}

static void
ours_stands_in_its_place(void **state)
{
	struct talk *t = *state;

	greet(t);
	front(t, "MAIL FROM:<>\r\nBDAT 5 LAST\r\nRCPT TO:<a@x>\r\nXCLIENT A=b\r\nNOOP\rX\r\n");
	to_back(t, "MAIL FROM:<>\r\nRCPT TO:<a@x>\r\n");
	to_front(t, "");
	back(t, "250 m\r\n");
	to_front(t, "250 m\r\n502 5.5.1 Command not implemented\r\n");
	back(t, "250 a\r\n");
	to_front(t, "250 a\r\n502 5.5.1 Command not implemented\r\n"
	    "500 5.5.2 Bare CR or NUL in a command\r\n");
	front(t, "STARTTLS\r\n");
	to_front(t, "502 5.5.1 Command not implemented\r\n");
}

static void
a_surplus_answer(void **state)
{
	struct talk *t = *state;

	three(t);
	front(t, ".\r\nQUIT\r\n");
	back(t, "250 a\r\n250 b\r\n250 c\r\n250 d\r\n");
	to_front(t, "250 a\r\n250 b\r\n250 c\r\n");
	assert_int_equal(t->d.n_outcomes, 3);
	assert_true(t->d.ended);
	assert_non_null(t->d.trouble);
	to_back(t, "");
}

static void
too_few_answers(void **state)
{
	struct talk *t = *state;

	three(t);
	front(t, ".\r\nQUIT\r\n");
	back(t, "250 a\r\n");
	back_leaves(t);
	to_front(t, "250 a\r\n421 4.4.2 Connection to the mailbox server lost\r\n");
	assert_int_equal(t->d.n_outcomes, 1);
	assert_true(t->d.ended);
}

static void
garbage(void **state)
{
	struct talk *t = *state;

	three(t);
	front(t, ".\r\n");
	back(t, "250 a\r\nnonsense\r\n250 b\r\n");
	to_front(t, "250 a\r\n421 4.4.2 Connection to the mailbox server lost\r\n");
	assert_true(t->d.ended);
}

static void
premature_answers(void **state)
{
	struct talk *t = *state;

	three(t);
	front(t, "x\r\n");
	back(t, "452 full\r\n");
	to_front(t, "452 full\r\n");
	front(t, ".\r\n");
	back(t, "250 b\r\n250 c\r\n");
	to_front(t, "250 b\r\n250 c\r\n");
	assert_int_equal(t->d.n_outcomes, 3);
	outcome(t, 0, "a@x", NULL, 452);
	outcome(t, 2, "c@x", NULL, 250);
	assert_true(dialog_idle(&t->d));
}

static void
a_premature_success_is_none(void **state)
{
	struct talk *t = *state;

	three(t);
	front(t, "x\r\n");
	back(t, "250 a\r\n");
	to_front(t, "421 4.4.2 Connection to the mailbox server lost\r\n");
	assert_int_equal(t->d.n_outcomes, 0);
	assert_true(t->d.ended);
}

static void
a_server_that_goes_away_says_so(void **state)
{
	struct talk *t = *state;

	greet(t);
	back(t, "421 shutting down\r\n");
	to_front(t, "421 shutting down\r\n");
	assert_true(t->d.ended);
	assert_null(t->d.trouble);
}

static void
a_bare_lf_is_refused(void **state)
{
	struct talk *t = *state;

	three(t);
	front(t, "x\n.\r\nMAIL FROM:<evil@x>\r\n");
	to_back(t, "");
	to_front(t, "451 4.5.2 A line end next to a dot line is not CRLF\r\n");
	assert_true(t->d.ended);
	assert_int_equal(t->d.n_outcomes, 0);
}

static void
a_vanished_front_cancels(void **state)
{
	struct talk *t = *state;

	three(t);
	front(t, "x\r\n.");
	to_back(t, "x\r\n");
	front_leaves(t);
	to_back(t, "");
	assert_true(t->d.ended);
	assert_int_equal(t->d.n_outcomes, 0);
}

static void
vanished_before_354(void **state)
{
	struct talk *t = *state;

	greet(t);
	front(t, "MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nDATA\r\n");
	front_leaves(t);
	assert_false(t->d.ended);
	back(t, "250 m\r\n250 a\r\n354 go\r\n");
	assert_true(t->d.ended);
	to_back(t, "");
}

static void
half_closed_behind_quit(void **state)
{
	struct talk *t = *state;

	three(t);
	front(t, "x\r\n.\r\nQUIT\r\n");
	front_leaves(t);
	assert_false(t->d.ended);
	back(t, "250 a\r\n250 b\r\n250 c\r\n");
	to_back(t, "x\r\n.\r\nQUIT\r\n");
	back(t, "221 bye\r\n");
	to_front(t, "250 a\r\n250 b\r\n250 c\r\n221 bye\r\n");
	assert_true(t->d.ended);
}

static void
an_idle_end(void **state)
{
	struct talk *t = *state;

	greet(t);
	back_leaves(t);
	to_front(t, "");
	assert_true(t->d.ended);
	assert_null(t->d.trouble);
}

static void
no_greeting(void **state)
{
	struct talk *t = *state;

	back(t, "421 too busy\r\n");
	to_front(t, "421 too busy\r\n");
	assert_true(t->d.ended);
}

static void
an_overlong_command(void **state)
{
	struct talk *t = *state;
	char text[COMMAND_MAX + 2];

	greet(t);
	memset(text, 'x', COMMAND_MAX + 1);
	text[COMMAND_MAX + 1] = '\0';
	front(t, "NOOP\r\n");
	front(t, text);
	to_front(t, "");
	back(t, "250 noop\r\n");
	to_front(t, "250 noop\r\n500 5.5.2 Line too long\r\n");
	assert_true(t->d.ended);
}

/* 1,000 recipients in one segment are taken; a budget ends what a front could let us remember. */
static void
many_recipients(void **state)
{
	struct talk *t = *state;
	char line[128];

	greet(t);
	front(t, "MAIL FROM:<>\r\n");
	back(t, "250 m\r\n");
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line),
		    "RCPT TO:<somebody-with-a-long-name-%04d@department.example.org>\r\n", i);
		front(t, line);
		buf_reset(&t->d.to_back);
		back(t, "250 ok\r\n");
	}
	assert_int_equal(t->d.accepted.n, 1000);
	buf_reset(&t->d.to_front);
	while (t->d.to_front.len == 0) {
		front(t, line);
		if (t->d.to_front.len > 0)
			break;
		back(t, "250 ok\r\n");
		buf_reset(&t->d.to_front);
		buf_reset(&t->d.to_back);
	}
	to_front(t, "452 4.5.3 Too many recipients\r\n");
	assert_true(t->d.rcpt_octets < DIALOG_RCPT_MAX + COMMAND_MAX);
	front(t, "RSET\r\n");
	back(t, "250 ok\r\n");
	assert_int_equal(t->d.rcpt_octets, 0);
}

/* A side that does not take its octets stops the other. */
static void
back_pressure(void **state)
{
	struct talk *t = *state;
	char text[8193];

	three(t);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 4; i++)
		front(t, text);
	assert_true(t->d.to_back.len < 2 * DIALOG_OUT_HIGH && t->n > 0);
	buf_reset(&t->d.to_back);
	front(t, "");
	assert_true(t->d.to_back.len > 0);
}

/* Commands come in pieces, and the answers keep their order when many are outstanding and more come. */
static void
many_outstanding(void **state)
{
	struct talk *t = *state;

	greet(t);
	front(t, "NO");
	to_back(t, "");
	front(t, "OP\r\n");
	to_back(t, "NOOP\r\n");
	for (int i = 1; i < 16; i++)
		front(t, "NOOP\r\n");
	for (int i = 0; i < 12; i++)
		back(t, "250 noop\r\n");
	buf_reset(&t->d.to_front);
	front(t, "EXPN x\r\nVRFY y\r\n");
	for (int i = 0; i < 4; i++)
		back(t, "250 noop\r\n");
	back(t, "252 y\r\n");
	to_front(t, "250 noop\r\n250 noop\r\n250 noop\r\n250 noop\r\n"
	    "502 5.5.1 Command not implemented\r\n252 y\r\n");
	assert_true(dialog_idle(&t->d));
}

/* Who sends commands without end is not read until something is answered. */
static void
a_flood_of_commands(void **state)
{
	struct talk *t = *state;
	size_t said = 0;

	greet(t);
	for (int i = 0; i < 4000; i++) {
		front(t, "NOOP\r\n");
		said += t->d.to_back.len;
		buf_reset(&t->d.to_back);
	}
	assert_int_equal(said, strlen("NOOP\r\n") * 2048);
	back(t, "250 noop\r\n");
	to_back(t, "NOOP\r\n");
}

/* A backend that takes a message for nobody, which the RFC does not allow it, leaves no answer due. */
static void
a_message_for_nobody(void **state)
{
	struct talk *t = *state;

	greet(t);
	front(t, "MAIL FROM:<s@x>\r\nDATA\r\n");
	back(t, "250 m\r\n354 go\r\n");
	front(t, "Subject: x\r\n\r\n.\r\nNOOP\r\n");
	to_back(t, "MAIL FROM:<s@x>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nNOOP\r\n");
	back(t, "250 noop\r\n");
	to_front(t, "250 m\r\n354 go\r\n250 noop\r\n");
	assert_int_equal(t->d.n_outcomes, 0);
	assert_true(dialog_idle(&t->d));
}

static void
no_backend(void **state)
{
	struct talk *t = *state;

	dialog_unreachable(&t->d);
	to_front(t, "421 4.3.2 The mailbox server cannot be reached, try again later\r\n");
	assert_true(t->d.ended);
	front(t, "LHLO me\r\n");
	to_back(t, "");
	to_front(t, "");
}

#define TALK(f)	cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TALK(a_transaction), TALK(refused_recipients_get_no_second_answer), TALK(data_refused),
		TALK(what_clears_the_count), TALK(reset_behind_a_message),
		TALK(reset_behind_the_backends_end),
		TALK(ours_stands_in_its_place), TALK(a_surplus_answer),
		TALK(too_few_answers), TALK(garbage), TALK(premature_answers),
		TALK(a_premature_success_is_none), TALK(a_server_that_goes_away_says_so),
		TALK(a_bare_lf_is_refused), TALK(a_vanished_front_cancels), TALK(vanished_before_354),
		TALK(half_closed_behind_quit), TALK(an_idle_end), TALK(no_greeting),
		TALK(an_overlong_command), TALK(many_recipients), TALK(back_pressure),
		TALK(many_outstanding), TALK(a_flood_of_commands), TALK(a_message_for_nobody),
		TALK(no_backend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
