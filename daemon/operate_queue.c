/*
 * queue list, flush and drop: a walk through the outbox, in slices.  `list` shows each record; the other
 * two act on whole subscriptions.
 */
#include <string.h>
#include <sysexits.h>

#include "daemon/operate_int.h"
#include "daemon/sender.h"
#include "daemon/trace.h"
#include "lib/clock.h"

enum action { LIST, FLUSH, DROP };

struct queue_job {
	struct job	job;
	enum action	action;
	char		only[WIRE_USER_MAX + 1];	/* the account; "": all */
	uint64_t	number, sequence;		/* behind which to go on */
	char		account[WIRE_USER_MAX + 1], id[SUB_ID_MAX + 1];	/* number's */
	bool		wanted;
	uint64_t	subscriptions, records;		/* that were flushed or dropped */
};

static const char *
kind_of(const struct outbox_record *r)
{
	static const char *const words[] = { "mail", "sync", "verify", "vapid", "digest" };

	return words[r->type];
}

static void
put_row(struct peer *p, const struct queue_job *job, const struct outbox_record *r)
{
	int64_t wait = sender_wait(p->daemon->sender, r->number), now_s = clock_wall_s();
	int64_t due = r->due > now_s || wait < 0 ? r->due : now_s + wait;
	size_t start = wire_begin_row(&p->out);

	wire_row_text(&p->out, "account", slice_of(job->account));
	wire_row_text(&p->out, "id", slice_of(job->id));
	wire_row_text(&p->out, "kind", slice_of(kind_of(r)));
	wire_row_text(&p->out, "queue_id", r->queue_id);
	wire_row_number(&p->out, "accepted_time", r->accepted_ms / 1000);
	wire_row_number(&p->out, "next_try_time", due == OUTBOX_NEVER ? 0 : due);
	wire_row_number(&p->out, "expires_time", r->expires);
	wire_end_row(&p->out, start);
}

/* Nothing makes it wait any more but its push service. */
static int
flush_one(struct daemon *d, uint64_t number, struct err *err)
{
	struct delivery delivery;
	int rc = store_delivery_get(d->store, number, &delivery, err);

	if (rc == 1 && delivery.wait_until != 0) {
		delivery.wait_until = 0;
		if (store_begin(d->store, err) < 0)
			return -1;
		if (store_delivery_put(d->store, &delivery, err) < 0 || store_commit(d->store, err) < 0) {
			store_abort(d->store);
			return -1;
		}
	}
	sender_look(d->sender, number);
	return rc < 0 ? -1 : 0;
}

static void
trace_drop(struct daemon *d, const struct queue_job *job, const struct outbox_record *r)
{
	const struct trace_event e = {
		.queue_id = r->queue_id, .number = r->number, .sequence = r->sequence, .event = "dropped",
		.account = slice_of(job->account), .id = slice_of(job->id),
	};

	trace_put(d->trace, &e, "by mailbell queue drop");
}

/* Inside a group: all records of the number.  0, or -1. */
static int
erase_all(struct daemon *d, struct queue_job *job, struct err *err)
{
	struct outbox_record r;
	int rc;

	while ((rc = store_outbox_of(d->store, job->number, 0, &r, err)) == 1) {
		trace_drop(d, job, &r);
		if (store_outbox_del(d->store, job->number, r.sequence, err) < 0)
			return -1;
		job->records++;
	}
	return rc < 0 ? -1 : 0;
}

static int
drop_one(struct daemon *d, struct queue_job *job, struct err *err)
{
	uint64_t before = job->records;

	if (store_begin(d->store, err) < 0)
		return -1;
	if (erase_all(d, job, err) < 0 || store_commit(d->store, err) < 0) {
		store_abort(d->store);
		return -1;
	}
	d->counters.dropped += job->records - before;
	sender_forget(d->sender, job->number);
	return 0;
}

/* Whose records come now. */
static int
turn_to(struct daemon *d, struct queue_job *job, uint64_t number, struct err *err)
{
	struct subscription sub;
	int rc = store_sub_number(d->store, number, &sub, err);

	job->number = number;
	job->account[0] = job->id[0] = '\0';
	if (rc == 1) {
		memcpy(job->account, sub.account, sizeof(job->account));
		memcpy(job->id, sub.id, sizeof(job->id));
	}
	job->wanted = job->only[0] == '\0' || strcmp(job->only, job->account) == 0;
	explicit_bzero(&sub, sizeof(sub));
	return rc < 0 ? -1 : 0;
}

static int
act(struct peer *p, struct queue_job *job, struct err *err)
{
	int rc;

	job->sequence = UINT64_MAX;	/* on to the next subscription */
	if (!job->wanted)
		return 0;
	job->subscriptions++;
	rc = job->action == FLUSH ? flush_one(p->daemon, job->number, err) :
	    drop_one(p->daemon, job, err);
	return rc;
}

/* The next record, or subscription.  1, 0: that was all, -1. */
static int
step(struct peer *p, struct queue_job *job, struct err *err)
{
	struct store *s = p->daemon->store;
	struct outbox_record r;
	int rc = store_outbox_next(s, job->number, job->sequence, &r, err);

	if (rc != 1)
		return rc;
	if (r.number != job->number) {
		if (turn_to(p->daemon, job, r.number, err) < 0)
			return -1;
		job->sequence = 0;	/* what was read is valid no more */
		return 1;
	}
	if (job->action != LIST)
		return act(p, job, err) < 0 ? -1 : 1;
	job->sequence = job->wanted ? r.sequence : UINT64_MAX;
	if (job->wanted)
		put_row(p, job, &r);
	return 1;
}

static void
end(struct peer *p, const struct queue_job *job)
{
	if (job->action == LIST) {
		operate_finish(p, EX_OK, "%s", "");
		return;
	}
	if (job->action == DROP)
		peer_hold_answer(p);
	operate_finish(p, EX_OK, "%llu %s", (unsigned long long)
	    (job->action == DROP ? job->records : job->subscriptions),
	    job->action == DROP ? "notifications dropped" : "subscriptions are tried now");
}

static enum job_state
queue_slice(struct peer *p)
{
	struct queue_job *job = (struct queue_job *)p->job;
	struct err err;
	int rc = 1;

	for (int i = 0; i < OPERATE_SLICE && rc == 1 && peer_has_room(p); i++)
		rc = step(p, job, &err);
	if (rc == 1)
		return JOB_GOES_ON;
	if (rc < 0)
		operate_fail(p, &err);
	else
		end(p, job);
	return JOB_OVER;
}

static void
walk_outbox(struct ask *a, enum action action)
{
	static const struct job_kind kind = { .slice = queue_slice };
	struct queue_job *job = operate_job(a->peer, &kind, sizeof(*job));

	job->action = action;
	memcpy(job->only, a->account, sizeof(job->only));
}

void
outbox_list(struct ask *a)
{
	walk_outbox(a, LIST);
}

void
outbox_flush(struct ask *a)
{
	walk_outbox(a, FLUSH);
}

/* Of one account; "" is all, and has to be said. */
void
outbox_drop(struct ask *a)
{
	walk_outbox(a, DROP);
}
