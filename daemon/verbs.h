/*
 * verbs: the five IMAP commands (docs/protocol.md): what changes, and every word that a client sees.
 * A new version of the draft changes this file and lib/pushmsg.c.
 */
#ifndef DAEMON_VERBS_H
#define DAEMON_VERBS_H

#include "daemon/daemon.h"
#include "daemon/peers.h"
#include "lib/wire.h"

/* Answers one command on its peer's connection; changes are answered after the store's flush. */
void	verbs_run(struct daemon *d, struct peer *p, const struct wire_verb *verb);

#endif
