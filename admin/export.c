/*
 * export: each row one line of JSON, as it comes.
 */
#include "admin/answer.h"
#include "admin/json.h"
#include "admin/progress.h"
#include "admin/verb.h"

static int
print_line(void *arg, const struct frame *row)
{
	progress_step(arg);
	return json_line(stdout, row);
}

int
export_run(const struct call *call)
{
	const struct wire_request question = { .verb = slice_of(call->verb->name) };
	struct progress progress;
	int code, failed;

	progress_begin(&progress, "records", 0, true);
	code = answer_each(call->config, &question, print_line, &progress, NULL);
	progress_end(&progress);
	failed = answer_flush();
	return code != 0 ? code : failed;
}
