/*
 * collapse: what is too much for one device becomes the SYNC of its mailboxes, which takes up later
 * mail until it is sent.  All of this is inside a group of the store; records that a push under way
 * stands for are left alone.
 */
#ifndef DAEMON_COLLAPSE_H
#define DAEMON_COLLAPSE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/daemon.h"
#include "daemon/store.h"

#define COLLAPSED	"collapsed"	/* text of such a SYNC in the outbox */

/*
 * Whether a SYNC that waits says what r would: one that mail was collapsed into, or, where r itself is
 * to be a SYNC, any, of the same mailbox or of the account.  1 and its sequence in r, 0, -1.
 */
int	collapse_takes(struct daemon *d, struct outbox_record *r, bool sync, struct err *err);
/* All mail that waits becomes the SYNC of its mailboxes, or, whole, of the account.  0, or -1. */
int	collapse_all(struct daemon *d, const struct subscription *sub, int64_t expires, bool whole,
	    struct err *err);

#endif
