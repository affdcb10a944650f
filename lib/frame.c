#include <string.h>

#include "lib/frame.h"

#define HEAD	6	/* length, version, type */

static void
put_u32(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static size_t
get_u32(const uint8_t *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

size_t
frame_begin(struct buf *b, uint8_t type)
{
	size_t start = b->len;
	uint8_t head[HEAD] = { 0, 0, 0, 0, FRAME_VERSION, type };

	buf_put(b, head, sizeof(head));
	return start;
}

void
frame_end(struct buf *b, size_t start)
{
	if (!b->failed)
		put_u32(b->data + start, b->len - start - 4);
}

void
frame_put_octets(struct buf *b, uint8_t tag, const void *p, size_t len)
{
	uint8_t head[5] = { tag };

	put_u32(head + 1, len);
	buf_put(b, head, sizeof(head));
	buf_put(b, p, len);
}

void
frame_put_u64(struct buf *b, uint8_t tag, uint64_t value)
{
	uint8_t octets[8];

	for (int i = 7; i >= 0; i--, value >>= 8)
		octets[i] = (uint8_t)value;
	frame_put_octets(b, tag, octets, sizeof(octets));
}

void
frame_put_slice(struct buf *b, uint8_t tag, struct slice s)
{
	if (s.p != NULL)
		frame_put_octets(b, tag, s.p, s.len);
}

void
frame_put_text(struct buf *b, uint8_t tag, const char *text)
{
	frame_put_slice(b, tag, slice_of(text));
}

int
frame_next(const uint8_t *p, size_t len, size_t max, struct frame *f, size_t *used)
{
	size_t n;

	if (len < 4)
		return 0;
	n = get_u32(p);
	if (n < HEAD - 4 || n > max)
		return -1;
	if (len >= 5 && p[4] != FRAME_VERSION)
		return -1;
	if (len - 4 < n)
		return 0;
	f->type = p[5];
	f->body = p + HEAD;
	f->len = n - (HEAD - 4);
	*used = 4 + n;
	return 1;
}

int
frame_field(const struct frame *f, size_t *pos, struct field *out)
{
	size_t left = f->len - *pos, n;
	const uint8_t *p = f->body + *pos;

	if (left == 0)
		return 0;
	if (left < 5)
		return -1;
	n = get_u32(p + 1);
	if (n > left - 5)
		return -1;
	out->tag = p[0];
	out->value = (struct slice){ (const char *)p + 5, n };
	*pos += 5 + n;
	return 1;
}

int
field_u64(const struct field *field, uint64_t *value)
{
	uint64_t v = 0;

	if (field->value.len != 8)
		return -1;
	for (size_t i = 0; i < 8; i++)
		v = v << 8 | (uint8_t)field->value.p[i];
	*value = v;
	return 0;
}

/* The octets of the sequence that starts with lead, and the bounds of its second octet; 0: none. */
static size_t
utf8_length(uint8_t lead, uint8_t *low, uint8_t *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (lead < 0x80)
		return lead != 0;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef) {
		if (lead == 0xe0)
			*low = 0xa0;
		if (lead == 0xed)
			*high = 0x9f;
		return 3;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		if (lead == 0xf0)
			*low = 0x90;
		if (lead == 0xf4)
			*high = 0x8f;
		return 4;
	}
	return 0;
}

/* How many octets at p, in eights, are ASCII without NUL. */
static size_t
plain_length(const uint8_t *p, const uint8_t *end)
{
	const uint64_t ones = UINT64_MAX / UINT8_MAX, highs = ones << 7;
	const uint8_t *start = p;
	uint64_t eight;

	for (; end - p >= 8; p += 8) {
		memcpy(&eight, p, sizeof(eight));
		if (((eight | (eight - ones)) & highs) != 0)
			break;
	}
	return (size_t)(p - start);
}

bool
utf8_valid(struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.p, *end = p + s.len;
	uint8_t low, high;
	size_t n;

	while ((p += plain_length(p, end)) < end) {
		n = utf8_length(*p, &low, &high);
		if (n == 0 || n > (size_t)(end - p))
			return false;
		if (n > 1 && (p[1] < low || p[1] > high))
			return false;
		for (size_t i = 2; i < n; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += n;
	}
	return true;
}

int
field_text(const struct field *field, struct slice *text)
{
	if (!utf8_valid(field->value))
		return -1;
	*text = field->value;
	return 0;
}
