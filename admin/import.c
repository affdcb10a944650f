/*
 * import FILE: each line of JSON one row.  Rows are sent as fast as the daemon takes them, and no faster;
 * when it has something to say before all are sent, that is the end.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "admin/answer.h"
#include "admin/progress.h"
#include "admin/verb.h"

#define LINE_MAX_OCTETS	65536
#define SEND_AT		65536

struct import {
	struct request	 r;
	struct buf	 out;
	const char	*path;
	uint64_t	 line;
	bool		 answered;	/* the daemon has something to say */
};

static int
bad_line(const struct import *in, const char *why)
{
	return call_complain(EX_DATAERR, "%s:%llu: %s", in->path, (unsigned long long)in->line, why);
}

static void
put_value(struct buf *out, const char *name, json_t *value)
{
	struct slice text = SLICE_NIL;

	if (json_is_integer(value)) {
		wire_row_number(out, name, json_integer_value(value));
		return;
	}
	if (json_is_string(value))
		text = (struct slice){ json_string_value(value), json_string_length(value) };
	wire_row_text(out, name, text);
}

/* 0, or an exit code, and it was said. */
static int
put_row(struct import *in, json_t *object)
{
	size_t start = wire_begin_row(&in->out);
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) {
		if (!json_is_integer(value) && !json_is_string(value) && !json_is_null(value))
			return bad_line(in, "values are numbers, strings or null");
		put_value(&in->out, name, value);
	}
	wire_end_row(&in->out, start);
	return in->out.failed ? bad_line(in, "the line is too long") : 0;
}

static int
put_line(struct import *in, const char *line, size_t len)
{
	json_error_t error;
	json_t *object;
	int code;

	if (len > LINE_MAX_OCTETS)
		return bad_line(in, "the line is too long");
	object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(object))
		code = bad_line(in, object == NULL ? error.text : "no object");
	else
		code = put_row(in, object);
	json_decref(object);
	return code;
}

static int
send_out(struct import *in)
{
	struct err err;
	int code = request_send(&in->r, &in->out, &in->answered, &err);

	return code == 0 ? 0 : call_complain(code, "%s", err.text);
}

/* Sends the lines of the file, and that they are all.  0, or an exit code. */
static int
send_lines(struct import *in, FILE *file)
{
	struct progress progress;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int code = 0;

	progress_begin(&progress, "records", 0, false);
	while (code == 0 && !in->answered && (n = getline(&line, &cap, file)) > 0) {
		in->line++;
		code = put_line(in, line, (size_t)n);
		if (code == 0 && in->out.len >= SEND_AT)
			code = send_out(in);
		progress_step(&progress);
	}
	progress_end(&progress);
	if (line != NULL)
		explicit_bzero(line, cap);
	free(line);
	if (code == 0 && ferror(file))
		return call_complain(EX_NOINPUT, "%s: it cannot be read", in->path);
	if (code == 0 && !in->answered) {
		wire_put_finish(&in->out);
		code = send_out(in);
	}
	return code;
}

static int
read_answer(struct import *in)
{
	struct buf text;
	struct frame f;
	struct err err;
	int code;

	buf_init(&text, FRAME_MAX);
	code = request_next(&in->r, &f, &err);
	if (code != 0)
		call_complain(code, "%s", err.text);
	else if (f.type != WIRE_DONE)
		code = call_complain(EX_PROTOCOL, "mailbelld's answer is of another kind than expected");
	else
		code = answer_end(&f, &text);
	answer_print(stdout, buf_all(&text));
	buf_clear(&text);
	return code;
}

int
import_run(const struct call *call)
{
	const struct wire_request question = { .verb = slice_of(call->verb->name) };
	struct import in = { .path = call->argv[0] };
	bool is_stdin = strcmp(in.path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(in.path, "r");
	struct err err;
	int code;

	if (file == NULL)
		return call_complain(EX_NOINPUT, "%s: %s", in.path, strerror(errno));
	buf_init(&in.out, FRAME_MAX_ROW);
	code = request_open(&in.r, call->config, &question, &err);
	if (code != 0)
		call_complain(code, "%s", err.text);
	else
		code = send_lines(&in, file);
	if (code == 0)
		code = read_answer(&in);
	request_close(&in.r);
	buf_wipe(&in.out);
	if (!is_stdin)
		fclose(file);
	return code;
}
