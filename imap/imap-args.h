/*
 * imap-args: the arguments of a command, and the wiping of what Dovecot keeps of them.
 */
#ifndef IMAP_IMAP_ARGS_H
#define IMAP_IMAP_ARGS_H

#include <stdbool.h>

#include "lib/wire.h"

struct client_command_context;

/*
 * Reads the whole command line with Dovecot's parser into verb->n, args and malformed.  What they
 * point to is the parser's.  false: not all is here yet, or the parser has said BAD itself.
 */
bool	args_read(struct client_command_context *cmd, struct wire_verb *verb);

#endif
