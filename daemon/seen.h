/*
 * seen: somebody looked at an account, by an IMAP session or a verb: its devices get ENVELOPEs again
 * (docs/protocol.md, "How many").
 */
#ifndef DAEMON_SEEN_H
#define DAEMON_SEEN_H

#include "daemon/daemon.h"
#include "lib/wire.h"

void	seen_account(struct daemon *d, const char *account);
void	seen_session(struct daemon *d, const struct wire_session *session);

#endif
