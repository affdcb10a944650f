/*
 * listen: the socket that the MTA connects to.  It is made before the rights of root are given up.
 */
#ifndef MILTER_LISTEN_H
#define MILTER_LISTEN_H

#include "lib/config.h"
#include "lib/err.h"

/* Whether milter_listen is there and good. */
int	listen_check(const struct config *config, struct err *err);
/*
 * Makes the socket and leaves it to libmilter; behind filter_register.  A UNIX socket's mode is 0660:
 * who can connect can tell lies about mail.  As root, it is given to hook_user and to Postfix's group.
 */
int	listen_open(const struct config *config, struct err *err);
/* Removes a UNIX socket's file, where its folder lets us. */
void	listen_remove(const struct config *config);

#endif
