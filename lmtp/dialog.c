/*
 * The front's half of the conversation, and what both halves share; the backend's half is in
 * answer.c.
 *
 * Invariants: `due` never begins with an answer of ours (say_ours has spoken it already).  DATA is
 * the last thing due while ASKED, so that a 354 finds `due` empty and `accepted` complete.  In DATA
 * and DOT `due` holds nothing but recipients.
 *
 * RSET right behind a message ends nothing: it asks whether the session still lives, which is how
 * Postfix takes up one that it kept.  That is answered here, since the caller has seen the backend's
 * end by then if there was one, and saves two peers a turn for each message.
 */
#include <stdlib.h>
#include <string.h>

#include "lmtp/command.h"
#include "lmtp/dialog.h"
#include "lmtp/dialog_int.h"

#define DUE_MAX		2048	/* answers that may be outstanding before the front has to wait */
#define RCPT_COST	32	/* what a recipient takes besides its address */

void
dialog_init(struct dialog *d, const struct config_list *quiet_header)
{
	memset(d, 0, sizeof(*d));
	d->quiet_header = quiet_header;
	content_init(&d->content);
	buf_init(&d->to_front, DIALOG_OUT_HIGH + 2 * REPLY_MAX);
	buf_init(&d->to_back, 2 * DIALOG_OUT_HIGH);
	expect_put(&d->due, (struct expect){ .kind = EXPECT_GREETING });
}

void
dialog_clear(struct dialog *d)
{
	dialog_clear_outcomes(d);
	free(d->outcome);
	expect_clear(&d->due);
	expect_clear(&d->accepted);
	content_clear(&d->content);
	buf_clear(&d->to_front);
	buf_clear(&d->to_back);
}

void
dialog_clear_outcomes(struct dialog *d)
{
	for (size_t i = 0; i < d->n_outcomes; i++) {
		free(d->outcome[i].address);
		free(d->outcome[i].token);
	}
	d->n_outcomes = 0;
}

bool
dialog_idle(const struct dialog *d)
{
	return d->state == DIALOG_COMMAND && d->due.n == 0 && !d->open && d->accepted.n == 0;
}

void
dialog_end(struct dialog *d)
{
	d->state = DIALOG_OVER;
	d->ended = true;
	buf_reset(&d->to_back);
}

void
dialog_unreachable(struct dialog *d)
{
	buf_text(&d->to_front, "421 4.3.2 The mailbox server cannot be reached, try again later\r\n");
	dialog_end(d);
}

void
dialog_say_ours(struct dialog *d)
{
	const struct expect *first;

	while (!d->ended && (first = expect_first(&d->due)) != NULL && first->kind >= EXPECT_OURS) {
		buf_text(&d->to_front, first->text);
		if (expect_take(&d->due).kind == EXPECT_LAST)
			dialog_end(d);
	}
}

void
dialog_transaction_over(struct dialog *d)
{
	d->state = DIALOG_COMMAND;
	d->open = false;
	d->after_message = true;
}

static size_t
rcpt_cost(const char *address)
{
	return RCPT_COST + strlen(address);
}

char *
dialog_take_recipient(struct dialog *d, const struct expect *e)
{
	d->rcpt_octets -= rcpt_cost(e->address);
	return e->address;
}

/* Our own answer, in its place among the backend's. */
static void
answer_ourselves(struct dialog *d, enum expect_kind kind, const char *text)
{
	expect_put(&d->due, (struct expect){ .kind = kind, .text = text });
	dialog_say_ours(d);
}

static void
relay(struct dialog *d, enum verb verb, struct slice line)
{
	static const enum expect_kind kinds[] = {
		[VERB_LHLO] = EXPECT_LHLO, [VERB_MAIL] = EXPECT_MAIL, [VERB_RCPT] = EXPECT_RCPT,
		[VERB_DATA] = EXPECT_DATA, [VERB_RSET] = EXPECT_RSET, [VERB_NOOP] = EXPECT_OTHER,
		[VERB_VRFY] = EXPECT_OTHER, [VERB_QUIT] = EXPECT_QUIT
	};
	struct expect e = { .kind = kinds[verb] };
	struct slice address;

	if (verb == VERB_RCPT) {
		address = command_recipient(line);
		e.address = strndup(address.p, address.len);
		if (e.address == NULL)
			abort();
		d->rcpt_octets += rcpt_cost(e.address);
	}
	expect_put(&d->due, e);
	buf_slice(&d->to_back, line);
	buf_text(&d->to_back, "\r\n");
	if (verb == VERB_DATA)
		d->state = DIALOG_ASKED;
	if (verb == VERB_QUIT)
		d->state = DIALOG_OVER;
}

