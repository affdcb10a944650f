/*
 * What is asked and answered: IMAP commands and admin verbs.
 */
#include <string.h>

#include "lib/wire_fields.h"

/* session, verb, answer, release */

void
wire_put_session(struct buf *b, const struct wire_session *session)
{
	size_t start = frame_begin(b, WIRE_SESSION);

	frame_put_slice(b, T_USER, session->user);
	frame_put_slice(b, T_SESSION, session->session);
	wire_put_flag(b, T_BEGIN, session->begin);
	frame_end(b, start);
}

int
wire_get_session(const struct frame *f, struct wire_session *session)
{
	struct wire_fields all;

	if (f->type != WIRE_SESSION || wire_fields_read(f, &all) < 0 ||
	    wire_fields_text(&all, T_USER, WIRE_USER_MAX, true, &session->user) < 0 ||
	    wire_fields_text(&all, T_SESSION, WIRE_TOKEN_MAX, false, &session->session) < 0 ||
	    wire_fields_flag(&all, T_BEGIN, &session->begin) < 0)
		return -1;
	return 0;
}

static void
put_args(struct buf *b, const struct slice *args, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (i >= WIRE_ARGS_MAX || args[i].p == NULL)
			frame_put_octets(b, T_NIL_ARG, "", 0);
		else
			frame_put_slice(b, T_ARG, args[i]);
}

void
wire_put_verb(struct buf *b, const struct wire_verb *verb)
{
	size_t start = frame_begin(b, WIRE_VERB);

	frame_put_slice(b, T_USER, verb->user);
	frame_put_slice(b, T_SESSION, verb->session);
	frame_put_slice(b, T_NAME, verb->name);
	wire_put_flag(b, T_MALFORMED, verb->malformed);
	put_args(b, verb->args, verb->n);
	frame_end(b, start);
}

int
wire_get_verb(const struct frame *f, struct wire_verb *verb)
{
	struct wire_fields all;

	if (f->type != WIRE_VERB || wire_fields_read(f, &all) < 0 ||
	    wire_fields_text(&all, T_USER, WIRE_USER_MAX, true, &verb->user) < 0 ||
	    wire_fields_text(&all, T_SESSION, WIRE_TOKEN_MAX, false, &verb->session) < 0 ||
	    wire_fields_text(&all, T_NAME, 64, true, &verb->name) < 0 ||
	    wire_fields_flag(&all, T_MALFORMED, &verb->malformed) < 0)
		return -1;
	verb->n = all.n_args;
	memcpy(verb->args, all.args, sizeof(verb->args));
	return 0;
}

void
wire_put_answer(struct buf *b, const struct wire_answer *answer)
{
	size_t start = frame_begin(b, WIRE_ANSWER);

	frame_put_slice(b, T_UNTAGGED, answer->untagged);
	frame_put_slice(b, T_TAGGED, answer->tagged);
	wire_put_flag(b, T_KEEP, answer->keep);
	frame_end(b, start);
}

int
wire_get_answer(const struct frame *f, struct wire_answer *answer)
{
	struct wire_fields all;

	if (f->type != WIRE_ANSWER || wire_fields_read(f, &all) < 0 ||
	    wire_fields_octets(&all, T_UNTAGGED, FRAME_MAX, false, &answer->untagged) < 0 ||
	    wire_fields_text(&all, T_TAGGED, 1024, true, &answer->tagged) < 0 ||
	    wire_fields_flag(&all, T_KEEP, &answer->keep) < 0)
		return -1;
	return 0;
}

void
wire_put_release(struct buf *b)
{
	wire_put_bare(b, WIRE_RELEASE);
}

/* request, row, finish, done */

void
wire_put_request(struct buf *b, const struct wire_request *request)
{
	size_t start = frame_begin(b, WIRE_REQUEST);

	frame_put_slice(b, T_NAME, request->verb);
	put_args(b, request->args, request->n);
	frame_end(b, start);
}

int
wire_get_request(const struct frame *f, struct wire_request *request)
{
	struct wire_fields all;

	if (f->type != WIRE_REQUEST || wire_fields_read(f, &all) < 0 ||
	    wire_fields_text(&all, T_NAME, 64, true, &request->verb) < 0)
		return -1;
	request->n = all.n_args;
	memcpy(request->args, all.args, sizeof(request->args));
	return 0;
}

size_t
wire_begin_row(struct buf *b)
{
	return frame_begin(b, WIRE_ROW);
}

/* A value is its column's name, then a cell or a number; neither: null. */
void
wire_row_text(struct buf *b, const char *name, struct slice value)
{
	frame_put_text(b, T_COLUMN, name);
	frame_put_slice(b, T_CELL, value);
}

void
wire_row_number(struct buf *b, const char *name, int64_t value)
{
	frame_put_text(b, T_COLUMN, name);
	frame_put_u64(b, T_NUMBER, (uint64_t)value);
}

void
wire_end_row(struct buf *b, size_t start)
{
	frame_end(b, start);
}

int
wire_row_value(const struct frame *f, size_t *pos, struct wire_value *out)
{
	struct field field;
	uint64_t number;
	size_t next;
	int rc;

	memset(out, 0, sizeof(*out));
	do {
		if ((rc = frame_field(f, pos, &field)) != 1)
			return rc;
	} while (field.tag != T_COLUMN);
	if (field_text(&field, &out->name) < 0)
		return -1;
	next = *pos;
	if ((rc = frame_field(f, &next, &field)) != 1)
		return rc < 0 ? -1 : 1;
	if (field.tag == T_CELL) {
		out->text = field.value;
		*pos = next;
	} else if (field.tag == T_NUMBER) {
		if (field_u64(&field, &number) < 0)
			return -1;
		out->number = (int64_t)number;
		out->is_number = true;
		*pos = next;
	}
	return 1;
}

void
wire_put_finish(struct buf *b)
{
	wire_put_bare(b, WIRE_FINISH);
}

void
wire_put_done(struct buf *b, const struct wire_done *done)
{
	size_t start = frame_begin(b, WIRE_DONE);

	frame_put_u64(b, T_EXIT, done->exit_code);
	frame_put_slice(b, T_TEXT, done->text);
	frame_end(b, start);
}

int
wire_get_done(const struct frame *f, struct wire_done *done)
{
	struct wire_fields all;

	if (f->type != WIRE_DONE || wire_fields_read(f, &all) < 0 ||
	    wire_fields_number(&all, T_EXIT, 255, true, &done->exit_code) < 0)
		return -1;
	return wire_fields_text(&all, T_TEXT, FRAME_MAX, false, &done->text);
}
