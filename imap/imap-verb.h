/*
 * imap-verb: the five commands.  Each is one question to the daemon, whose finished answer the client
 * gets; Dovecot goes on with its other work until the answer is there, or 5 s are over.
 */
#ifndef IMAP_IMAP_VERB_H
#define IMAP_IMAP_VERB_H

#include <stdbool.h>

struct client_command_context;
struct session;

/* A command_func_t. */
bool	verb_run(struct client_command_context *cmd);
/*
 * Closes the kept connections at the end of a session.  released: the client said LOGOUT, so the
 * silences that hang on them owe it nothing.
 */
void	verb_close(struct session *session, bool released);

#endif