static size_t
front_command(struct dialog *d, const uint8_t *p, size_t n)
{
	struct slice line;
	enum verb verb;
	size_t used;
	bool behind_message = d->after_message;
	int rc = command_line(p, n, &line, &used);

	if (rc == 0)
		return 0;
	d->after_message = false;
	if (rc < 0) {
		d->state = DIALOG_OVER;
		answer_ourselves(d, EXPECT_LAST, "500 5.5.2 Line too long\r\n");
		return n;
	}
	verb = command_verb(line);
	if (verb == VERB_MALFORMED)
		answer_ourselves(d, EXPECT_OURS, "500 5.5.2 Bare CR or NUL in a command\r\n");
	else if (verb == VERB_OTHER)
		answer_ourselves(d, EXPECT_OURS, "502 5.5.1 Command not implemented\r\n");
	else if (verb == VERB_RCPT && d->rcpt_octets >= DIALOG_RCPT_MAX)
		answer_ourselves(d, EXPECT_OURS, "452 4.5.3 Too many recipients\r\n");
	else if (behind_message && verb == VERB_RSET && line.len == strlen("RSET"))
		answer_ourselves(d, EXPECT_OURS, "250 2.0.0 OK\r\n");
	else
		relay(d, verb, line);
	return used;
}

static void
refuse_message(struct dialog *d)
{
	d->trouble = "a dot line with a bare LF: refused";
	buf_text(&d->to_front, "451 4.5.2 A line end next to a dot line is not CRLF\r\n");
	dialog_end(d);
}

static void
message_ended(struct dialog *d)
{
	content_finish(&d->content, d->quiet_header);
	d->state = DIALOG_DOT;
	if (d->due.n == 0)
		dialog_transaction_over(d);
}

static size_t
front_data(struct dialog *d, const uint8_t *p, size_t n)
{
	static const size_t dot_line = 3;
	enum scan_verdict verdict;
	size_t released;

	if (n > DIALOG_OUT_HIGH)
		n = DIALOG_OUT_HIGH;
	verdict = scan_data(&d->scan, p, n, &released);
	content_put(&d->content, p, verdict == SCAN_END ? released - dot_line : released);
	buf_put(&d->to_back, p, released);
	if (verdict == SCAN_END)
		message_ended(d);
	if (verdict == SCAN_REFUSE)
		refuse_message(d);
	return released;
}

static bool
may_read_front(const struct dialog *d)
{
	switch (d->state) {
	case DIALOG_COMMAND:
		return d->due.n < DUE_MAX && d->to_back.len < DIALOG_OUT_HIGH &&
		    d->to_front.len < DIALOG_OUT_HIGH;
	case DIALOG_DATA:
		return d->to_back.len < DIALOG_OUT_HIGH;
	case DIALOG_ASKED:
	case DIALOG_DOT:
	case DIALOG_OVER:
		break;
	}
	return false;
}

/*
 * The front has gone, and all that it said has been taken.  Inside a message this is a cancel (it
 * is how Postfix leaves a probe): the backend's connection is closed without a dot.
 */
static void
front_gone(struct dialog *d)
{
	if (d->state == DIALOG_DATA || d->due.n == 0)
		dialog_end(d);
}

size_t
dialog_front(struct dialog *d, const uint8_t *p, size_t n, bool eof)
{
	size_t used = 0, step;

	while (used < n && may_read_front(d)) {
		if (d->state == DIALOG_DATA)
			step = front_data(d, p + used, n - used);
		else
			step = front_command(d, p + used, n - used);
		if (step == 0)
			break;
		used += step;
	}
	if (eof && may_read_front(d))
		front_gone(d);
	return d->state == DIALOG_OVER ? n : used;
}
