/*
 * saved: the connection on which this process tells the daemon of its deliveries.
 *
 * It is opened when there is something to tell, and anew where the effective uid has changed (the
 * daemon judges a connection by the uid that made it) or the old one has failed.  No call waits,
 * none fails: frames that cannot be sent at once are counted, and the next hello has the number.
 */
#ifndef IMAP_SAVED_H
#define IMAP_SAVED_H

#include "lib/modconf.h"
#include "lib/wire.h"

/* program, e.g. "dovecot-lmtp", is borrowed until saved_deinit. */
void	saved_init(const char *program);
void	saved_deinit(void);
/* Connects unless connected; what the daemon wants from us, defaults where it left no word. */
const struct modconf	*saved_settings(void);
void	saved_message(const struct wire_saved *saved);
void	saved_end(const struct wire_end *end);

#endif
