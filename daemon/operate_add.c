/*
 * add, silence and accounts: what an operator does in a user's place, and for whom.
 */
#include <string.h>
#include <sysexits.h>

#include "daemon/operate_int.h"
#include "daemon/register.h"
#include "daemon/silence.h"
#include "lib/clock.h"
#include "lib/log.h"

/* silence USER ID SECONDS */

/* -1: no number. */
static int64_t
parse_seconds(struct slice text)
{
	int64_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -1;
		if (n <= SILENCE_MAX_S)
			n = n * 10 + (text.p[i] - '0');
	}
	return text.len == 0 ? -1 : n > SILENCE_MAX_S ? SILENCE_MAX_S : n;
}

void
sub_silence(struct ask *a)
{
	int64_t seconds = parse_seconds(a->request->args[2]);
	struct subscription sub;
	struct err err;

	if (seconds < 0) {
		operate_finish(a->peer, EX_USAGE, "a number of seconds expected; 0 ends a silence");
		return;
	}
	if (!operate_find(a, &sub))
		return;
	if (sub.state != SUB_ACTIVE)
		operate_finish(a->peer, EX_USAGE, "it is not active: nothing is pushed to it anyway");
	else if (silence_timed(a->daemon, sub.number, seconds, clock_wall_s(), &err) < 0)
		operate_fail(a->peer, &err);
	else {
		peer_hold_answer(a->peer);
		operate_finish(a->peer, EX_OK, "silent for %lld seconds", (long long)seconds);
	}
	explicit_bzero(&sub, sizeof(sub));
}

/* add USER ID ENDPOINT P256DH AUTH */

/* NULL, or why this account cannot subscribe. */
static const char *
hindrance(struct ask *a)
{
	if (!config_match(&a->daemon->config.subscribers, a->account))
		return "this account may not subscribe (subscribers)";
	return vapid_current(a->daemon->vapid) == NULL ? vapid_why(a->daemon->vapid) : NULL;
}

static const char *
parse_form(struct ask *a, struct register_form *form)
{
	const struct slice *arg = a->request->args;

	if (arg[1].len == 0 || !operate_text(arg[1], form->id, sizeof(form->id)))
		return "an id has 1 to 64 printable characters";
	for (const char *p = form->id; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return "an id has 1 to 64 printable characters";
	return register_parse(a->daemon, form, arg[2], arg[3], arg[4]);
}

static void
put_outcome(struct ask *a, const struct register_outcome *outcome)
{
	if (outcome->refused != NULL) {
		operate_finish(a->peer, EX_USAGE, "%s", outcome->refused);
		return;
	}
	peer_hold_answer(a->peer);
	if (outcome->sub.state == SUB_ACTIVE)
		operate_finish(a->peer, EX_OK, "it was there already, and is active");
	else
		operate_finish(a->peer, EX_OK, "added; it is active when its client has answered the "
		    "verification that was pushed%s%s", outcome->note[0] == '\0' ? "" : ": ", outcome->note);
}

void
sub_add(struct ask *a)
{
	struct register_form form = { .account = a->account };
	struct register_outcome outcome;
	const char *why;
	struct err err;

	if (!operate_is_root(a, "a subscription holds secrets: adding one is root's alone"))
		return;
	why = hindrance(a);
	if (why == NULL)
		why = parse_form(a, &form);
	if (why != NULL)
		operate_finish(a->peer, EX_USAGE, "%s", why);
	else if (register_put(a->daemon, &form, clock_wall_s(), &outcome, &err) < 0)
		operate_fail(a->peer, &err);
	else {
		put_outcome(a, &outcome);
		explicit_bzero(&outcome, sizeof(outcome));
	}
	explicit_bzero(&form, sizeof(form));
}

/* accounts */

struct accounts_job {
	struct job	job;
	struct walk	walk;
	char		account[WIRE_USER_MAX + 1];	/* that is being counted */
	int64_t		n;
};

static void
put_account(struct peer *p, const struct accounts_job *job)
{
	size_t start;

	if (job->n == 0)
		return;
	start = wire_begin_row(&p->out);
	wire_row_text(&p->out, "account", slice_of(job->account));
	wire_row_number(&p->out, "subscriptions", job->n);
	wire_end_row(&p->out, start);
}

static int
count_one(struct peer *p, struct subscription *sub, struct err *err)
{
	struct accounts_job *job = (struct accounts_job *)p->job;

	(void)err;
	if (strcmp(job->account, sub->account) != 0) {
		put_account(p, job);
		memcpy(job->account, sub->account, sizeof(job->account));
		job->n = 0;
	}
	job->n++;
	return 0;
}

static enum job_state
accounts_slice(struct peer *p)
{
	struct accounts_job *job = (struct accounts_job *)p->job;
	struct err err;
	int rc = operate_walk(p, &job->walk, count_one, &err);

	if (rc == 1)
		return JOB_GOES_ON;
	if (rc < 0) {
		operate_fail(p, &err);
		return JOB_OVER;
	}
	put_account(p, job);
	operate_finish(p, EX_OK, "%s", "");
	return JOB_OVER;
}

void
sub_accounts(struct ask *a)
{
	static const struct job_kind kind = { .slice = accounts_slice };

	operate_job(a->peer, &kind, sizeof(struct accounts_job));
}
