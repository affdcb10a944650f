/*
 * The VAPID keys for the operator.  Who uses a key is counted by a walk through all subscriptions, in
 * slices.  A rotation changes the current key and leaves the telling to the sweep.
 *
 * A key that is retired by force signs nothing any more when this is over, and no sooner: a walk that
 * is cut off has made some subscriptions inactive and is to be asked for again.
 */
#include <string.h>
#include <sysexits.h>

#include "daemon/operate_int.h"
#include "daemon/register.h"
#include "daemon/sweep.h"
#include "lib/clock.h"
#include "lib/log.h"

#define KEYS_SHOWN	64

struct keys_job {
	struct job	job;
	struct walk	walk;
	char		key[VAPID_ID_LEN + 1];	/* that is to be retired; "": they are listed */
	bool		force;
	uint64_t	used[KEYS_SHOWN];	/* subscriptions of each key; of a retired one the first */
};

static const char secret[] = "private keys are root's alone";

/* The argument i as the id of a key in the ring.  false: the answer was given. */
static bool
get_key(struct ask *a, size_t i, char id[VAPID_ID_LEN + 1])
{
	struct slice arg = a->request->args[i];

	id[0] = '\0';
	if (arg.len == VAPID_ID_LEN) {
		memcpy(id, arg.p, VAPID_ID_LEN);
		id[VAPID_ID_LEN] = '\0';
	}
	if (id[0] != '\0' && vapid_public(a->daemon->vapid, id) != NULL)
		return true;
	operate_finish(a->peer, EX_USAGE, "there is no VAPID key %s", log_clean(arg).text);
	return false;
}

static void
report(struct ask *a, int rc, const char *what, const char *id, const struct err *err)
{
	if (rc < 0)
		operate_finish(a->peer, EX_CANTCREAT, "%s", err->text);
	else
		operate_finish(a->peer, EX_OK, "%s %s", id, what);
}

void
keys_new(struct ask *a)
{
	char id[VAPID_ID_LEN + 1] = "";
	struct err err;
	int rc = vapid_new(a->daemon->vapid, id, &err);

	report(a, rc, "was made, and is not current", id, &err);
}

void
keys_import(struct ask *a)
{
	char id[VAPID_ID_LEN + 1] = "";
	struct err err;
	int rc;

	if (!operate_is_root(a, secret))
		return;
	rc = vapid_import(a->daemon->vapid, a->request->args[0], id, &err);
	if (rc < 0)
		operate_finish(a->peer, EX_DATAERR, "%s", err.text);
	else
		report(a, rc, "is in the ring", id, &err);
}

void
keys_export(struct ask *a)
{
	struct vapid *v = a->daemon->vapid;
	char id[VAPID_ID_LEN + 1] = "";
	const char *current = vapid_current(v);
	struct err err;
	struct buf pem;
	size_t start;

	if (!operate_is_root(a, secret) || (a->request->n == 1 && !get_key(a, 0, id)))
		return;
	if (a->request->n == 0 && current == NULL) {
		operate_finish(a->peer, EX_USAGE, "%s", vapid_why(v));
		return;
	}
	buf_init(&pem, VAPID_PEM_MAX);
	if (vapid_export(v, a->request->n == 1 ? id : current, &pem, &err) < 0) {
		operate_finish(a->peer, EX_SOFTWARE, "%s", err.text);
	} else {
		start = wire_begin_row(&a->peer->out);
		wire_row_text(&a->peer->out, "pem", buf_all(&pem));
		wire_end_row(&a->peer->out, start);
		operate_finish(a->peer, EX_OK, "%s", "");
	}
	buf_wipe(&pem);
}

void
keys_rotate(struct ask *a)
{
	struct daemon *d = a->daemon;
	char id[VAPID_ID_LEN + 1] = "";
	struct err err;
	int rc = 0;

	if (a->request->n == 1) {
		if (!get_key(a, 0, id))
			return;
	} else
		rc = vapid_new(d->vapid, id, &err);
	if (rc == 0)
		rc = vapid_set_current(d->vapid, id, &err);
	if (rc == 0) {
		log_notice("the VAPID key %s is current now", id);
		sweep_soon(d->sweep);
	}
	report(a, rc, "is current now; devices that subscribed under another key are told", id, &err);
}

