/*
 * wire_fields: what the frames of wire.h are made of; for wire*.c alone.
 *
 * Tags are shared by all frames, so that one name means one thing everywhere.  A reader first takes
 * every field into one flat struct of slices and numbers, checked for form, and each wire_get_x then
 * picks what its frame must have.
 */
#ifndef LIB_WIRE_FIELDS_H
#define LIB_WIRE_FIELDS_H

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
struct wire_fields {
	bool		there[TAGS];
	struct slice	value[TAGS];
	size_t		n_args;
	struct slice	args[WIRE_ARGS_MAX];
};

/* 0, or -1 where the frame's fields are malformed. */
int	wire_fields_read(const struct frame *f, struct wire_fields *all);

/* Each: 0, or -1 where the field is of another form, beyond max, or needed and not there. */
int	wire_fields_text(const struct wire_fields *all, enum tag tag, size_t max, bool needed,
	    struct slice *out);
int	wire_fields_octets(const struct wire_fields *all, enum tag tag, size_t max, bool needed,
	    struct slice *out);
int	wire_fields_number(const struct wire_fields *all, enum tag tag, uint64_t max, bool needed,
	    uint64_t *out);
int	wire_fields_u32(const struct wire_fields *all, enum tag tag, uint32_t *out);
int	wire_fields_flag(const struct wire_fields *all, enum tag tag, bool *out);

void	wire_put_flag(struct buf *b, enum tag tag, bool flag);
/* A frame without fields. */
void	wire_put_bare(struct buf *b, enum wire_type type);

#endif
