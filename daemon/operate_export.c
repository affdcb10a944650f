/*
 * export: all subscriptions, then what is kept of accounts, in slices as the reader reads.  It is no
 * picture of one moment, but each row is whole.  What waits to be sent is not in it.
 */
#include <string.h>
#include <sysexits.h>

#include "daemon/dump.h"
#include "daemon/operate_int.h"

struct export_job {
	struct job	job;
	struct walk	walk;
	bool		accounts;	/* the subscriptions are done */
	char		account[WIRE_USER_MAX + 1];
	uint64_t	unreadable;
};

static int
put_one(struct peer *p, struct subscription *sub, struct err *err)
{
	struct export_job *job = (struct export_job *)p->job;
	struct delivery delivery;
	int rc;

	rc = sub->state == SUB_NEWER ? 0 :
	    store_delivery_get(p->daemon->store, sub->number, &delivery, err);
	if (rc == 1)
		dump_put_subscription(&p->out, sub, &delivery);
	else if (rc == 0)
		job->unreadable++;
	return rc < 0 ? -1 : 0;
}

static int
put_accounts(struct peer *p, struct export_job *job, struct err *err)
{
	struct account a;
	int rc = 1;

	for (int i = 0; i < OPERATE_SLICE && rc == 1 && peer_has_room(p); i++) {
		rc = store_account_next(p->daemon->store, job->account, &a, err);
		if (rc != 1)
			break;
		memcpy(job->account, a.name, sizeof(job->account));
		dump_put_account(&p->out, &a);
	}
	return rc;
}

static enum job_state
export_slice(struct peer *p)
{
	struct export_job *job = (struct export_job *)p->job;
	struct err err;
	int rc = job->accounts ? put_accounts(p, job, &err) : operate_walk(p, &job->walk, put_one, &err);

	if (rc == 0 && !job->accounts) {
		job->accounts = true;
		rc = 1;
	}
	if (rc == 1)
		return JOB_GOES_ON;
	if (rc < 0)
		operate_fail(p, &err);
	else if (job->unreadable > 0)
		operate_finish(p, EX_DATAERR, "this is not all: %llu subscriptions were written by a newer "
		    "version of mailbelld, which alone can export them",
		    (unsigned long long)job->unreadable);
	else
		operate_finish(p, EX_OK, "%s", "");
	return JOB_OVER;
}

void
records_export(struct ask *a)
{
	static const struct job_kind kind = { .slice = export_slice };

	if (operate_is_root(a, "an export holds secrets: it is root's alone"))
		operate_job(a->peer, &kind, sizeof(struct export_job));
}
