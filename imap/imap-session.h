/*
 * imap-session: what the command module keeps for an IMAP client: as a rule nothing.
 */
#ifndef IMAP_IMAP_SESSION_H
#define IMAP_IMAP_SESSION_H

#include "lib/buf.h"

struct client;
struct channel;

struct session {
	union imap_module_context module_ctx;
	struct channel	*kept;	/* connections on which a silence hangs, as a rule one at most */
};

/* NULL: the module is not loaded for this client's user. */
struct session	*session_of(struct client *client);
/* Appends the hello that opens each connection to the command socket. */
void	session_hello(struct buf *b);

#endif
