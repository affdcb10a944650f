/*
 * Tags are shared by all frames, so that one name means one thing everywhere.  A reader first takes
 * every field into one flat struct of slices and numbers, checked for form, and each wire_get_x then
 * picks what its frame must have.
 */
#include <string.h>

#include "lib/wire.h"

enum tag {
	T_PROGRAM = 1, T_VERSION, T_ABI, T_HOOK, T_LOST, T_TEXT,
	T_TIME, T_TOKEN, T_SERVICE, T_USER, T_MAILBOX, T_SPECIAL_USE, T_SEEN, T_UIDVALIDITY, T_UID,
	T_QUEUE_ID, T_MESSAGE_ID, T_ENVELOPE, T_REASON, T_KIND, T_N, T_SEQ, T_RECIPIENT,
	T_SESSION, T_BEGIN, T_NAME, T_ARG, T_NIL_ARG, T_MALFORMED,
	T_UNTAGGED, T_TAGGED, T_KEEP, T_EXIT, T_COLUMN, T_CELL, T_NUMBER,
	TAGS
};

/* The last field of each tag; arguments are kept apart, in order. */
struct fields {
	bool		there[TAGS];
	struct slice	value[TAGS];
	size_t		n_args;
	struct slice	args[WIRE_ARGS_MAX];
};

static void
take_arg(struct fields *all, struct slice arg)
{
	if (all->n_args < WIRE_ARGS_MAX)
		all->args[all->n_args] = arg;
	all->n_args++;
}

static int
read_fields(const struct frame *f, struct fields *all)
{
	struct field field;
	size_t pos = 0;
	int rc;

	memset(all, 0, sizeof(*all));
	while ((rc = frame_field(f, &pos, &field)) == 1) {
		if (field.tag == T_ARG)
			take_arg(all, field.value);
		else if (field.tag == T_NIL_ARG)
			take_arg(all, SLICE_NIL);
		else if (field.tag < TAGS) {
			all->there[field.tag] = true;
			all->value[field.tag] = field.value;
		}
	}
	return rc;
}

/* Text of at most max octets.  A field that is not there is nil, and an error where it is needed. */
static int
get_text(const struct fields *all, enum tag tag, size_t max, bool needed, struct slice *out)
{
	struct field field = { (uint8_t)tag, all->value[tag] };

	*out = SLICE_NIL;
	if (!all->there[tag])
		return needed ? -1 : 0;
	if (field.value.len > max)
		return -1;
	return field_text(&field, out);
}

/* Octets, for what need not be text. */
static int
get_octets(const struct fields *all, enum tag tag, size_t max, bool needed, struct slice *out)
{
	*out = SLICE_NIL;
	if (!all->there[tag])
		return needed ? -1 : 0;
	if (all->value[tag].len > max)
		return -1;
	*out = all->value[tag];
	return 0;
}

static int
get_number(const struct fields *all, enum tag tag, uint64_t max, bool needed, uint64_t *out)
{
	struct field field = { (uint8_t)tag, all->value[tag] };

	*out = 0;
	if (!all->there[tag])
		return needed ? -1 : 0;
	return field_u64(&field, out) < 0 || *out > max ? -1 : 0;
}

