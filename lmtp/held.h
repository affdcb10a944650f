/*
 * held: the arrivals that the daemon has not acknowledged, oldest first, as finished frames.  Pure.
 *
 * Bounded: over `octets` the oldest lose their ENVELOPE (the recipient stays and becomes a SYNC);
 * where that is not enough, and over `recipients`, the oldest go, and are counted.
 */
#ifndef LMTP_HELD_H
#define LMTP_HELD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/frameq.h"
#include "lib/wire.h"

struct held_queue;

struct held_queue *held_new(size_t max_recipients, size_t max_octets);
void	held_free(struct held_queue *q);
/*
 * Takes in one arrival for n recipients, as one frame or, where they are many, as several with a
 * seq each.  a->seq is not looked at.
 */
void	held_put(struct held_queue *q, const struct wire_arrival *a, const struct wire_recipient *r,
	    size_t n);
/*
 * The frames themselves, for uplink, which sends them and takes off what is acknowledged; the weight
 * of one is its recipients.
 */
struct frameq *held_frames(struct held_queue *q);
size_t	held_recipients(const struct held_queue *q);
/* Recipients that were dropped since the last call. */
uint64_t held_take_lost(struct held_queue *q);

#endif
