/*
 * Growth doubles, so that a buffer written octet by octet costs linear time, and leaves nothing behind
 * where the content was, so that buf_wipe wipes all there is.  Once `failed` is set, writes are ignored:
 * half of a frame or of a line is never taken for a whole one.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void
buf_clear(struct buf *b)
{
	if (!b->fixed) {
		free(b->data);
		b->data = NULL;
		b->cap = 0;
	}
	buf_reset(b);
}

void
buf_wipe(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_clear(b);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

static void
buf_grow(struct buf *b, size_t need)
{
	size_t cap = b->cap < 64 ? 64 : b->cap;
	uint8_t *data;

	while (cap < need)
		cap *= 2;
	if (cap > b->max)
		cap = b->max;
	data = malloc(cap);
	if (data == NULL)
		abort();
	if (b->data != NULL) {
		memcpy(data, b->data, b->len);
		explicit_bzero(b->data, b->cap);
		free(b->data);
	}
	b->data = data;
	b->cap = cap;
}

uint8_t *
buf_make_room(struct buf *b, size_t n)
{
	if (b->failed || n > b->max - b->len) {
		b->failed = true;
		return NULL;
	}
	if (b->cap - b->len < n || b->data == NULL)
		buf_grow(b, b->len + n);
	return b->data + b->len;
}

void
buf_u64(struct buf *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	buf_put(b, digits + at, sizeof(digits) - at);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	char small[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(small)) {
		b->failed = true;
		return;
	}
	buf_put(b, small, (size_t)n);
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n < b->len)
		memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

void
buf_cut(struct buf *b, size_t len)
{
	b->len = len;
}
