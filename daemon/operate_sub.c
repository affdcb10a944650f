/*
 * The verbs on subscriptions and accounts.
 */
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "daemon/describe.h"
#include "daemon/guard.h"
#include "daemon/operate_int.h"
#include "daemon/origin.h"
#include "daemon/register.h"
#include "daemon/sender.h"
#include "lib/clock.h"
#include "lib/log.h"

/* list [USER] */

struct list_job {
	struct job	job;
	struct walk	walk;
};

static int
list_one(struct peer *p, struct subscription *sub, struct err *err)
{
	return describe_row(p->daemon, sub, &p->out, err);
}

static enum job_state
list_slice(struct peer *p)
{
	struct list_job *job = (struct list_job *)p->job;
	struct err err;
	int rc = operate_walk(p, &job->walk, list_one, &err);

	if (rc == 1)
		return JOB_GOES_ON;
	if (rc < 0)
		operate_fail(p, &err);
	else
		operate_finish(p, EX_OK, "%s", "");
	return JOB_OVER;
}

void
sub_list(struct ask *a)
{
	static const struct job_kind kind = { .slice = list_slice };
	struct list_job *job = operate_job(a->peer, &kind, sizeof(*job));

	job->walk.one_account = a->request->n == 1;
	memcpy(job->walk.account, a->account, sizeof(job->walk.account));
}

void
sub_show(struct ask *a)
{
	struct subscription sub;
	struct err err;

	if (!operate_find(a, &sub))
		return;
	if (describe_subscription(a->daemon, &sub, &a->peer->out, &err) < 0)
		operate_fail(a->peer, &err);
	else
		operate_finish(a->peer, EX_OK, "%s", "");
	explicit_bzero(&sub, sizeof(sub));
}

void
sub_remove(struct ask *a)
{
	struct subscription sub;
	struct err err;

	if (!operate_find(a, &sub))
		return;
	if (register_delete(a->daemon, &sub, &err) < 0) {
		operate_fail(a->peer, &err);
		return;
	}
	peer_hold_answer(a->peer);
	operate_finish(a->peer, EX_OK, "1 subscription removed");
}

void
sub_revoke(struct ask *a)
{
	struct subscription sub;
	struct err err;
	int rc, n = 0;

	while ((rc = store_sub_of(a->daemon->store, a->account, "", &sub, &err)) == 1) {
		rc = register_delete(a->daemon, &sub, &err);
		if (rc < 0)
			break;
		n++;
	}
	if (rc < 0) {
		operate_fail(a->peer, &err);
		return;
	}
	if (n == 0) {
		operate_finish(a->peer, EX_NOUSER, "%s has no subscriptions",
		    log_clean(slice_of(a->account)).text);
		return;
	}
	peer_hold_answer(a->peer);
	operate_finish(a->peer, EX_OK, "%d subscription%s removed", n, n == 1 ? "" : "s");
}

/* test USER */

struct test_job {
	struct job	job;
	size_t		tests;		/* under way */
	bool		failed;		/* one of them was not sent */
};

static const struct job_kind test_kind;		/* it waits for its pushes */

static struct test_job *
test_job(struct peer *p)
{
	return p->job != NULL && p->job->kind == &test_kind ? (struct test_job *)p->job : NULL;
}

/* A test's row; what could not even be started counts as not sent. */
static void
test_row(struct peer *p, const char *id, const char *host, const char *outcome)
{
	size_t start = wire_begin_row(&p->out);

	wire_row_text(&p->out, "id", slice_of(id));
	wire_row_text(&p->out, "host", slice_of(host));
	wire_row_text(&p->out, "outcome", slice_of(outcome));
	wire_end_row(&p->out, start);
	if (strncmp(outcome, "sent", 4) != 0)
		test_job(p)->failed = true;
	peer_touch(p);
}

static void
finish_tests(struct peer *p)
{
	const struct test_job *job = test_job(p);

	if (job->tests > 0)
		return;
	operate_finish(p, job->failed ? EX_TEMPFAIL : EX_OK, "%s",
	    job->failed ? "not every push was taken" : "");
	operate_end(p);
}

