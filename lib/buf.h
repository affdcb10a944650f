/*
 * buf: the one growing buffer of mailbell.  It has a maximum from birth and a sticky failure flag:
 * write as much as you like, test `failed` once at the end.
 *
 * A heap buffer (buf_init) grows up to max and aborts the process when memory runs out.  A fixed
 * buffer (buf_fixed) lives in the caller's memory and never allocates: the Dovecot modules use
 * nothing else.
 */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/slice.h"

struct buf {
	uint8_t	*data;
	size_t	 len;		/* octets in use */
	size_t	 cap;		/* octets allocated */
	size_t	 max;		/* never more than this */
	bool	 fixed;		/* data is the caller's */
	bool	 failed;	/* something did not fit; what is in data is incomplete */
};

void	buf_init(struct buf *b, size_t max);
/* Frees what the buffer owns and leaves it empty and usable, with the same maximum. */
void	buf_clear(struct buf *b);
/* The same, with the content overwritten first: for keys and tokens. */
void	buf_wipe(struct buf *b);
/* Forgets the content and the failure, keeps the memory. */
void	buf_reset(struct buf *b);

/* In decimal. */
void	buf_u64(struct buf *b, uint64_t value);
void	buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes n octets off the front. */
void	buf_drop(struct buf *b, size_t n);
/* Cuts the content to len octets (len <= b->len). */
void	buf_cut(struct buf *b, size_t len);
/* buf_room where there is not room enough yet, or the buffer has failed. */
uint8_t	*buf_make_room(struct buf *b, size_t n);

static inline void
buf_fixed(struct buf *b, void *memory, size_t size)
{
	*b = (struct buf){ .data = memory, .cap = size, .max = size, .fixed = true };
}

/*
 * Room for at least n more octets, to be written by the caller, who then adds to b->len.
 * NULL where the maximum does not allow it (failed is set).
 */
static inline uint8_t *
buf_room(struct buf *b, size_t n)
{
	return b->failed || n == 0 || n > b->cap - b->len ? buf_make_room(b, n) : b->data + b->len;
}

static inline struct slice
buf_all(const struct buf *b)
{
	return (struct slice){ b->data == NULL ? "" : (const char *)b->data, b->len };
}

static inline void
buf_put(struct buf *b, const void *p, size_t len)
{
	uint8_t *room = buf_room(b, len);

	if (room == NULL || len == 0)
		return;
	memcpy(room, p, len);
	b->len += len;
}

static inline void
buf_octet(struct buf *b, uint8_t octet)
{
	buf_put(b, &octet, 1);
}

static inline void
buf_text(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text));
}

static inline void
buf_slice(struct buf *b, struct slice s)
{
	buf_put(b, s.p, s.len);
}

#endif
