/*
 * link: from a process of Dovecot to the daemon's sockets.  Nothing here waits: what cannot be done
 * at once has failed.
 */
#ifndef IMAP_LINK_H
#define IMAP_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

/*
 * The path of a file in run_dir: the environment's MAILBELL_RUN_DIR, or the compiled-in folder.
 * 0, or -1 where size does not hold it.
 */
int	link_path(const char *name, char *path, size_t size);
/* Connects to the socket of that name.  The descriptor, or -1 with errno set. */
int	link_open(const char *name);
/*
 * Sends whole frames.  0, or -1 with errno set: EAGAIN where the kernel took none or a part of them,
 * which leaves the connection fit for nothing but close.
 */
int	link_send(int fd, const struct buf *frames);
/* Whether the peer has closed the connection and nothing that it said is left to be read. */
bool	link_gone(int fd);

#endif
