/*
 * peers: the daemon's four UNIX sockets and who is connected to them (docs/design.md, "The sockets").
 *
 * A frame is acted on as soon as it is whole; what is to be answered waits in the peer's buffer until
 * the turn of the loop is over and the store is flushed.  A bad frame ends that connection and nothing
 * else.
 */
#ifndef DAEMON_PEERS_H
#define DAEMON_PEERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/daemon.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/wire.h"

enum peer_socket { PEER_ARRIVAL, PEER_SAVED, PEER_COMMAND, PEER_ADMIN, PEER_SOCKETS };

struct job;	/* an admin verb whose answer comes in slices (daemon/operate.h) */

struct peer {
	uint64_t	 id;		/* never used again */
	enum peer_socket socket;
	uid_t		 uid;
	char		 only_user[WIRE_USER_MAX + 1];	/* "": may speak for any account */
	struct daemon	*daemon;
	struct loop_watch watch;
	struct buf	 in, out;
	size_t		 held_from;	/* out is not sent from here on before the flush */
	size_t		 held;		/* answers behind it */
	bool		 greeted;	/* its hello was read */
	bool		 refused;	/* closes when out is sent */
	bool		 gone;		/* the other side has closed, or is to be closed */
	int		 hook;		/* arrival: the enum config_hook of its hello; -1: none */
	bool		 holds_silence;
	struct job	*job;
	struct peer	*next, *prev;	/* those of the same socket */
	struct peer	*next_touched;
	bool		 touched;	/* is looked at by the next peers_turn */
};

struct peers	*peers_open(struct daemon *d, struct err *err);
/* Closes all connections and the sockets, and removes their files. */
void		 peers_close(struct peers *all);
/*
 * The end of a turn: answers go out.  written is false where the store could not be written: what waits
 * for it is answered with NO [UNAVAILABLE] instead, and hooks that would be acknowledged are left, to
 * come again.  Connections that have ended are freed.
 */
void		 peers_turn(struct peers *all, bool written);

/*
 * Tells all peers of one socket that this connection is over: the modules read their settings when
 * they connect anew.  What they have said is still read to the end.
 */
void		 peers_drop(struct peers *all, enum peer_socket socket);

/* When accepting is to be tried again (clock_mono_ms); INT64_MAX: it need not be. */
int64_t		 peers_next(const struct peers *all);
/* Whether somebody has something to do in the next turn already: the loop must not sleep. */
bool		 peers_busy(const struct peers *all);

/* The peer of that socket with this id, or NULL where it has gone. */
struct peer	*peers_find(struct peers *all, enum peer_socket socket, uint64_t id);
/* To be called when something was put into out from outside of the peer's own frames. */
void		 peer_touch(struct peer *p);
/* Root, or whoever started a daemon that has no root's rights. */
bool		 peer_is_root(const struct peer *p);
/* Room for more output: jobs go on while this is true. */
bool		 peer_has_room(const struct peer *p);
/* Marks the answer that is about to be appended to out as one that needs the flush. */
void		 peer_hold_answer(struct peer *p);

size_t		 peers_count(const struct peers *all);
/* Connections that are kept open for a silence: at most half of the descriptors. */
bool		 peers_may_keep(const struct peers *all);

#endif