static int
visit(struct peer *p, struct subscription *sub, struct err *err)
{
	struct keys_job *job = (struct keys_job *)p->job;
	struct daemon *d = p->daemon;

	if (sub->state == SUB_NEWER)
		return 0;
	if (job->key[0] != '\0') {
		if (strcmp(sub->key, job->key) != 0)
			return 0;
		job->used[0]++;
		return job->force ? register_deactivate(d, sub, clock_wall_s(), err) : 0;
	}
	for (size_t i = 0; i < vapid_count(d->vapid) && i < KEYS_SHOWN; i++)
		if (strcmp(sub->key, vapid_id(d->vapid, i)) == 0)
			job->used[i]++;
	return 0;
}

static void
end_list(struct peer *p, const struct keys_job *job)
{
	const struct vapid *v = p->daemon->vapid;
	const char *current = vapid_current(v), *id;
	size_t start;

	for (size_t i = 0; i < vapid_count(v) && i < KEYS_SHOWN; i++) {
		id = vapid_id(v, i);
		start = wire_begin_row(&p->out);
		wire_row_text(&p->out, "id", slice_of(id));
		wire_row_text(&p->out, "state", slice_of(current != NULL && strcmp(id, current) == 0 ?
		    "current" : job->used[i] > 0 ? "in use" : "unused"));
		wire_row_number(&p->out, "subscriptions", (int64_t)job->used[i]);
		wire_row_text(&p->out, "public_key", slice_of(vapid_public(v, id)));
		wire_end_row(&p->out, start);
	}
	operate_finish(p, EX_OK, "%s", "");
}

static void
end_retire(struct peer *p, const struct keys_job *job)
{
	struct err err;

	if (job->used[0] > 0 && !job->force)
		operate_finish(p, EX_USAGE, "%s is the key of %llu subscriptions: wait until they have "
		    "subscribed anew, or make them inactive with --force", job->key,
		    (unsigned long long)job->used[0]);
	else if (vapid_remove(p->daemon->vapid, job->key, &err) < 0)
		operate_finish(p, EX_CANTCREAT, "%s", err.text);
	else {
		log_notice("the VAPID key %s was retired, %llu subscriptions are inactive now", job->key,
		    (unsigned long long)job->used[0]);
		peer_hold_answer(p);
		operate_finish(p, EX_OK, "%s was retired, %llu subscriptions are inactive now", job->key,
		    (unsigned long long)job->used[0]);
	}
}

static enum job_state
slice(struct peer *p)
{
	struct keys_job *job = (struct keys_job *)p->job;
	struct err err;
	int rc = operate_walk(p, &job->walk, visit, &err);

	if (rc == 1)
		return JOB_GOES_ON;
	if (rc < 0)
		operate_fail(p, &err);
	else if (job->key[0] == '\0')
		end_list(p, job);
	else
		end_retire(p, job);
	return JOB_OVER;
}

static const struct job_kind keys_kind = { .slice = slice };

void
keys_list(struct ask *a)
{
	operate_job(a->peer, &keys_kind, sizeof(struct keys_job));
}

void
keys_retire(struct ask *a)
{
	const struct wire_request *r = a->request;
	const char *current = vapid_current(a->daemon->vapid);
	char id[VAPID_ID_LEN + 1];
	struct keys_job *job;

	if (!get_key(a, 0, id))
		return;
	if (r->n == 2 && !slice_is(r->args[1], "force")) {
		operate_finish(a->peer, EX_USAGE, "retire takes the id of a key, and force");
		return;
	}
	if (current != NULL && strcmp(id, current) == 0) {
		operate_finish(a->peer, EX_USAGE, "%s is current: rotate first", id);
		return;
	}
	job = operate_job(a->peer, &keys_kind, sizeof(*job));
	memcpy(job->key, id, sizeof(job->key));
	job->force = r->n == 2;
}
