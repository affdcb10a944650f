#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "admin/answer.h"
#include "admin/json.h"
#include "admin/table.h"
#include "admin/verb.h"
#include "lib/log.h"

void
answer_print(FILE *out, struct slice text)
{
	struct buf b;
	size_t len;

	buf_init(&b, FRAME_MAX_ROW);
	for (; text.len > 0; text.p += len, text.len -= len) {
		const char *end = memchr(text.p, '\n', text.len);

		len = end == NULL ? text.len : (size_t)(end - text.p);
		log_clean_to(&b, (struct slice){ text.p, len - (len > 0 && text.p[len - 1] == '\r') });
		buf_octet(&b, '\n');
		len += end != NULL;
	}
	if (b.len > 0)
		fwrite(b.data, 1, b.len, out);
	buf_clear(&b);
}

int
answer_end(const struct frame *f, struct buf *text)
{
	struct wire_done done;

	if (wire_get_done(f, &done) < 0)
		return call_complain(EX_PROTOCOL, "the end of mailbelld's answer cannot be read");
	if (done.exit_code != 0) {
		fflush(stdout);
		fputs("mailbell: ", stderr);
		answer_print(stderr, done.text.len > 0 ? done.text :
		    slice_of("mailbelld could not do it"));
	} else if (text != NULL)
		buf_slice(text, done.text);
	return (int)done.exit_code;
}

int
answer_flush(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return call_complain(EX_IOERR, "the output could not be written");
	return 0;
}

/* Everything up to the end of the answer, which is left in f. */
static int
take_rows(struct request *r, int (*take)(void *arg, const struct frame *row), void *arg,
    struct frame *f, struct err *err)
{
	int code;

	while ((code = request_next(r, f, err)) == 0 && f->type == WIRE_ROW)
		if (take(arg, f) < 0) {
			err_set(err, "a row of mailbelld's answer cannot be read");
			return EX_PROTOCOL;
		}
	return code;
}

/* Where rows go. */
struct display {
	const struct verb *verb;
	bool		 json;
	struct table	 table;
	struct json_out	 json_out;
};

int
answer_each(const struct config *c, const struct wire_request *question,
    int (*take)(void *arg, const struct frame *row), void *arg, struct buf *text)
{
	struct request r;
	struct frame f;
	struct err err;
	int code = request_open(&r, c, question, &err);

	if (code == 0)
		code = take_rows(&r, take, arg, &f, &err);
	code = code == 0 ? answer_end(&f, text) : call_complain(code, "%s", err.text);
	request_close(&r);
	return code;
}

/* The values of a row alone. */
static int
print_raw(const struct frame *row)
{
	struct wire_value v;
	size_t pos = 0;
	int rc;

	while ((rc = wire_row_value(row, &pos, &v)) == 1)
		fwrite(v.text.p, 1, v.text.len, stdout);
	return rc;
}

static int
show_row(void *arg, const struct frame *row)
{
	struct display *d = arg;

	if (d->json)
		return json_out_row(&d->json_out, row);
	if (d->verb->raw)
		return print_raw(row);
	if (d->verb->single)
		return table_vertical(stdout, row);
	return table_row(&d->table, row);
}

int
answer_show(const struct call *call, const struct wire_request *question)
{
	struct display d = {
		.verb = call->verb, .json = call->options->json,
		.json_out = { .out = stdout, .array = !call->verb->single },
	};
	struct buf text;
	int code, failed;

	buf_init(&text, FRAME_MAX);
	table_init(&d.table, stdout);
	code = answer_each(call->config, question, show_row, &d, &text);
	if (d.json && (code == 0 || d.json_out.n > 0))
		json_out_end(&d.json_out);
	table_end(&d.table);
	if (!d.json)
		answer_print(stdout, buf_all(&text));
	buf_clear(&text);
	failed = answer_flush();
	return code != 0 ? code : failed;
}
