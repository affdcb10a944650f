/*
 * ring: one piece of news to the devices of an account: records in the outbox, in one group of the
 * store (docs/protocol.md, "How many").
 */
#ifndef DAEMON_RING_H
#define DAEMON_RING_H

#include <stdint.h>

#include "daemon/daemon.h"
#include "lib/err.h"
#include "lib/slice.h"

#define RING_TTL_S	(7 * 86400)
#define RING_WAITING	100	/* messages of one subscription; then the SYNC of their mailboxes */
#define RING_OUTBOX	100000	/* records in all; then one SYNC for each subscription */

struct news {
	struct slice	mailbox;	/* nil: unknown */
	struct slice	envelope;	/* nil: a SYNC */
	struct slice	queue_id, message_id;
	uint32_t	uidvalidity, uid;
	unsigned	kind;		/* KIND_* */
	int64_t		accepted_ms, now_s;
};

/* All active devices of the account, all or none (up to a bound).  0, or -1: not now. */
int	ring_account(struct daemon *d, const char *account, const struct news *news, struct err *err);

#endif
