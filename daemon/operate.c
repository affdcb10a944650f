/*
 * A verb either answers at once or leaves a job, which goes on in slices as its reader reads, or when
 * something happens.  A peer has one job at a time and asks nothing else meanwhile.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "daemon/account.h"
#include "daemon/describe.h"
#include "daemon/operate_int.h"
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

bool
operate_is_root(struct ask *a, const char *what)
{
	if (peer_is_root(a->peer))
		return true;
	operate_finish(a->peer, EX_NOPERM, "%s", what);
	return false;
}

bool
operate_text(struct slice arg, char *out, size_t size)
{
	if (arg.len >= size)
		return false;
	memcpy(out, arg.p, arg.len);
	out[arg.len] = '\0';
	return true;
}

bool
operate_find(struct ask *a, struct subscription *sub)
{
	struct slice id = a->request->args[1];
	char text[SUB_ID_MAX + 1];
	struct err err;
	int rc = 0;

	if (operate_text(id, text, sizeof(text)))
		rc = store_sub_get(a->daemon->store, a->account, text, sub, &err);
	if (rc == 0)
		operate_finish(a->peer, EX_NOUSER, "%s has no subscription %s",
		    log_clean(slice_of(a->account)).text, log_clean(id).text);
	else if (rc < 0)
		operate_fail(a->peer, &err);
	return rc == 1;
}

/* Jobs */

void *
operate_job(struct peer *p, const struct job_kind *kind, size_t size)
{
	p->job = calloc(1, size);
	if (p->job == NULL)
		abort();
	p->job->kind = kind;
	p->job->state = kind->slice != NULL ? JOB_GOES_ON : JOB_WAITS;
	return p->job;
}

/* The next subscription of a walk: 1, 0 there is none, -1. */
static int
walk_next(struct store *s, struct walk *w, struct subscription *sub, struct err *err)
{
	int rc = (w->one_account ? store_sub_of : store_sub_next)(s, w->account, w->id, sub, err);

	if (rc != 1)
		return rc;
	memcpy(w->account, sub->account, sizeof(w->account));
	memcpy(w->id, sub->id, sizeof(w->id));
	return 1;
}

int
operate_walk(struct peer *p, struct walk *w,
    int (*visit)(struct peer *p, struct subscription *sub, struct err *err), struct err *err)
{
	struct subscription sub;
	int rc = 1;

	for (int i = 0; i < OPERATE_SLICE && rc == 1 && peer_has_room(p); i++) {
		rc = walk_next(p->daemon->store, w, &sub, err);
		if (rc == 1 && visit(p, &sub, err) < 0)
			rc = -1;
	}
	explicit_bzero(&sub, sizeof(sub));
	return rc;
}

void
operate_more(struct peer *p)
{
	struct job *job = p->job;

	if (job->kind->slice == NULL)
		return;
	job->state = job->kind->slice(p);
	if (job->state == JOB_OVER)
		operate_end(p);
}

bool
operate_wants(const struct peer *p)
{
	return p->job != NULL && p->job->state == JOB_GOES_ON && peer_has_room(p);
}

void
operate_end(struct peer *p)
{
	if (p->job != NULL && p->job->kind->clear != NULL)
		p->job->kind->clear(p);
	free(p->job);
	p->job = NULL;
}

/* Dispatch */

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
run_programs(struct ask *a)
{
	visitors_rows(&a->daemon->visitors, &a->peer->out);
	operate_finish(a->peer, EX_OK, "%s", "");
}

static const struct {
	const char	*name;
	size_t		 min, max;	/* arguments */
	bool		 user;		/* the first of them, where it is there, is one */
	void		(*run)(struct ask *a);
} table[] = {
	{ "status", 0, 0, false, run_status },
	{ "origins", 0, 0, false, run_origins },
	{ "reach", 0, 0, false, services_reach },
	{ "programs", 0, 0, false, run_programs },
	{ "list", 0, 1, true, sub_list },
	{ "show", 2, 2, true, sub_show },
	{ "remove", 2, 2, true, sub_remove },
	{ "revoke", 1, 1, true, sub_revoke },
	{ "test", 1, 2, true, sub_test },
	{ "account", 1, 3, true, sub_account },
	{ "stats", 0, 0, false, daemon_stats },
	{ "accounts", 0, 0, false, sub_accounts },
	{ "silence", 3, 3, true, sub_silence },
	{ "add", 5, 5, true, sub_add },
	{ "preview", 2, 2, true, sub_preview },
	{ "queue list", 0, 1, true, outbox_list },
	{ "queue flush", 0, 1, true, outbox_flush },
	{ "queue drop", 0, 1, true, outbox_drop },
	{ "export", 0, 0, false, records_export },
	{ "import", 0, 0, false, records_import },
	{ "trace", 1, 1, false, message_trace },
	{ "vapid list", 0, 0, false, keys_list },
	{ "vapid new", 0, 0, false, keys_new },
	{ "vapid rotate", 0, 1, false, keys_rotate },
	{ "vapid retire", 1, 2, false, keys_retire },
	{ "vapid import", 1, 1, false, keys_import },
	{ "vapid export", 0, 1, false, keys_export },
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
		if (table[i].user && r->n > 0 && account_name(r->args[0], a->account) < 0)
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
	struct ask a = { .daemon = d, .peer = p, .request = &request, .account = "" };

	if (p->job != NULL)
		return p->job->kind->frame == NULL ? -1 : p->job->kind->frame(p, f);
	if (wire_get_request(f, &request) < 0)
		return -1;
	for (size_t i = 0; i < request.n && i < WIRE_ARGS_MAX; i++)
		if (request.args[i].p == NULL)
			return -1;
	dispatch(&a);
	return 0;
}
