/*
 * silence: which subscriptions are silent, and what is owed when a silence ends (docs/protocol.md,
 * SILWEBPUSH).
 *
 * A subscription has one timed silence (in its delivery record) and one set of connections that asked
 * for silence until they end (in memory: a restart of the daemon ends those like a dropped
 * connection).  It is silent while either holds.  That something was held back is durable: it is a
 * digest in the outbox, due when the silence ends.
 */
#ifndef DAEMON_SILENCE_H
#define DAEMON_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/daemon.h"
#include "daemon/store.h"

#define SILENCE_MAX_S		(30 * 86400)
#define SILENCE_SESSION		INT32_MAX	/* the third field of a silence bound to a connection */

struct silences	*silences_new(void);
void		 silences_free(struct silences *all);

bool	silence_holds(const struct daemon *d, const struct delivery *delivery, int64_t now_s);
/* The third field of `* WEBPUSH` for an acknowledged subscription. */
int64_t	silence_field(const struct daemon *d, const struct delivery *delivery, int64_t now_s);
/* When a digest that is put into the outbox now will be due: OUTBOX_NEVER while a connection holds. */
int64_t	silence_ends(const struct daemon *d, const struct delivery *delivery, int64_t now_s);
/* How long a digest that is due then is of use. */
int64_t	silence_expires(int64_t due, int64_t now_s);

/* Silence for seconds (0: none, and no connection holds any more), in a group of its own. */
int	silence_timed(struct daemon *d, uint64_t number, int64_t seconds, int64_t now_s,
	    struct err *err);
/*
 * The peer's connection holds a silence of the subscription from now on, and what an earlier silence
 * held back waits for its end; in a group of its own.
 */
int	silence_hold(struct daemon *d, uint64_t number, uint64_t peer, int64_t now_s, struct err *err);
/*
 * The peer holds no silence any more.  owed: it was dropped, and what was held back becomes a SYNC;
 * not owed: it logged out, its client knows.
 */
void	silence_drop(struct daemon *d, uint64_t peer, bool owed);
/* The subscription is gone. */
void	silence_forget(struct daemon *d, uint64_t number);

#endif
