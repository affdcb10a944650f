/*
 * A job in two steps: a walk through the subscriptions collects the push services, then each of them
 * gets a HEAD at once.  Of a public one the root is asked for, so that no endpoint is touched.  A trusted
 * one may be asked for what endpoint_allow names and for nothing else: there it is an endpoint.
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "daemon/guard.h"
#include "daemon/operate_int.h"
#include "daemon/post.h"
#include "daemon/reach.h"

#define TARGETS_MAX	POST_MAX

struct target {
	char	origin[GUARD_ORIGIN_MAX];
	char	url[GUARD_ENDPOINT_MAX + 64];
	bool	trusted;
};

struct reach {
	struct job	 job;
	struct walk	 walk;
	struct peer	*peer;
	struct post	*post;
	struct target	*targets;
	size_t		 n, left_out, waiting;
	bool		 started, failed;
};

static bool
is_known(const struct reach *r, const char *origin)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->targets[i].origin, origin) == 0)
			return true;
	return false;
}

static int
collect(struct peer *p, struct subscription *sub, struct err *err)
{
	struct reach *r = (struct reach *)p->job;
	struct guard_endpoint e;
	struct target *t;
	const char *why;

	(void)err;
	if (sub->state == SUB_NEWER ||
	    guard_check(p->daemon->guard, slice_of(sub->normal), &e, &why) < 0 || is_known(r, e.origin))
		return 0;
	if (r->n == TARGETS_MAX) {
		r->left_out++;
		return 0;
	}
	t = &r->targets[r->n++];
	memcpy(t->origin, e.origin, sizeof(t->origin));
	t->trusted = e.trusted;
	if (e.trusted)
		memcpy(t->url, e.normal, sizeof(t->url));
	else
		snprintf(t->url, sizeof(t->url), "%s/", e.origin);
	return 0;
}

static void
put_row(struct reach *r, const struct target *t, const struct post_answer *answer)
{
	struct buf *out = &r->peer->out;
	size_t start = wire_begin_row(out);

	wire_row_text(out, "origin", slice_of(t->origin));
	wire_row_text(out, "trusted", slice_of(t->trusted ? "yes" : "no"));
	wire_row_text(out, "result", slice_of(push_result_text(answer->result)));
	wire_row_number(out, "status", answer->status);
	wire_end_row(out, start);
	r->failed = r->failed || answer->result != PUSH_HTTP;
	peer_touch(r->peer);
}

static void
start_all(struct reach *r)
{
	const struct post_answer broken = { .result = PUSH_TRANSPORT };

	r->started = true;
	for (size_t i = 0; i < r->n; i++) {
		struct target *t = &r->targets[i];
		const struct post_request request = {
			.owner = t, .url = t->url, .trusted = t->trusted, .probe = true
		};

		if (post_start(r->post, &request) == 0)
			r->waiting++;
		else
			put_row(r, t, &broken);
	}
}

static void
finish(struct reach *r)
{
	if (r->left_out > 0)
		operate_finish(r->peer, EX_OK, "of more than %d push services", TARGETS_MAX);
	else
		operate_finish(r->peer, r->failed ? EX_TEMPFAIL : EX_OK, "%s",
		    r->failed ? "not every push service can be reached" : "");
}

static enum job_state
slice(struct peer *p)
{
	struct reach *r = (struct reach *)p->job;
	struct post_answer answer;
	struct err err;
	int rc = r->started ? 0 : operate_walk(p, &r->walk, collect, &err);

	if (rc > 0)
		return JOB_GOES_ON;
	if (rc < 0) {
		operate_fail(p, &err);
		return JOB_OVER;
	}
	if (!r->started)
		start_all(r);
	while (post_take(r->post, &answer)) {
		put_row(r, answer.owner, &answer);
		r->waiting--;
	}
	if (r->waiting > 0)
		return JOB_WAITS;
	finish(r);
	return JOB_OVER;
}

static void
clear(struct peer *p)
{
	struct reach *r = (struct reach *)p->job;

	p->daemon->reach = NULL;
	post_free(r->post);
	if (r->targets != NULL)
		explicit_bzero(r->targets, TARGETS_MAX * sizeof(*r->targets));
	free(r->targets);
}

static const struct job_kind reach_kind = { slice, NULL, clear };

void
services_reach(struct ask *a)
{
	struct daemon *d = a->daemon;
	struct post *post;
	struct reach *r;
	struct err err;

	if (d->reach != NULL) {
		operate_finish(a->peer, EX_TEMPFAIL, "somebody else is asking for this right now");
		return;
	}
	post = post_new(d->loop, d->guard, &d->config, &err);
	if (post == NULL) {
		operate_finish(a->peer, EX_CONFIG, "%s", err.text);
		return;
	}
	r = operate_job(a->peer, &reach_kind, sizeof(*r));
	r->peer = a->peer;
	r->post = post;
	r->targets = calloc(TARGETS_MAX, sizeof(*r->targets));
	if (r->targets == NULL)
		abort();
	d->reach = r;
}

void
reach_run(struct daemon *d, int64_t now_ms)
{
	if (d->reach == NULL)
		return;
	post_run(d->reach->post, now_ms);
	peer_touch(d->reach->peer);	/* its slice takes the answers */
}

int64_t
reach_next(const struct daemon *d)
{
	return d->reach == NULL ? INT64_MAX : post_next(d->reach->post);
}

void
reach_reload(struct daemon *d)
{
	if (d->reach != NULL)
		post_guard(d->reach->post, d->guard);
}
