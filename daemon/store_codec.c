/*
 * Each record is a table of members: tag, kind, place in the struct.  One writer and one reader walk
 * the tables; what no table can say (a key's parts, the list of tokens) stands in the functions of
 * its record.  A tag, once given, keeps its meaning for ever.
 */
#include <stddef.h>
#include <string.h>

#include "daemon/store_codec.h"
#include "lib/frame.h"

enum member_kind { TEXT, OCTETS, U64, U32, FLAG, ENUM, CHOICE, SLICE };

struct member {
	uint8_t		tag;
	enum member_kind kind;
	bool		required;	/* there, and neither empty nor zero */
	size_t		offset;
	size_t		size;	/* TEXT: with its NUL; OCTETS; SLICE: at most;
				 * ENUM, CHOICE (which may be -1): the greatest value */
};

#define SUB(m)		offsetof(struct subscription, m)
#define SUB_TEXT(m)	SUB(m), sizeof(((struct subscription *)0)->m)
#define TAG_TOKEN	20	/* hash, then when it expires (8 octets); repeated */

static const struct member sub_members[] = {
	{ 1, U64, true, SUB(number), 0 },
	{ 2, U64, false, SUB(generation), 0 },
	{ 3, ENUM, false, SUB(state), SUB_ACTIVE },
	{ 4, TEXT, true, SUB_TEXT(endpoint) },
	{ 5, TEXT, true, SUB_TEXT(normal) },
	{ 6, OCTETS, true, SUB_TEXT(point) },
	{ 7, OCTETS, true, SUB_TEXT(auth) },
	{ 8, TEXT, false, SUB_TEXT(key) },
	{ 9, TEXT, false, SUB_TEXT(topic[TOPIC_SYNC]) },
	{ 10, TEXT, false, SUB_TEXT(topic[TOPIC_VERIFY]) },
	{ 11, TEXT, false, SUB_TEXT(topic[TOPIC_VAPID]) },
	{ 12, U64, false, SUB(created), 0 },
	{ 13, U64, false, SUB(refreshed), 0 },
	{ 14, U64, false, SUB(acknowledged), 0 },
	{ 15, U64, false, SUB(inactive_since), 0 },
};

#define DEL(m)		offsetof(struct delivery, m)
#define DEL_TEXT(m)	DEL(m), sizeof(((struct delivery *)0)->m)

static const struct member delivery_members[] = {
	{ 1, TEXT, true, DEL_TEXT(account) },
	{ 2, TEXT, true, DEL_TEXT(id) },
	{ 3, U64, false, DEL(last_success), 0 },
	{ 4, U64, false, DEL(last_try), 0 },
	{ 5, U32, false, DEL(last_result), 0 },
	{ 6, U32, false, DEL(last_status), 0 },
	{ 7, U32, false, DEL(failures), 0 },
	{ 8, U64, false, DEL(failing_since), 0 },
	{ 9, U64, false, DEL(wait_until), 0 },
	{ 10, U64, false, DEL(first_404), 0 },
	{ 11, U32, false, DEL(fail_429), 0 },
	{ 12, U32, false, DEL(tries), 0 },
	{ 13, U32, false, DEL(size_limit), 0 },
	{ 14, FLAG, false, DEL(as_sync), 0 },
	{ 15, FLAG, false, DEL(key_refused), 0 },
	{ 16, FLAG, false, DEL(quieted), 0 },
	{ 17, U64, false, DEL(verify_sent), 0 },
	{ 18, U64, false, DEL(burst_ms), 0 },
	{ 19, U64, false, DEL(high_since), 0 },
	{ 20, U32, false, DEL(high_count), 0 },
	{ 21, U32, false, DEL(unseen), 0 },
	{ 22, U64, false, DEL(unseen_sync), 0 },
	{ 23, U64, false, DEL(silent_until), 0 },
	/* 24 was a flag, and is not to be given again */
	{ 25, U64, false, DEL(told_key), 0 },
	{ 26, U64, false, DEL(told_time), 0 },
	{ 27, U32, false, DEL(told_count), 0 },
};

#define OUT(m)		offsetof(struct outbox_record, m)

static const struct member outbox_members[] = {
	{ 1, U64, false, OUT(generation), 0 },
	{ 2, ENUM, false, OUT(type), OUTBOX_DIGEST },
	{ 3, ENUM, false, OUT(urgency), URGENCY_HIGH },
	{ 4, U64, false, OUT(due), 0 },
	{ 5, U64, false, OUT(expires), 0 },
	{ 6, U64, false, OUT(accepted_ms), 0 },
	{ 7, SLICE, false, OUT(mailbox), STORE_ENVELOPE_MAX },
	{ 8, U32, false, OUT(uidvalidity), 0 },
	{ 9, U32, false, OUT(uid), 0 },
	{ 10, SLICE, false, OUT(envelope), STORE_ENVELOPE_MAX },
	{ 11, SLICE, false, OUT(queue_id), STORE_ENVELOPE_MAX },
	{ 12, SLICE, false, OUT(text), STORE_ENVELOPE_MAX },
	{ 13, U32, false, OUT(tries), 0 },
};

