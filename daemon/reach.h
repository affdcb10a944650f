/*
 * reach: `mailbell reach`: whether the push services in use can be reached from here: DNS, connection,
 * TLS and an answer, over connections of its own and through the guard, without a push.
 */
#ifndef DAEMON_REACH_H
#define DAEMON_REACH_H

#include "daemon/daemon.h"

void	reach_run(struct daemon *d, int64_t now_ms);
int64_t	reach_next(const struct daemon *d);
/* The guard was replaced. */
void	reach_reload(struct daemon *d);

#endif
