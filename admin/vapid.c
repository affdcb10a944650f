/*
 * vapid import FILE: the file's text is what the daemon is sent.
 */
#include "admin/answer.h"
#include "admin/file.h"
#include "admin/verb.h"

#define PEM_MAX	8192

int
vapid_import(const struct call *call)
{
	struct wire_request question = { .verb = slice_of(call->verb->name), .n = 1 };
	struct buf text;
	int code = file_read(call->argv[0], PEM_MAX, &text);

	question.args[0] = buf_all(&text);
	if (code == 0)
		code = answer_show(call, &question);
	buf_wipe(&text);
	return code;
}