#define ACC(m)		offsetof(struct account, m)

static const struct member account_members[] = {
	{ 1, CHOICE, false, ACC(content), CONTENT_SYNC },
	{ 2, U64, false, ACC(hour_start), 0 },
	{ 3, U64, false, ACC(day_start), 0 },
	{ 4, U32, false, ACC(hour_count), 0 },
	{ 5, U32, false, ACC(day_count), 0 },
	{ 6, U64, false, ACC(wrong_start), 0 },
	{ 7, U32, false, ACC(wrong_count), 0 },
};

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))

static uint64_t
member_integer(const struct member *m, const void *record)
{
	const char *p = (const char *)record + m->offset;
	uint64_t wide;
	uint32_t narrow;
	int small;

	switch (m->kind) {
	case U64:
		memcpy(&wide, p, sizeof(wide));
		return wide;
	case U32:
		memcpy(&narrow, p, sizeof(narrow));
		return narrow;
	case FLAG:
		return *(const bool *)p;
	default:
		memcpy(&small, p, sizeof(small));
		return (uint64_t)(int64_t)small;
	}
}

static void
member_write(struct buf *b, const struct member *m, const void *record)
{
	const char *p = (const char *)record + m->offset;
	uint64_t integer;

	switch (m->kind) {
	case TEXT:
		if (*p != '\0')
			frame_put_text(b, m->tag, p);
		break;
	case OCTETS:
		frame_put_octets(b, m->tag, p, m->size);
		break;
	case SLICE:
		frame_put_slice(b, m->tag, *(const struct slice *)p);
		break;
	default:
		integer = member_integer(m, record);
		if (integer != 0)
			frame_put_u64(b, m->tag, integer);
	}
}

static int
member_read_integer(const struct member *m, uint64_t value, char *p)
{
	uint32_t narrow = (uint32_t)value;
	int small = (int)value;

	switch (m->kind) {
	case U64:
		memcpy(p, &value, sizeof(value));
		return 0;
	case U32:
		memcpy(p, &narrow, sizeof(narrow));
		return value <= UINT32_MAX ? 0 : -1;
	case FLAG:
		*(bool *)p = value == 1;
		return value <= 1 ? 0 : -1;
	case CHOICE:
		memcpy(p, &small, sizeof(small));
		return value <= m->size || value == UINT64_MAX ? 0 : -1;
	default:
		memcpy(p, &small, sizeof(small));
		return value <= m->size ? 0 : -1;
	}
}

static int
member_read(const struct member *m, const struct field *field, void *record)
{
	char *p = (char *)record + m->offset;
	struct slice text;
	uint64_t value;

	switch (m->kind) {
	case TEXT:
		if (field_text(field, &text) < 0 || text.len >= m->size ||
		    (m->required && text.len == 0))
			return -1;
		memcpy(p, text.p, text.len);
		p[text.len] = '\0';
		return 0;
	case OCTETS:
		if (field->value.len != m->size)
			return -1;
		memcpy(p, field->value.p, m->size);
		return 0;
	case SLICE:
		if (field->value.len > m->size)
			return -1;
		*(struct slice *)p = field->value;
		return 0;
	default:
		if (field_u64(field, &value) < 0 || (m->required && value == 0))
			return -1;
		return member_read_integer(m, value, p);
	}
}

static void
members_write(struct buf *b, const struct member *table, size_t n, const void *record)
{
	for (size_t i = 0; i < n; i++)
		member_write(b, &table[i], record);
}

/* The member of a tag: they were written in the order of the table, so it is the one at *next, mostly. */
static size_t
member_of(const struct member *table, size_t n, uint8_t tag, size_t *next)
{
	size_t i;

	for (size_t k = 0; k < n; k++) {
		i = *next + k < n ? *next + k : *next + k - n;
		if (table[i].tag == tag) {
			*next = i + 1 < n ? i + 1 : 0;
			return i;
		}
	}
	return n;
}

/* Tags beyond the table are left to the caller, or to a later version. */
static int
members_read(const struct frame *f, const struct member *table, size_t n, void *record)
{
	struct field field;
	size_t pos = 0, next = 0, i;
	uint32_t seen = 0;
	int more;

	while ((more = frame_field(f, &pos, &field)) > 0) {
		i = member_of(table, n, field.tag, &next);
		if (i == n)
			continue;
		if (member_read(&table[i], &field, record) < 0)
			return -1;
		seen |= UINT32_C(1) << i;
	}
	for (i = 0; i < n; i++)
		if (table[i].required && (seen & UINT32_C(1) << i) == 0)
			return -1;
	return more;
}

