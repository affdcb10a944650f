/*
 * acknowledge: the token of a verification push comes back (docs/protocol.md, ACKWEBPUSH).
 */
#ifndef DAEMON_ACKNOWLEDGE_H
#define DAEMON_ACKNOWLEDGE_H

#include "daemon/daemon.h"
#include "daemon/store.h"

enum acknowledge_result { ACKNOWLEDGE_WRONG, ACKNOWLEDGE_TOO_MANY, ACKNOWLEDGE_RIGHT };

/*
 * One of enum acknowledge_result, or -1: the store failed.  Where it was right, the subscription is
 * active and in *sub, and others of the account with the same endpoint are gone: a reinstalled client.
 */
int	acknowledge(struct daemon *d, const char *name, struct slice token, int64_t now_s,
	    struct subscription *sub, struct err *err);

#endif
