/*
 * What every connection begins with, and what the hooks and the storage module say.
 */
#include <string.h>

#include "lib/wire_fields.h"

/* Ids longer than their bound are as good as none. */
static void
put_id(struct buf *b, enum tag tag, struct slice id)
{
	if (id.len <= WIRE_ID_MAX)
		frame_put_slice(b, tag, id);
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
	struct wire_fields all;

	if (f->type != WIRE_HELLO || wire_fields_read(f, &all) < 0 ||
	    wire_fields_text(&all, T_PROGRAM, 64, true, &hello->program) < 0 ||
	    wire_fields_text(&all, T_VERSION, 64, true, &hello->version) < 0 ||
	    wire_fields_text(&all, T_ABI, 64, false, &hello->module_abi) < 0 ||
	    wire_fields_text(&all, T_HOOK, 64, false, &hello->hook) < 0 ||
	    wire_fields_number(&all, T_LOST, UINT64_MAX, false, &hello->lost) < 0)
		return -1;
	return 0;
}

void
wire_put_ok(struct buf *b)
{
	wire_put_bare(b, WIRE_OK);
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
	struct wire_fields all;

	if (f->type != WIRE_REFUSED || wire_fields_read(f, &all) < 0)
		return -1;
	return wire_fields_text(&all, T_TEXT, 1024, true, text);
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
get_content(const struct wire_fields *all, struct slice *envelope, enum envelope_reason *reason,
    unsigned *kind)
{
	uint64_t r, k;

	if (wire_fields_octets(all, T_ENVELOPE, FRAME_MAX, false, envelope) < 0 ||
	    wire_fields_number(all, T_REASON, ENVELOPE_NONE, true, &r) < 0 ||
	    wire_fields_number(all, T_KIND, UINT32_MAX, true, &k) < 0)
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
	wire_put_flag(b, T_SEEN, saved->seen);
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
	struct wire_fields all;

	memset(saved, 0, sizeof(*saved));
	if (f->type != WIRE_SAVED || wire_fields_read(f, &all) < 0 ||
	    wire_fields_number(&all, T_TIME, INT64_MAX, true, &saved->time_ms) < 0 ||
	    wire_fields_text(&all, T_TOKEN, WIRE_TOKEN_MAX, true, &saved->token) < 0 ||
	    wire_fields_text(&all, T_SERVICE, 32, true, &saved->service) < 0 ||
	    wire_fields_text(&all, T_USER, WIRE_USER_MAX, true, &saved->user) < 0 ||
	    wire_fields_text(&all, T_MAILBOX, WIRE_MAILBOX_MAX, true, &saved->mailbox) < 0 ||
	    wire_fields_text(&all, T_SPECIAL_USE, 256, false, &saved->special_use) < 0 ||
	    wire_fields_flag(&all, T_SEEN, &saved->seen) < 0 ||
	    wire_fields_u32(&all, T_UIDVALIDITY, &saved->uidvalidity) < 0 ||
	    wire_fields_u32(&all, T_UID, &saved->uid) < 0 ||
	    wire_fields_octets(&all, T_QUEUE_ID, WIRE_ID_MAX, false, &saved->queue_id) < 0 ||
	    wire_fields_octets(&all, T_MESSAGE_ID, WIRE_ID_MAX, false, &saved->message_id) < 0)
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
	struct wire_fields all;

	if (f->type != WIRE_END || wire_fields_read(f, &all) < 0 ||
	    wire_fields_text(&all, T_TOKEN, WIRE_TOKEN_MAX, true, &end->token) < 0 ||
	    wire_fields_text(&all, T_USER, WIRE_USER_MAX, true, &end->user) < 0 ||
	    wire_fields_number(&all, T_N, UINT32_MAX, true, &end->n) < 0)
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
	struct wire_fields all;
	size_t pos = 0;

	arrival->frame = *f;
	if (f->type != WIRE_ARRIVAL || wire_fields_read(f, &all) < 0 ||
	    wire_fields_number(&all, T_SEQ, UINT64_MAX, true, &arrival->seq) < 0 ||
	    wire_fields_number(&all, T_TIME, INT64_MAX, true, &arrival->time_ms) < 0 ||
	    wire_fields_octets(&all, T_QUEUE_ID, WIRE_ID_MAX, false, &arrival->queue_id) < 0 ||
	    wire_fields_octets(&all, T_MESSAGE_ID, WIRE_ID_MAX, false, &arrival->message_id) < 0 ||
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
	struct wire_fields all;

	if (f->type != WIRE_ACK || wire_fields_read(f, &all) < 0)
		return -1;
	return wire_fields_number(&all, T_SEQ, UINT64_MAX, true, seq);
}
