/*
 * dump: the store's records as rows of named values, and back: what export writes and import reads.
 * Pure.  Lossless but for what means nothing in another store: numbers and generations.  What is zero
 * or not there is left out.  The rows hold secrets: endpoints and their keys.
 */
#ifndef DAEMON_DUMP_H
#define DAEMON_DUMP_H

#include "daemon/store.h"
#include "lib/buf.h"
#include "lib/err.h"

#define DUMP_VERSION	1	/* in each row */

enum dump_kind { DUMP_SUBSCRIPTION, DUMP_ACCOUNT };

struct dump {
	enum dump_kind		kind;
	struct subscription	sub;		/* with number 0, generation 1 */
	struct delivery		delivery;	/* with number 0 */
	struct account		account;
};

/* Append one row. */
void	dump_put_subscription(struct buf *out, const struct subscription *sub,
	    const struct delivery *delivery);
void	dump_put_account(struct buf *out, const struct account *a);

/*
 * Reads a row of either kind, strictly.  0, or -1 and err says what is wrong with it.  Whether the
 * point is one on the curve is the caller's to check.
 */
int	dump_get(const struct frame *row, struct dump *out, struct err *err);

#endif
