/*
 * header: the fields of a header block (RFC 5322 section 2.2), found where Dovecot's parser finds
 * them, and their values, read as that parser hands them on.
 */
#ifndef LIB_HEADER_H
#define LIB_HEADER_H

#include <stdbool.h>

#include "lib/slice.h"

struct header {
	const char	*p, *end;
};

/* The lines of a field, not looked into. */
struct header_lines {
	const char	*start;
	const char	*first_end, *end;	/* of the first line and the last, behind the LF */
};

struct header_field {
	const char	*start;		/* where the field begins in the block */
	struct slice	 name;		/* without the blanks before the colon; no colon: empty */
	struct slice	 value;		/* raw: with the line ends and blanks of its folding */
};

void	header_init(struct header *h, struct slice block);
/* The next field.  false: the empty line, or the end of the block. */
bool	header_next(struct header *h, struct header_field *f);
/* Whether the field has this name; upper and lower case are equal, a NUL in the field's ends it. */
bool	header_is(const struct header_field *f, struct slice name);

/* The same in two steps, for who needs few of the fields.  value is set where the name is this one. */
bool	header_skip(struct header *h, struct header_lines *l);
bool	header_value(const struct header_lines *l, struct slice name, struct slice *value);

/* Without blanks, tabs and line ends at either end. */
struct slice	header_trim(struct slice s);
/* Upper and lower case ASCII letters are equal; no locale. */
bool	header_equal_fold(struct slice a, struct slice b);

/*
 * A cursor over a value.  *p is the octet it stands on, while p < end; octets that Dovecot drops as
 * it puts the lines of a field together are never stood on.
 */
struct header_cursor {
	const char	*p, *end;
};

/* Moves past what is dropped, where the cursor stands on a CR or LF. */
void	header_cursor_settle_fold(struct header_cursor *c);

/* The same, wherever it stands; for who moved p by hand. */
static inline void
header_cursor_settle(struct header_cursor *c)
{
	if (c->p < c->end && (*c->p == '\r' || *c->p == '\n'))
		header_cursor_settle_fold(c);
}

static inline void
header_cursor_init(struct header_cursor *c, struct slice value)
{
	c->p = value.p;
	c->end = value.p + value.len;
	header_cursor_settle(c);
}

static inline void
header_cursor_step(struct header_cursor *c)
{
	c->p++;
	header_cursor_settle(c);
}

#endif
