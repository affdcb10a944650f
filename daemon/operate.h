/*
 * operate: the admin verbs (mailbell(8)), as rows and an exit code.
 */
#ifndef DAEMON_OPERATE_H
#define DAEMON_OPERATE_H

#include "daemon/daemon.h"
#include "daemon/peers.h"

/* One frame of the admin socket: 0, or -1 where it is bad. */
int	operate_frame(struct daemon *d, struct peer *p, const struct frame *f);
/* The peer has room: its job goes on. */
void	operate_more(struct peer *p);
/* Whether its job has more to say now. */
bool	operate_wants(const struct peer *p);
/* The peer is about to be freed. */
void	operate_end(struct peer *p);
/* A push of `mailbell test` is over. */
void	operate_tested(struct daemon *d, uint64_t peer, const char *id, const char *host,
	    const char *outcome);

#endif
