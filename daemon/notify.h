/*
 * notify: from what the hooks and the modules say to records in the outbox: who rings, and with what.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

#include "daemon/daemon.h"
#include "daemon/store.h"
#include "lib/wire.h"

/* One message was saved: to the join, or, where it carries its own content, to the outbox. */
void	notify_saved(struct daemon *d, const struct wire_saved *saved);
/* 0, or -1: a bound is reached, the connection is to be ended and the hook sends it again. */
int	notify_arrival(struct daemon *d, uint64_t peer, const struct wire_arrival *arrival);

/* Decides what the join can decide now, and acknowledges. */
void	notify_run(struct daemon *d, int64_t now_ms);
int64_t	notify_next(const struct daemon *d);
/* SIGTERM: what waits for its other half becomes a SYNC in the outbox. */
void	notify_finish(struct daemon *d);

/* Appends a record of this type, due at once, to a subscription's outbox.  A group of its own. */
int	notify_put(struct daemon *d, const struct subscription *sub, enum outbox_type type,
	    enum urgency urgency, int64_t ttl_s, struct slice text, struct err *err);

#endif