/* The one frame that a value is. */
static int
value_frame(struct slice value, enum store_type type, struct frame *f)
{
	size_t used;

	if (frame_next((const uint8_t *)value.p, value.len, FRAME_MAX, f, &used) != 1)
		return -1;
	return used == value.len && f->type == type ? 0 : -1;
}

bool
store_value_newer(struct slice value)
{
	return value.len > 4 && (uint8_t)value.p[4] > FRAME_VERSION;
}

static void
encode(struct buf *b, enum store_type type, const struct member *table, size_t n, const void *record)
{
	size_t start = frame_begin(b, type);

	members_write(b, table, n, record);
	frame_end(b, start);
}

void
store_encode_sub(struct buf *b, const struct subscription *sub)
{
	size_t start = frame_begin(b, STORE_SUB);
	char octets[TOKEN_HASH + 8];

	members_write(b, sub_members, COUNT(sub_members), sub);
	for (size_t i = 0; i < sub->n_tokens && i < SUB_TOKENS; i++) {
		memcpy(octets, sub->tokens[i].hash, TOKEN_HASH);
		store_u64(octets + TOKEN_HASH, (uint64_t)sub->tokens[i].expires);
		frame_put_octets(b, TAG_TOKEN, octets, sizeof(octets));
	}
	frame_end(b, start);
}

static int
read_tokens(const struct frame *f, struct subscription *out)
{
	struct field field;
	struct sub_token *token;
	size_t pos = 0;

	while (frame_field(f, &pos, &field) > 0) {
		if (field.tag != TAG_TOKEN)
			continue;
		if (out->n_tokens == SUB_TOKENS || field.value.len != TOKEN_HASH + 8)
			return -1;
		token = &out->tokens[out->n_tokens++];
		memcpy(token->hash, field.value.p, TOKEN_HASH);
		token->expires = (int64_t)store_u64_of(field.value.p + TOKEN_HASH);
	}
	return 0;
}

int
store_decode_sub(struct slice key, struct slice value, struct subscription *out)
{
	struct frame f;

	memset(out, 0, sizeof(*out));
	if (store_unkey_sub(key, out->account, out->id) < 0 ||
	    value_frame(value, STORE_SUB, &f) < 0 ||
	    members_read(&f, sub_members, COUNT(sub_members), out) < 0)
		return -1;
	return read_tokens(&f, out);
}

void
store_encode_delivery(struct buf *b, const struct delivery *d)
{
	encode(b, STORE_DELIVERY, delivery_members, COUNT(delivery_members), d);
}

int
store_decode_delivery(struct slice key, struct slice value, struct delivery *out)
{
	struct frame f;

	memset(out, 0, sizeof(*out));
	if (store_unkey_delivery(key, &out->number) < 0 || value_frame(value, STORE_DELIVERY, &f) < 0)
		return -1;
	return members_read(&f, delivery_members, COUNT(delivery_members), out);
}

void
store_encode_outbox(struct buf *b, const struct outbox_record *r)
{
	encode(b, STORE_OUTBOX, outbox_members, COUNT(outbox_members), r);
}

int
store_decode_outbox(struct slice key, struct slice value, struct outbox_record *out)
{
	struct frame f;

	memset(out, 0, sizeof(*out));
	if (store_unkey_outbox(key, &out->number, &out->sequence) < 0 ||
	    value_frame(value, STORE_OUTBOX, &f) < 0)
		return -1;
	return members_read(&f, outbox_members, COUNT(outbox_members), out);
}

void
store_encode_account(struct buf *b, const struct account *a)
{
	encode(b, STORE_ACCOUNT, account_members, COUNT(account_members), a);
}

int
store_decode_account(struct slice key, struct slice value, struct account *out)
{
	struct frame f;

	memset(out, 0, sizeof(*out));
	if (key.len < 2 || key.len > sizeof(out->name) || key.p[0] != STORE_META_ACCOUNT)
		return -1;
	memcpy(out->name, key.p + 1, key.len - 1);
	if (value_frame(value, STORE_ACCOUNT, &f) < 0)
		return -1;
	return members_read(&f, account_members, COUNT(account_members), out);
}

void
store_encode_number(struct buf *b, int64_t value)
{
	size_t start = frame_begin(b, STORE_NUMBER);

	frame_put_u64(b, 1, (uint64_t)value);
	frame_end(b, start);
}

int
store_decode_number(struct slice value, int64_t *out)
{
	struct frame f;
	struct field field;
	size_t pos = 0;
	uint64_t number;

	if (value_frame(value, STORE_NUMBER, &f) < 0 || frame_field(&f, &pos, &field) != 1 ||
	    field.tag != 1 || field_u64(&field, &number) < 0)
		return -1;
	*out = (int64_t)number;
	return 0;
}
