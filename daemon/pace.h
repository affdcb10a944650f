/*
 * pace: how often one subscription is pushed to (docs/protocol.md, "How many").  Pure: what has
 * happened stands in its delivery record.
 *
 * Every POST counts, whatever came of it, but for verifications, which have limits of their own.
 */
#ifndef DAEMON_PACE_H
#define DAEMON_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store.h"
#include "lib/config.h"

#define PACE_HIGH_AN_HOUR	20

/* The account was not seen for unseen_max ENVELOPEs: only SYNCs go out, one in sync_interval. */
bool	pace_is_away(const struct config *c, const struct delivery *d);
/* Whether this push may have high urgency: a phone that is woken more often stops listening. */
bool	pace_may_be_high(const struct delivery *d, int64_t now_s);

/*
 * Milliseconds until the next push is allowed, 0: now.  A stored wait is believed as long as it was
 * when it was made, so that a clock that is set back prolongs nothing.
 */
int64_t	pace_wait_ms(const struct config *c, const struct delivery *d, int64_t now_ms);
/* The same for a verification: only what the answers asked for. */
int64_t	pace_verify_wait_ms(const struct delivery *d, int64_t now_ms);

/* A push was made: with any ENVELOPE, or of SYNCs alone; with high urgency or not. */
void	pace_used(const struct config *c, struct delivery *d, bool high, int64_t now_ms);
/* It was taken. */
void	pace_taken(struct delivery *d, bool with_envelope, int64_t now_s);

#endif
