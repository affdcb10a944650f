/*
 * sock: addresses as mailbell.conf writes them ("unix:PATH", "HOST:PORT", "[HOST]:PORT"), listening
 * and connecting sockets.  All descriptors are non-blocking and close-on-exec.
 */
#ifndef LIB_SOCK_H
#define LIB_SOCK_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "lib/err.h"

struct sock_addr {
	struct sockaddr_storage	sa;
	socklen_t		len;
};

/* HOST is a literal address or "localhost" (127.0.0.1): nothing is looked up. */
int	sock_parse(const char *text, struct sock_addr *out, struct err *err);
/*
 * A listening socket.  A UNIX socket's stale file is replaced, a live one is an error; the new one
 * gets mode, and owner and group where they are not -1.  Returns the descriptor, or -1.
 */
int	sock_listen(const struct sock_addr *addr, mode_t mode, uid_t owner, gid_t group,
	    struct err *err);
/* Starts to connect.  The descriptor (perhaps still connecting), or -1 with errno set. */
int	sock_connect(const struct sock_addr *addr);
/* Who is at the other end of a UNIX socket.  0, or -1. */
int	sock_peer(int fd, uid_t *uid);

#endif
