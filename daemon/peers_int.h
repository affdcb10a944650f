/*
 * peers_int: what the two files share: peers.c (frames in, answers out) and peers_open.c (sockets,
 * rights, accepting).
 */
#ifndef DAEMON_PEERS_INT_H
#define DAEMON_PEERS_INT_H

#include "daemon/peers.h"
#include "daemon/username.h"
#include "lib/sock.h"

#define PEER_READ	16384	/* octets read at a time */
#define PEER_USERS_MAX	32
#define PEER_OUT_MAX	(4 * 1024 * 1024)

struct listener {
	struct loop_watch	 watch;
	struct sock_addr	 addr;
	struct peers		*all;
	enum peer_socket	 socket;
};

struct peers {
	struct daemon	*daemon;
	struct listener	 listeners[PEER_SOCKETS];
	struct peer	*first[PEER_SOCKETS];
	struct peer	*touched;
	size_t		 count, kept_max, max;
	bool		 paused;		/* out of descriptors: accepting waits */
	int64_t		 accept_ms;		/* not before: the system had no descriptor left */
	uint64_t	 last_id;
	uid_t		 own_uid, hook_uid;
	uid_t		 mail_uids[PEER_USERS_MAX];
	size_t		 n_mail_uids;
	int64_t		 wrong_hook_said;
	struct usernames usernames;
};

/* Loop's call for a connection. */
void	peer_ready(void *arg, uint32_t events);
void	peer_free(struct peers *all, struct peer *p);
/* Accepting waits while there is no descriptor left. */
void	peers_accept(struct peers *all, bool accepting);

#endif
