/*
 * The backend's half of a dialog: each answer is relayed and changes what is known of the
 * transaction.
 *
 *	answer to	code	what follows
 *	greeting	not 220	the end, behind it
 *	LHLO, RSET	2xx	no transaction
 *	MAIL		2xx	a new transaction; else nothing: an open one stands (Dovecot's 503)
 *	RCPT		2xx	one answer more will be due after the dot
 *	DATA		354	the message passes; else commands go on
 *	recipient	any	an outcome; before the dot only 4xx and 5xx are possible
 *	QUIT		any	the end, behind it
 *	nothing		4xx 5xx	relayed, then the end: a server that goes away says so
 *	nothing		other	the end: relayed, it would be taken for the next answer
 *
 * An answer that cannot be one is what a dead backend is: 421 where the front waits, and the end.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lmtp/dialog_int.h"

static bool
positive(int code)
{
	return code < 300;
}

static void
forget_transaction(struct dialog *d)
{
	struct expect e;

	while (d->accepted.n > 0) {
		e = expect_take(&d->accepted);
		free(dialog_take_recipient(d, &e));
	}
	d->open = false;
}

static void
begin_transaction(struct dialog *d)
{
	forget_transaction(d);
	d->open = true;
}

static void
rcpt_answered(struct dialog *d, const struct expect *e, int code)
{
	if (positive(code))
		expect_put(&d->accepted,
		    (struct expect){ .kind = EXPECT_RECIPIENT, .address = e->address });
	else
		free(dialog_take_recipient(d, e));
}

static void
begin_data(struct dialog *d)
{
	struct expect_queue empty = d->due;

	assert(d->due.n == 0);
	d->due = d->accepted;
	d->accepted = empty;
	content_clear(&d->content);
	d->scan = SCAN_LINE;
	d->state = DIALOG_DATA;
}

static char *
copy_token(const struct reply *r)
{
	struct slice token = reply_token(r);
	char *copy;

	if (token.p == NULL || !positive(r->code))
		return NULL;
	copy = strndup(token.p, token.len);
	if (copy == NULL)
		abort();
	return copy;
}

static void
recipient_answered(struct dialog *d, const struct expect *e, const struct reply *r)
{
	if (d->n_outcomes == d->cap_outcomes) {
		d->cap_outcomes = d->cap_outcomes == 0 ? 4 : d->cap_outcomes * 2;
		d->outcome = reallocarray(d->outcome, d->cap_outcomes, sizeof(*d->outcome));
		if (d->outcome == NULL)
			abort();
	}
	d->outcome[d->n_outcomes++] = (struct dialog_outcome){
		.address = dialog_take_recipient(d, e),
		.token = copy_token(r),
		.code = r->code
	};
	if (d->state == DIALOG_DOT && d->due.n == 0)
		dialog_transaction_over(d);
}

/* What is due is answered: by this, and by nothing that it could not be. */
static bool
possible(const struct dialog *d, enum expect_kind kind, int code)
{
	if (code >= 400)
		return true;
	if (kind == EXPECT_DATA)
		return code == 354;
	if (kind == EXPECT_RECIPIENT && d->state == DIALOG_DATA)
		return false;
	return positive(code);
}

static void
conclude(struct dialog *d, const struct expect *e, const struct reply *r)
{
	switch (e->kind) {
	case EXPECT_GREETING:
		if (r->code != 220)
			dialog_end(d);
		break;
	case EXPECT_LHLO:
	case EXPECT_RSET:
		if (positive(r->code))
			forget_transaction(d);
		break;
	case EXPECT_MAIL:
		if (positive(r->code))
			begin_transaction(d);
		break;
	case EXPECT_RCPT:
		rcpt_answered(d, e, r->code);
		break;
	case EXPECT_DATA:
		if (r->code == 354)
			begin_data(d);
		else
			d->state = DIALOG_COMMAND;
		break;
	case EXPECT_RECIPIENT:
		recipient_answered(d, e, r);
		break;
	case EXPECT_QUIT:
		dialog_end(d);
		break;
	case EXPECT_OTHER:
	case EXPECT_OURS:
	case EXPECT_LAST:
		break;
	}
}

/* The backend has gone, or is out of its mind: no answer of it counts from here on. */
static void
backend_lost(struct dialog *d, const char *trouble)
{
	if (d->due.n > 0 || d->state == DIALOG_DATA) {
		d->trouble = trouble;
		buf_text(&d->to_front, "421 4.4.2 Connection to the mailbox server lost\r\n");
	}
	dialog_end(d);
}

static void
unasked(struct dialog *d, const struct reply *r)
{
	if (r->code >= 400)
		buf_slice(&d->to_front, r->all);
	else
		d->trouble = "an answer that nothing was due to";
	dialog_end(d);
}

static void
answer(struct dialog *d, const struct reply *r)
{
	const struct expect *first = expect_first(&d->due);
	struct expect e;

	if (first == NULL) {
		unasked(d, r);
		return;
	}
	if (!possible(d, first->kind, r->code)) {
		backend_lost(d, "an answer that cannot be one");
		return;
	}
	e = expect_take(&d->due);
	if (e.kind == EXPECT_LHLO && positive(r->code))
		reply_filter_lhlo(r, &d->to_front);
	else
		buf_slice(&d->to_front, r->all);
	conclude(d, &e, r);
	dialog_say_ours(d);
}

size_t
dialog_back(struct dialog *d, const uint8_t *p, size_t n, bool eof)
{
	struct reply r;
	size_t used = 0;
	int rc = 1;

	while (!d->ended && d->to_front.len < DIALOG_OUT_HIGH &&
	    (rc = reply_parse(p + used, n - used, &r)) == 1) {
		answer(d, &r);
		used += r.all.len;
	}
	if (!d->ended && rc < 0)
		backend_lost(d, "an answer that is none");
	if (!d->ended && rc == 0 && eof)
		backend_lost(d, "the backend has closed the connection");
	return d->ended ? n : used;
}
