/*
 * trace QUEUEID|MESSAGE-ID
 */
#include <sysexits.h>

#include "daemon/operate_int.h"
#include "daemon/trace.h"
#include "lib/log.h"

struct trace_job {
	struct job		 job;
	struct trace_search	*search;
	size_t			 rows;
};

static void
put_row(struct buf *out, const struct trace_line *line)
{
	size_t start = wire_begin_row(out);

	wire_row_number(out, "time_ms", line->time_ms);
	wire_row_text(out, "event", line->event);
	wire_row_text(out, "account", line->account);
	wire_row_text(out, "id", line->id);
	wire_row_text(out, "what", line->words);
	wire_end_row(out, start);
}

static enum job_state
trace_slice(struct peer *p)
{
	struct trace_job *job = (struct trace_job *)p->job;
	struct trace_line line;
	int rc;

	while ((rc = trace_search_next(job->search, &line)) == 1) {
		put_row(&p->out, &line);
		job->rows++;
		if (!peer_has_room(p))
			break;
	}
	if (rc >= 0)
		return JOB_GOES_ON;
	if (job->rows > 0)
		operate_finish(p, EX_OK, "%s", "");
	else
		operate_finish(p, EX_NOUSER, "nothing is known of it: neither the hook nor the storage "
		    "module has told of such a message; Postfix's log says whether it was delivered");
	return JOB_OVER;
}

static void
trace_clear(struct peer *p)
{
	trace_search_free(((struct trace_job *)p->job)->search);
}

void
message_trace(struct ask *a)
{
	static const struct job_kind kind = { .slice = trace_slice, .clear = trace_clear };
	struct trace_search *search;
	struct trace_job *job;
	struct err err;

	search = trace_search_new(a->daemon->trace, a->request->args[0], &err);
	if (search == NULL) {
		operate_fail(a->peer, &err);
		return;
	}
	job = operate_job(a->peer, &kind, sizeof(*job));
	job->search = search;
}
