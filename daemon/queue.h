/*
 * queue: which subscriptions have something in the outbox, and when each is next to be looked at.
 * In memory, made from the outbox at start; the outbox stays the truth.
 */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/crowd.h"
#include "daemon/origin.h"

#define QUEUE_NEVER	INT64_MAX

struct queue;

/* One subscription with records in the outbox. */
struct pending {
	uint64_t	number;
	size_t		count;		/* records in the outbox */
	int64_t		due_ms;		/* monotonic; QUEUE_NEVER: not before something happens */
	int64_t		held_ms;	/* what comes meanwhile changes nothing: it is to wait until then */
	int64_t		oldest_ms;	/* wall clock: when the first of its records was accepted */
	bool		behind;		/* only a verification waits: everybody else comes first */
	bool		flying;		/* a push is under way: nothing else is started */
	bool		changed;	/* its outbox, or itself, since it was last looked at */
	bool		recount;	/* not only by what sender_added was told */
	struct crowd_waiter turn;	/* due, but its account has no slot */
	struct origin_waiter waiter;	/* due, but its origin has no slot */
	size_t		place;		/* the heap's */
	struct pending	*next;		/* the table's */
};

struct queue	*queue_new(void);
void		 queue_free(struct queue *q);

struct pending	*queue_get(const struct queue *q, uint64_t number);	/* or NULL */
/* The one that is there, or a new one with count 0 that is never due. */
struct pending	*queue_add(struct queue *q, uint64_t number);
void		 queue_remove(struct queue *q, struct pending *p);
void		 queue_set_due(struct queue *q, struct pending *p, int64_t due_ms);
/* Into the other half of the queue. */
void		 queue_set_behind(struct queue *q, struct pending *p, bool behind);
/* The one of those that are behind, or not, that is due first; NULL: there is none. */
struct pending	*queue_first(const struct queue *q, bool behind);

size_t		 queue_length(const struct queue *q);
/* All of them, in no order: i < queue_length. */
const struct pending	*queue_at(const struct queue *q, size_t i);

#endif
