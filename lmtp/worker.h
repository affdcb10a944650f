/*
 * worker: one process that serves sessions in one event loop.
 */
#ifndef LMTP_WORKER_H
#define LMTP_WORKER_H

#include <stddef.h>

#include "lib/config.h"

/* What a parent and its workers may share. */
#define WORKER_LISTENERS_MAX	16

/*
 * Accepts on n listening sockets and serves, until a signal ends it:
 * SIGHUP  takes no connection any more, closes sessions between transactions, finishes open ones
 *         however long they take, and stays until the daemon has acknowledged what is held (1 h);
 * SIGTERM the same, but for 30 s at most.
 * These, and SIGINT, have to be blocked.  When it serves, an octet is written to alive, which is closed
 * then.  Returns an exit status.
 */
int	worker_run(const struct config *config, const int *listeners, size_t n, int alive);

#endif
