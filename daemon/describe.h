/*
 * describe: subscriptions and the daemon itself in rows of words and numbers for the operator.  Never
 * an endpoint's path, a key, a token or a secret.
 */
#ifndef DAEMON_DESCRIBE_H
#define DAEMON_DESCRIBE_H

#include "daemon/daemon.h"
#include "daemon/store.h"
#include "lib/buf.h"

/* The endpoint's host and port, without its path. */
const char	*describe_host(const struct subscription *sub, char *out, size_t size);
/* One line of `list`. */
int	describe_row(struct daemon *d, const struct subscription *sub, struct buf *out, struct err *err);
/* All of `show`. */
int	describe_subscription(struct daemon *d, const struct subscription *sub, struct buf *out,
	    struct err *err);
void	describe_account(struct daemon *d, const struct account *account, struct buf *out);
/* A row for each push service that is known of. */
void	describe_origins(struct daemon *d, struct buf *out);
void	describe_status(struct daemon *d, struct buf *out);
/* "envelope", "sync" or "site" to what struct account keeps.  0, or -1. */
int	describe_content_parse(struct slice word, int *content);

#endif
