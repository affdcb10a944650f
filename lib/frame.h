/*
 * frame: the one codec for what crosses a border: frames on the sockets and values in the database.
 *
 *	frame	u32 length of what follows, u8 version (1), u8 type, fields
 *	field	u8 tag, u32 length, octets
 *
 * All integers are big-endian; an integer field has 8 octets; text is UTF-8 without NUL.  A field
 * may be repeated.  Readers skip tags that they do not know.  Reading needs no allocation: what
 * comes out points into what went in.
 */
#ifndef LIB_FRAME_H
#define LIB_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/slice.h"

#define FRAME_VERSION	1
#define FRAME_MAX	(128 * 1024)	/* of what follows the length, on every socket */
#define FRAME_MAX_ROW	(1024 * 1024)	/* the same, for rows on the admin socket */

/* Starts a frame at the end of b and returns the offset that frame_end needs. */
size_t	frame_begin(struct buf *b, uint8_t type);
void	frame_end(struct buf *b, size_t start);

void	frame_put_u64(struct buf *b, uint8_t tag, uint64_t value);
void	frame_put_text(struct buf *b, uint8_t tag, const char *text);
/* Writes nothing where s is nil: a field that is not there is how nil travels. */
void	frame_put_slice(struct buf *b, uint8_t tag, struct slice s);
void	frame_put_octets(struct buf *b, uint8_t tag, const void *p, size_t len);

struct frame {
	uint8_t		 type;
	const uint8_t	*body;		/* the fields */
	size_t		 len;
};

/*
 * The first frame of what was read so far.  1: there is one, *used octets long; 0: not whole yet;
 * -1: not a frame (longer than max, too short, another version): the connection is to be closed.
 */
int	frame_next(const uint8_t *p, size_t len, size_t max, struct frame *f, size_t *used);

struct field {
	uint8_t		 tag;
	struct slice	 value;
};

/* The field at *pos, which moves on.  1: there is one; 0: the end; -1: the fields are malformed. */
int	frame_field(const struct frame *f, size_t *pos, struct field *out);
/* 0, or -1 where the field is not an integer of 8 octets. */
int	field_u64(const struct field *field, uint64_t *value);
/* 0, or -1 where the field holds a NUL or is not UTF-8. */
int	field_text(const struct field *field, struct slice *text);

/* Whether s is well-formed UTF-8 (no overlong forms, no surrogates) without NUL. */
bool	utf8_valid(struct slice s);

#endif