static int
get_u32(const struct fields *all, enum tag tag, uint32_t *out)
{
	uint64_t v;

	if (get_number(all, tag, UINT32_MAX, true, &v) < 0)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

static int
get_flag(const struct fields *all, enum tag tag, bool *out)
{
	uint64_t v;

	if (get_number(all, tag, 1, false, &v) < 0)
		return -1;
	*out = v == 1;
	return 0;
}

static void
put_flag(struct buf *b, enum tag tag, bool flag)
{
	if (flag)
		frame_put_u64(b, tag, 1);
}

/* Ids longer than their bound are as good as none. */
static void
put_id(struct buf *b, enum tag tag, struct slice id)
{
	if (id.len <= WIRE_ID_MAX)
		frame_put_slice(b, tag, id);
}

static void
put_bare(struct buf *b, enum wire_type type)
{
	frame_end(b, frame_begin(b, type));
}

/* hello, ok, refused */

void
wire_put_hello(struct buf *b, const struct wire_hello *hello)
{
	size_t start = frame_begin(b, WIRE_HELLO);

	frame_put_slice(b, T_PROGRAM, hello->program);
	frame_put_slice(b, T_VERSION, hello->version);
	frame_put_slice(b, T_ABI, hello->module_abi);
	frame_put_slice(b, T_HOOK, hello->hook);
	frame_put_u64(b, T_LOST, hello->lost);
	frame_end(b, start);
}

int
wire_get_hello(const struct frame *f, struct wire_hello *hello)
{
	struct fields all;

	if (f->type != WIRE_HELLO || read_fields(f, &all) < 0 ||
	    get_text(&all, T_PROGRAM, 64, true, &hello->program) < 0 ||
	    get_text(&all, T_VERSION, 64, true, &hello->version) < 0 ||
	    get_text(&all, T_ABI, 64, false, &hello->module_abi) < 0 ||
	    get_text(&all, T_HOOK, 64, false, &hello->hook) < 0 ||
	    get_number(&all, T_LOST, UINT64_MAX, false, &hello->lost) < 0)
		return -1;
	return 0;
}

void
wire_put_ok(struct buf *b)
{
	put_bare(b, WIRE_OK);
}

void
wire_put_refused(struct buf *b, const char *text)
{
	size_t start = frame_begin(b, WIRE_REFUSED);

	frame_put_text(b, T_TEXT, text);
	frame_end(b, start);
}

int
wire_get_refused(const struct frame *f, struct slice *text)
{
	struct fields all;

	if (f->type != WIRE_REFUSED || read_fields(f, &all) < 0)
		return -1;
	return get_text(&all, T_TEXT, 1024, true, text);
}

/* saved, end */

static void
put_content(struct buf *b, struct slice envelope, enum envelope_reason reason, unsigned kind)
{
	frame_put_slice(b, T_ENVELOPE, envelope);
	frame_put_u64(b, T_REASON, (uint64_t)reason);
	frame_put_u64(b, T_KIND, kind);
}

/* An ENVELOPE and a reason why there is none exclude each other. */
static int
get_content(const struct fields *all, struct slice *envelope, enum envelope_reason *reason,
    unsigned *kind)
{
	uint64_t r, k;

	if (get_octets(all, T_ENVELOPE, FRAME_MAX, false, envelope) < 0 ||
	    get_number(all, T_REASON, ENVELOPE_NONE, true, &r) < 0 ||
	    get_number(all, T_KIND, UINT32_MAX, true, &k) < 0)
		return -1;
	if ((envelope->p == NULL) != (r != ENVELOPE_OK))
		return -1;
	*reason = (enum envelope_reason)r;
	*kind = (unsigned)k;
	return 0;
}

void
wire_put_saved(struct buf *b, const struct wire_saved *saved)
{
	size_t start = frame_begin(b, WIRE_SAVED);

	frame_put_u64(b, T_TIME, saved->time_ms);
	frame_put_slice(b, T_TOKEN, saved->token);
	frame_put_slice(b, T_SERVICE, saved->service);
	frame_put_slice(b, T_USER, saved->user);
	frame_put_slice(b, T_MAILBOX, saved->mailbox);
	frame_put_slice(b, T_SPECIAL_USE, saved->special_use);
	put_flag(b, T_SEEN, saved->seen);
	frame_put_u64(b, T_UIDVALIDITY, saved->uidvalidity);
	frame_put_u64(b, T_UID, saved->uid);
	put_id(b, T_QUEUE_ID, saved->queue_id);
	put_id(b, T_MESSAGE_ID, saved->message_id);
	if (saved->has_content)
		put_content(b, saved->envelope, saved->reason, saved->kind);
	frame_end(b, start);
}

int
wire_get_saved(const struct frame *f, struct wire_saved *saved)
{
	struct fields all;

	memset(saved, 0, sizeof(*saved));
	if (f->type != WIRE_SAVED || read_fields(f, &all) < 0 ||
	    get_number(&all, T_TIME, INT64_MAX, true, &saved->time_ms) < 0 ||
	    get_text(&all, T_TOKEN, WIRE_TOKEN_MAX, true, &saved->token) < 0 ||
	    get_text(&all, T_SERVICE, 32, true, &saved->service) < 0 ||
	    get_text(&all, T_USER, WIRE_USER_MAX, true, &saved->user) < 0 ||
	    get_text(&all, T_MAILBOX, WIRE_MAILBOX_MAX, true, &saved->mailbox) < 0 ||
	    get_text(&all, T_SPECIAL_USE, 256, false, &saved->special_use) < 0 ||
	    get_flag(&all, T_SEEN, &saved->seen) < 0 ||
	    get_u32(&all, T_UIDVALIDITY, &saved->uidvalidity) < 0 ||
	    get_u32(&all, T_UID, &saved->uid) < 0 ||
	    get_octets(&all, T_QUEUE_ID, WIRE_ID_MAX, false, &saved->queue_id) < 0 ||
	    get_octets(&all, T_MESSAGE_ID, WIRE_ID_MAX, false, &saved->message_id) < 0)
		return -1;
	saved->reason = ENVELOPE_NONE;
	saved->has_content = all.there[T_REASON];
	if (!saved->has_content)
		return 0;
	return get_content(&all, &saved->envelope, &saved->reason, &saved->kind);
}

void
wire_put_end(struct buf *b, const struct wire_end *end)
{
	size_t start = frame_begin(b, WIRE_END);

	frame_put_slice(b, T_TOKEN, end->token);
	frame_put_slice(b, T_USER, end->user);
	frame_put_u64(b, T_N, end->n);
	frame_end(b, start);
}

int
wire_get_end(const struct frame *f, struct wire_end *end)
{
	struct fields all;

	if (f->type != WIRE_END || read_fields(f, &all) < 0 ||
	    get_text(&all, T_TOKEN, WIRE_TOKEN_MAX, true, &end->token) < 0 ||
	    get_text(&all, T_USER, WIRE_USER_MAX, true, &end->user) < 0 ||
	    get_number(&all, T_N, UINT32_MAX, true, &end->n) < 0)
		return -1;
	return 0;
}

/* arrival, ack */

size_t
wire_begin_arrival(struct buf *b, const struct wire_arrival *arrival)
{
	size_t start = frame_begin(b, WIRE_ARRIVAL);

	frame_put_u64(b, T_SEQ, arrival->seq);
	frame_put_u64(b, T_TIME, arrival->time_ms);
	put_id(b, T_QUEUE_ID, arrival->queue_id);
	put_id(b, T_MESSAGE_ID, arrival->message_id);
	put_content(b, arrival->envelope, arrival->reason, arrival->kind);
	return start;
}

void
wire_put_recipient(struct buf *b, const struct wire_recipient *recipient)
{
	frame_put_slice(b, T_RECIPIENT, recipient->address);
	frame_put_slice(b, T_TOKEN, recipient->token);
}

void
wire_end_arrival(struct buf *b, size_t start)
{
	frame_end(b, start);
}

/* A token belongs to the recipient before it. */
int
wire_recipient(const struct wire_arrival *arrival, size_t *pos, struct wire_recipient *out)
{
	struct field field;
	size_t next;

	do {
		if (frame_field(&arrival->frame, pos, &field) != 1)
			return 0;
	} while (field.tag != T_RECIPIENT);
	out->address = field.value;
	out->token = SLICE_NIL;
	next = *pos;
	if (frame_field(&arrival->frame, &next, &field) == 1 && field.tag == T_TOKEN) {
		out->token = field.value;
		*pos = next;
	}
	return 1;
}

int
wire_get_arrival(const struct frame *f, struct wire_arrival *arrival)
{
	struct wire_recipient recipient;
	struct fields all;
	size_t pos = 0;

	arrival->frame = *f;
	if (f->type != WIRE_ARRIVAL || read_fields(f, &all) < 0 ||
	    get_number(&all, T_SEQ, UINT64_MAX, true, &arrival->seq) < 0 ||
	    get_number(&all, T_TIME, INT64_MAX, true, &arrival->time_ms) < 0 ||
	    get_octets(&all, T_QUEUE_ID, WIRE_ID_MAX, false, &arrival->queue_id) < 0 ||
	    get_octets(&all, T_MESSAGE_ID, WIRE_ID_MAX, false, &arrival->message_id) < 0 ||
	    get_content(&all, &arrival->envelope, &arrival->reason, &arrival->kind) < 0)
		return -1;
	while (wire_recipient(arrival, &pos, &recipient) == 1)
		if (recipient.token.len > WIRE_TOKEN_MAX)
			return -1;
	return 0;
}

void
wire_put_ack(struct buf *b, uint64_t seq)
{
	size_t start = frame_begin(b, WIRE_ACK);

	frame_put_u64(b, T_SEQ, seq);
	frame_end(b, start);
}

int
wire_get_ack(const struct frame *f, uint64_t *seq)
{
	struct fields all;

	if (f->type != WIRE_ACK || read_fields(f, &all) < 0)
		return -1;
	return get_number(&all, T_SEQ, UINT64_MAX, true, seq);
}

/* session, verb, answer, release */

void
wire_put_session(struct buf *b, const struct wire_session *session)
{
	size_t start = frame_begin(b, WIRE_SESSION);

	frame_put_slice(b, T_USER, session->user);
	frame_put_slice(b, T_SESSION, session->session);
	put_flag(b, T_BEGIN, session->begin);
	frame_end(b, start);
}

int
wire_get_session(const struct frame *f, struct wire_session *session)
{
	struct fields all;

	if (f->type != WIRE_SESSION || read_fields(f, &all) < 0 ||
	    get_text(&all, T_USER, WIRE_USER_MAX, true, &session->user) < 0 ||
	    get_text(&all, T_SESSION, WIRE_TOKEN_MAX, false, &session->session) < 0 ||
	    get_flag(&all, T_BEGIN, &session->begin) < 0)
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
	put_flag(b, T_MALFORMED, verb->malformed);
	put_args(b, verb->args, verb->n);
	frame_end(b, start);
}

int
wire_get_verb(const struct frame *f, struct wire_verb *verb)
{
	struct fields all;

	if (f->type != WIRE_VERB || read_fields(f, &all) < 0 ||
	    get_text(&all, T_USER, WIRE_USER_MAX, true, &verb->user) < 0 ||
	    get_text(&all, T_SESSION, WIRE_TOKEN_MAX, false, &verb->session) < 0 ||
	    get_text(&all, T_NAME, 64, true, &verb->name) < 0 ||
	    get_flag(&all, T_MALFORMED, &verb->malformed) < 0)
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
	put_flag(b, T_KEEP, answer->keep);
	frame_end(b, start);
}

int
wire_get_answer(const struct frame *f, struct wire_answer *answer)
{
	struct fields all;

	if (f->type != WIRE_ANSWER || read_fields(f, &all) < 0 ||
	    get_octets(&all, T_UNTAGGED, FRAME_MAX, false, &answer->untagged) < 0 ||
	    get_text(&all, T_TAGGED, 1024, true, &answer->tagged) < 0 ||
	    get_flag(&all, T_KEEP, &answer->keep) < 0)
		return -1;
	return 0;
}

void
wire_put_release(struct buf *b)
{
	put_bare(b, WIRE_RELEASE);
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
	struct fields all;

	if (f->type != WIRE_REQUEST || read_fields(f, &all) < 0 ||
	    get_text(&all, T_NAME, 64, true, &request->verb) < 0)
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
	put_bare(b, WIRE_FINISH);
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
	struct fields all;

	if (f->type != WIRE_DONE || read_fields(f, &all) < 0 ||
	    get_number(&all, T_EXIT, 255, true, &done->exit_code) < 0)
		return -1;
	return get_text(&all, T_TEXT, FRAME_MAX, false, &done->text);
}
