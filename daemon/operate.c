/*
 * A verb either answers at once or leaves a job: `list` and the verbs on keys walk through the store in
 * slices, as their reader reads; `test` waits for its pushes.  A peer has one job at a time and asks nothing else meanwhile.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "daemon/account.h"
#include "daemon/describe.h"
#include "daemon/operate_int.h"
#include "daemon/register.h"
#include "daemon/sender.h"
#include "lib/clock.h"
#include "lib/log.h"

void
operate_finish(struct peer *p, int code, const char *fmt, ...)
{
	struct wire_done done = { (uint64_t)code, SLICE_NIL };
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (text[0] != '\0')
		done.text = slice_of(text);
	wire_put_done(&p->out, &done);
	peer_touch(p);
}

void
operate_fail(struct peer *p, const struct err *err)
{
	p->daemon->counters.store_errors++;
	operate_finish(p, EX_TEMPFAIL, "%s", err->text);
}

struct job *
operate_job(struct peer *p, enum job_kind kind)
{
	p->job = calloc(1, sizeof(*p->job));
	if (p->job == NULL)
		abort();
	p->job->kind = kind;
	return p->job;
}

/* Reads the subscription that the arguments USER ID name.  false: the answer was given. */
static bool
find(struct ask *a, struct subscription *sub)
{
	struct slice id = a->request->args[1];
	char text[SUB_ID_MAX + 1];
	struct err err;
	int rc = 0;

	if (id.len <= SUB_ID_MAX) {
		memcpy(text, id.p, id.len);
		text[id.len] = '\0';
		rc = store_sub_get(a->daemon->store, a->account, text, sub, &err);
	}
	if (rc == 0)
		operate_finish(a->peer, EX_NOUSER, "%s has no subscription %s", log_clean(slice_of(a->account)).text,
		    log_clean(id).text);
	else if (rc < 0)
		operate_fail(a->peer, &err);
	return rc == 1;
}

static void
run_status(struct ask *a)
{
	describe_status(a->daemon, &a->peer->out);
	operate_finish(a->peer, EX_OK, "%s", "");
}

static void
run_origins(struct ask *a)
{
	describe_origins(a->daemon, &a->peer->out);
	operate_finish(a->peer, EX_OK, "%s", "");
}

static void
run_list(struct ask *a)
{
	struct job *job = operate_job(a->peer, JOB_LIST);

	job->one_account = a->request->n == 1;
	memcpy(job->account, a->account, sizeof(job->account));
}

static void
run_show(struct ask *a)
{
	struct subscription sub;
	struct err err;

	if (!find(a, &sub))
		return;
	if (describe_subscription(a->daemon, &sub, &a->peer->out, &err) < 0)
		operate_fail(a->peer, &err);
	else
		operate_finish(a->peer, EX_OK, "%s", "");
	explicit_bzero(&sub, sizeof(sub));
}

static void
run_remove(struct ask *a)
{
	struct subscription sub;
	struct err err;

	if (!find(a, &sub))
		return;
	if (register_delete(a->daemon, &sub, &err) < 0) {
		operate_fail(a->peer, &err);
		return;
	}
	peer_hold_answer(a->peer);
	operate_finish(a->peer, EX_OK, "1 subscription removed");
}

