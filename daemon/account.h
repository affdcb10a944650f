/*
 * account: names of accounts.  They are compared octet for octet as Dovecot gives them; only where
 * nothing but a recipient's address is known is a name made from it (account_format).
 */
#ifndef DAEMON_ACCOUNT_H
#define DAEMON_ACCOUNT_H

#include "lib/config.h"
#include "lib/slice.h"
#include "lib/wire.h"

/* The name as text; -1 where it is empty, too long or holds a NUL. */
int	account_name(struct slice user, char out[WIRE_USER_MAX + 1]);
/* `address`: lower case, the detail cut; `localpart`: that without its domain; `exact`: as it is. */
int	account_of_recipient(const struct config *c, struct slice address,
	    char out[WIRE_USER_MAX + 1]);

#endif
