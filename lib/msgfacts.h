/*
 * msgfacts: what a hook tells of a message besides its ENVELOPE, read from the same header block.
 */
#ifndef LIB_MSGFACTS_H
#define LIB_MSGFACTS_H

#include <stddef.h>

#include "lib/slice.h"

/* A set; it decides Urgency, and whether the message rings at all. */
#define KIND_BULK	1u	/* List-Id, Auto-Submitted not no, Precedence bulk, list or junk */
#define KIND_QUIET	2u	/* a quiet_header matched */

struct msgfacts {
	struct slice	queue_id;	/* the id of the topmost Received that counts; nil: none */
	struct slice	message_id;	/* the value of the last Message-ID, trimmed; nil: none */
	unsigned	kind;
};

/*
 * quiet is n rules "Name: value" (the value matches where the field's, unfolded and trimmed, begins
 * with it, without regard to case; "Name:" matches any value).
 * own_id: a Received field whose id is this one is Dovecot's own and does not count; nil: all
 * count.
 * An id that is not printable ASCII is none.
 * Linear in the block, no allocation; the slices point into the block.
 */
void	msgfacts_scan(struct slice block, const char *const *quiet, size_t n, struct slice own_id,
	    struct msgfacts *facts);

#endif
