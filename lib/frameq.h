/*
 * frameq: finished frames that their receiver has not acknowledged, oldest first.  Pure.
 *
 * What is sent is not gone: a frame leaves the queue by its acknowledgement, or when its owner drops
 * it for a bound that he keeps; after a new connection all of it is sent again.
 */
#ifndef LIB_FRAMEQ_H
#define LIB_FRAMEQ_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/slice.h"

struct frameq_item {
	TAILQ_ENTRY(frameq_item) entry;
	uint64_t	seq;
	size_t		weight;		/* what it counts for: recipients, messages */
	size_t		len;
	uint8_t		frame[];
};

TAILQ_HEAD(frameq_list, frameq_item);

/* Owners may walk the list and read the sums; but for `mark`, only the functions change them. */
struct frameq {
	struct frameq_list list;
	struct frameq_item *unsent;	/* the oldest that was not sent on this connection; NULL: none */
	struct frameq_item *mark;	/* the owner's own cursor; it moves on when its item goes */
	size_t		 weight, octets;	/* of all items, the items' own memory included */
};

void	frameq_init(struct frameq *q);
void	frameq_clear(struct frameq *q);
/* Appends a copy of the frame.  The item, or NULL where there is no memory for it. */
struct frameq_item *frameq_put(struct frameq *q, uint64_t seq, size_t weight, struct slice frame);
/* The same in the place of an item that is freed; NULL: there is no memory, old stays. */
struct frameq_item *frameq_replace(struct frameq *q, struct frameq_item *old, struct slice frame);
void	frameq_drop(struct frameq *q, struct frameq_item *item);
/* The item with this seq, or NULL. */
struct frameq_item *frameq_find(const struct frameq *q, uint64_t seq);

/* The frame that is to be sent next, as long as q is not changed; nil: none. */
struct slice frameq_unsent(const struct frameq *q);
void	frameq_sent(struct frameq *q);		/* that frame was */
void	frameq_rewind(struct frameq *q);	/* a new connection: nothing was sent on it */

#endif