/* Seconds until the service of this subscription may be pushed to again; 0: now. */
static int64_t
paused_for(struct daemon *d, const struct subscription *sub, const char **cause)
{
	const struct origins *all = sender_origins(d->sender);
	struct guard_endpoint endpoint;
	struct origin_view view;
	int64_t now = clock_mono_ms() / 1000;
	const char *why;

	if (guard_check(d->guard, slice_of(sub->endpoint), &endpoint, &why) < 0)
		return 0;
	for (const struct origin *o = origin_walk(all, NULL); o != NULL; o = origin_walk(all, o)) {
		origin_show(o, &view);
		if (strcmp(view.name, endpoint.origin) != 0)
			continue;
		*cause = view.why;
		return view.paused && view.until > now ? view.until - now : 0;
	}
	return 0;
}

/* Whether a test leaves this one out, which its row says: it would only add to what the service has. */
static bool
test_waits(struct ask *a, const struct subscription *sub, const char *host)
{
	const char *cause = NULL;
	int64_t wait = paused_for(a->daemon, sub, &cause);
	time_t until = clock_wall_s() + wait;
	char when[32], outcome[128];
	struct tm tm;

	if (wait == 0)
		return false;
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&until, &tm));
	snprintf(outcome, sizeof(outcome), "paused (%s) until %s, --force sends nevertheless", cause, when);
	test_row(a->peer, sub->id, host, outcome);
	return true;
}

/* test USER [force] */
void
sub_test(struct ask *a)
{
	struct daemon *d = a->daemon;
	struct subscription sub;
	char id[SUB_ID_MAX + 1] = "", host[256];
	struct test_job *job;
	const char *why;
	struct err err;
	int rc, active = 0;

	if (a->request->n == 2 && !slice_is(a->request->args[1], "force")) {
		operate_finish(a->peer, EX_USAGE, "test takes an account, and force");
		return;
	}
	job = operate_job(a->peer, &test_kind, sizeof(*job));
	while ((rc = store_sub_of(d->store, a->account, id, &sub, &err)) == 1) {
		memcpy(id, sub.id, sizeof(id));
		if (sub.state != SUB_ACTIVE)
			continue;
		active++;
		describe_host(&sub, host, sizeof(host));
		if (a->request->n < 2 && test_waits(a, &sub, host))
			continue;
		if (sender_test(d->sender, &sub, a->peer->id, &why) == 0)
			job->tests++;
		else
			test_row(a->peer, id, host, why);
	}
	explicit_bzero(&sub, sizeof(sub));
	if (active > 0) {
		finish_tests(a->peer);
		return;
	}
	operate_end(a->peer);
	if (rc < 0)
		operate_fail(a->peer, &err);
	else
		operate_finish(a->peer, EX_NOUSER, "%s has no active subscription",
		    log_clean(slice_of(a->account)).text);
}

void
operate_tested(struct daemon *d, uint64_t peer, const char *id, const char *host, const char *outcome)
{
	struct peer *p = peers_find(d->peers, PEER_ADMIN, peer);
	struct test_job *job = p == NULL ? NULL : test_job(p);

	if (job == NULL || job->tests == 0)
		return;
	job->tests--;
	test_row(p, id, host, outcome);
	finish_tests(p);
}

/* account USER [content envelope|sync|site] */
void
sub_account(struct ask *a)
{
	const struct wire_request *r = a->request;
	struct store *s = a->daemon->store;
	struct account account;
	struct err err;

	if (store_account_get(s, a->account, &account, &err) < 0) {
		operate_fail(a->peer, &err);
		return;
	}
	if (r->n > 1) {
		if (r->n != 3 || !slice_is(r->args[1], "content") ||
		    describe_content_parse(r->args[2], &account.content) < 0) {
			operate_finish(a->peer, EX_USAGE, "content is envelope, sync or site");
			return;
		}
		if (store_begin(s, &err) < 0 || store_account_put(s, &account, &err) < 0 ||
		    store_commit(s, &err) < 0) {
			store_abort(s);
			operate_fail(a->peer, &err);
			return;
		}
		peer_hold_answer(a->peer);
	}
	describe_account(a->daemon, &account, &a->peer->out);
	operate_finish(a->peer, EX_OK, "%s", "");
}
