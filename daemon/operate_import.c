/*
 * import: rows that the peer sends, in groups of the store.  A group is committed before more is read,
 * and at the end of the turn, so that the peer can be no faster than the disk.  What is there already
 * stays as it is: an import that was cut off is begun again with the same file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "daemon/dump.h"
#include "daemon/operate_int.h"

#define GROUP	64

struct import_job {
	struct job	 job;
	struct dump	*rows;		/* GROUP of them */
	size_t		 n;
	uint64_t	 read, added, known, keyless;
	bool		 failed;	/* it was said; what else comes is not looked at */
};

static int
put_subscription(struct daemon *d, struct import_job *job, struct dump *row, struct err *err)
{
	struct subscription old;
	int rc = store_sub_get(d->store, row->sub.account, row->sub.id, &old, err);

	explicit_bzero(&old, sizeof(old));
	if (rc != 0) {
		job->known += rc == 1;
		return rc < 0 ? -1 : 0;
	}
	if (store_sub_put(d->store, &row->sub, err) < 0)
		return -1;
	row->delivery.number = row->sub.number;
	job->added++;
	job->keyless += vapid_public(d->vapid, row->sub.key) == NULL;
	return store_delivery_put(d->store, &row->delivery, err);
}

static int
put_account(struct daemon *d, struct import_job *job, const struct dump *row, struct err *err)
{
	struct account old;
	int rc = store_account_get(d->store, row->account.name, &old, err);

	if (rc != 0) {
		job->known += rc == 1;
		return rc < 0 ? -1 : 0;
	}
	job->added++;
	return store_account_put(d->store, &row->account, err);
}

static int
commit(struct daemon *d, struct import_job *job, struct err *err)
{
	int rc = 0;

	if (job->n == 0)
		return 0;
	if (store_begin(d->store, err) < 0)
		return -1;
	for (size_t i = 0; i < job->n && rc == 0; i++)
		rc = job->rows[i].kind == DUMP_ACCOUNT ? put_account(d, job, &job->rows[i], err) :
		    put_subscription(d, job, &job->rows[i], err);
	if (rc < 0 || store_commit(d->store, err) < 0) {
		store_abort(d->store);
		return -1;
	}
	job->n = 0;
	return 0;
}

static void
give_up(struct peer *p, int code, const struct err *err)
{
	struct import_job *job = (struct import_job *)p->job;

	job->failed = true;
	peer_hold_answer(p);
	operate_finish(p, code, "line %llu: %s; the lines before it were imported",
	    (unsigned long long)job->read, err->text);
}

static void
take_row(struct peer *p, const struct frame *f)
{
	struct import_job *job = (struct import_job *)p->job;
	struct dump *row = &job->rows[job->n];
	struct err err, other;
	int rc;

	job->read++;
	rc = dump_get(f, row, &err);
	if (rc == 0 && row->kind == DUMP_SUBSCRIPTION && !ece_check_point(p->daemon->ece, row->sub.point))
		rc = err_set(&err, "p256dh is no point on the curve");
	if (rc < 0) {
		commit(p->daemon, job, &other);
		give_up(p, EX_DATAERR, &err);
	} else if (++job->n == GROUP && commit(p->daemon, job, &err) < 0)
		give_up(p, EX_TEMPFAIL, &err);
}

static void
finish(struct peer *p)
{
	struct import_job *job = (struct import_job *)p->job;
	char keyless[160] = "";
	struct err err;

	if (commit(p->daemon, job, &err) < 0) {
		give_up(p, EX_TEMPFAIL, &err);
		return;
	}
	if (job->keyless > 0)
		snprintf(keyless, sizeof(keyless), "\n%llu of them need a VAPID key that is not here: "
		    "mailbell vapid import", (unsigned long long)job->keyless);
	peer_hold_answer(p);
	operate_finish(p, EX_OK, "%llu records imported, %llu were there already%s",
	    (unsigned long long)job->added, (unsigned long long)job->known, keyless);
	job->failed = true;	/* nothing more is expected */
}

static int
import_frame(struct peer *p, const struct frame *f)
{
	struct import_job *job = (struct import_job *)p->job;

	if (f->type != WIRE_ROW && f->type != WIRE_FINISH)
		return -1;
	if (job->failed)
		return 0;
	if (f->type == WIRE_ROW)
		take_row(p, f);
	else
		finish(p);
	return 0;
}

/* The end of a turn: what was read is not kept waiting. */
static enum job_state
import_slice(struct peer *p)
{
	struct import_job *job = (struct import_job *)p->job;
	struct err err;

	if (!job->failed && commit(p->daemon, job, &err) < 0)
		give_up(p, EX_TEMPFAIL, &err);
	return JOB_WAITS;
}

static void
import_clear(struct peer *p)
{
	struct import_job *job = (struct import_job *)p->job;

	explicit_bzero(job->rows, GROUP * sizeof(job->rows[0]));
	free(job->rows);
}

void
records_import(struct ask *a)
{
	static const struct job_kind kind = {
		.slice = import_slice, .frame = import_frame, .clear = import_clear,
	};
	struct import_job *job;

	if (!operate_is_root(a, "an import holds secrets: it is root's alone"))
		return;
	job = operate_job(a->peer, &kind, sizeof(*job));
	job->rows = calloc(GROUP, sizeof(job->rows[0]));
	if (job->rows == NULL)
		abort();
}
