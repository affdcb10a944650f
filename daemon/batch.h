/*
 * batch: what of a subscription's outbox travels in the next push, and the push made of it.
 */
#ifndef DAEMON_BATCH_H
#define DAEMON_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store.h"
#include "lib/pushmsg.h"

#define BATCH_MAX	200	/* records looked at for one push */
#define BATCH_ID_MAX	40	/* of a queue id that is kept for the log */

/* One record, without its text. */
struct batch_record {
	uint64_t	sequence;
	enum outbox_type type;
	enum urgency	urgency;
	int64_t		expires, accepted_ms;
	uint32_t	tries;
	char		queue_id[BATCH_ID_MAX + 1];
};

struct batch {
	struct batch_record	records[BATCH_MAX];
	struct pushmsg_item	items[BATCH_MAX];	/* of the same index */
	size_t			n;
	size_t			total;		/* records of the subscription, due or not */
	int64_t			next_due;	/* of those that are not due yet; OUTBOX_NEVER: none */
	size_t			expired;	/* records that were deleted for their age */
	int64_t			oldest_ms;	/* when the first of all was accepted, 0: none */
	struct trace		*trace;		/* where expired records go; NULL: nowhere */
	char			memory[512 * 1024];	/* of the items' text */
	size_t			used;
};

/*
 * Inside a group: reads what is due at now_s and may travel together (a verification and a new VAPID
 * key travel alone), sorted as a push is; deletes what has expired or belongs to another generation
 * (generation 0: all of it).  0, or -1.
 */
int	batch_gather(struct store *s, uint64_t number, uint64_t generation, int64_t now_s,
	    struct batch *b, struct err *err);

struct batch_push {
	uint8_t		plain[PUSHMSG_MAX];
	size_t		len, bucket;
	size_t		covers;		/* the first records of the batch */
	bool		with_envelope;
	enum urgency	urgency;	/* the highest of the records covered */
	int64_t		expires;	/* the latest */
	enum sub_topic	topic;		/* where with_envelope is false */
};

/*
 * Makes the push: at most max octets; as_sync: SYNCs instead of ENVELOPEs.  token: of a verification;
 * key: the public key that a `* VAPID` names.
 */
void	batch_write(struct batch *b, size_t max, bool as_sync, struct slice token, struct slice key,
	    struct batch_push *out);

#endif
