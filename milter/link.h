/*
 * link: the connection to the daemon's `arrival` socket, and what waits for it.
 *
 * It has no loop and no thread of its own: whoever ends a message calls link_put, which sends what
 * it can, reads what was acknowledged, and comes back at once, whatever the daemon does.  May be
 * called by any thread.
 */
#ifndef MILTER_LINK_H
#define MILTER_LINK_H

#include "lib/err.h"
#include "lib/sock.h"
#include "lib/wire.h"

#define LINK_ARRIVALS_MAX	10000
#define LINK_OCTETS_MAX		(32u * 1024 * 1024)

struct link;

/* All memory but that of the held arrivals is taken here.  NULL: there is none. */
struct link	*link_new(const struct sock_addr *arrival_socket, struct err *err);
/*
 * Takes the arrival of a finished message; arrival->seq is set here.  What the daemon cannot take is
 * held; beyond the bound, or without memory, the oldest goes, is counted, and told with the next hello.
 */
void		 link_put(struct link *l, struct wire_arrival *arrival);
/* Somebody could not even keep a message: counts one arrival as lost. */
void		 link_lost(struct link *l);
/* Once more what link_put does for arrivals that are held: before the end. */
void		 link_flush(struct link *l);

#endif