static void
run_revoke(struct ask *a)
{
	struct subscription sub;
	struct err err;
	int rc, n = 0;

	while ((rc = store_sub_next(a->daemon->store, a->account, "", &sub, &err)) == 1 &&
	    strcmp(sub.account, a->account) == 0) {
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
		p->job->failed = true;
	peer_touch(p);
}

static void
finish_tests(struct peer *p)
{
	if (p->job->tests > 0)
		return;
	operate_finish(p, p->job->failed ? EX_TEMPFAIL : EX_OK, "%s",
	    p->job->failed ? "not every push was taken" : "");
	operate_end(p);
}

static void
run_test(struct ask *a)
{
	struct daemon *d = a->daemon;
	struct subscription sub;
	char id[SUB_ID_MAX + 1] = "", host[256];
	const char *why;
	struct err err;
	int rc, active = 0;

	operate_job(a->peer, JOB_TEST);
	while ((rc = store_sub_next(d->store, a->account, id, &sub, &err)) == 1 &&
	    strcmp(sub.account, a->account) == 0) {
		memcpy(id, sub.id, sizeof(id));
		if (sub.state != SUB_ACTIVE)
			continue;
		active++;
		if (sender_test(d->sender, &sub, a->peer->id, &why) == 0)
			a->peer->job->tests++;
		else
			test_row(a->peer, id, describe_host(&sub, host, sizeof(host)), why);
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

	if (p == NULL || p->job == NULL || p->job->kind != JOB_TEST || p->job->tests == 0)
		return;
	p->job->tests--;
	test_row(p, id, host, outcome);
	finish_tests(p);
}

/* account USER [content envelope|sync|site] */
static void
run_account(struct ask *a)
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

static const struct {
	const char	*name;
	size_t		 min, max;	/* arguments */
	void		(*run)(struct ask *a);
} table[] = {
	{ "status", 0, 0, run_status },
	{ "origins", 0, 0, run_origins },
	{ "list", 0, 1, run_list },
	{ "show", 2, 2, run_show },
	{ "remove", 2, 2, run_remove },
	{ "revoke", 1, 1, run_revoke },
	{ "test", 1, 1, run_test },
	{ "account", 1, 3, run_account },
	{ "vapid list", 0, 0, keys_list },
	{ "vapid new", 0, 0, keys_new },
	{ "vapid rotate", 0, 1, keys_rotate },
	{ "vapid retire", 1, 2, keys_retire },
	{ "vapid import", 1, 1, keys_import },
	{ "vapid export", 0, 1, keys_export },
};

static void
dispatch(struct ask *a)
{
	const struct wire_request *r = a->request;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!slice_is(r->verb, table[i].name))
			continue;
		if (r->n < table[i].min || r->n > table[i].max)
			break;
		a->account[0] = '\0';
		if (r->n > 0 && table[i].run != keys_import && account_name(r->args[0], a->account) < 0)
			break;
		table[i].run(a);
		return;
	}
	operate_finish(a->peer, EX_USAGE, "%s: no such verb, or other arguments expected",
	    log_clean(r->verb).text);
}

int
operate_frame(struct daemon *d, struct peer *p, const struct frame *f)
{
	struct wire_request request;
	struct ask a = { .daemon = d, .peer = p, .request = &request };

	if (p->job != NULL || wire_get_request(f, &request) < 0)
		return -1;
	for (size_t i = 0; i < request.n && i < WIRE_ARGS_MAX; i++)
		if (request.args[i].p == NULL)
			return -1;
	dispatch(&a);
	return 0;
}

/* The next subscription of the job's walk: 1, 0 there is none, -1. */
static int
next_of(struct daemon *d, struct job *job, struct subscription *sub, struct err *err)
{
	char account[WIRE_USER_MAX + 1];
	int rc;

	memcpy(account, job->account, sizeof(account));
	rc = store_sub_next(d->store, account, job->id, sub, err);
	if (rc != 1 || (job->one_account && strcmp(sub->account, account) != 0))
		return rc < 0 ? -1 : 0;
	memcpy(job->account, sub->account, sizeof(job->account));
	memcpy(job->id, sub->id, sizeof(job->id));
	return 1;
}

/* One more slice of a walk. */
void
operate_more(struct peer *p)
{
	struct job *job = p->job;
	struct subscription sub;
	struct err err;
	int rc = 1;

	if (job->kind == JOB_TEST)
		return;
	for (int i = 0; i < OPERATE_SLICE && rc == 1 && peer_has_room(p); i++) {
		rc = next_of(p->daemon, job, &sub, &err);
		if (rc != 1)
			break;
		rc = job->kind == JOB_LIST ? describe_row(p->daemon, &sub, &p->out, &err) :
		    keys_visit(p->daemon, job, &sub, &err);
		rc = rc < 0 ? -1 : 1;
	}
	explicit_bzero(&sub, sizeof(sub));
	if (rc == 1)
		return;
	if (rc < 0)
		operate_fail(p, &err);
	else if (job->kind == JOB_LIST)
		operate_finish(p, EX_OK, "%s", "");
	else
		keys_end(p);
	operate_end(p);
}

bool
operate_wants(const struct peer *p)
{
	return p->job != NULL && p->job->kind != JOB_TEST && peer_has_room(p);
}

void
operate_end(struct peer *p)
{
	free(p->job);
	p->job = NULL;
}
