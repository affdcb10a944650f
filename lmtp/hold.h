/*
 * hold: the connection to the daemon's `arrival` socket, and what waits for it.
 *
 * Nothing here ever blocks or fails for the mail path: what cannot be sent is held, sent again after
 * each reconnect until the daemon acknowledges it, and bounded (lmtp/held.h).
 */
#ifndef LMTP_HOLD_H
#define LMTP_HOLD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/loop.h"
#include "lib/sock.h"
#include "lib/wire.h"

#define HOLD_RECIPIENTS_MAX	10000
#define HOLD_OCTETS_MAX		(32u * 1024 * 1024)

struct hold;

struct hold	*hold_new(struct loop *loop, const struct sock_addr *arrival_socket);
void		 hold_free(struct hold *h);
/* When it returns, the arrival is with the kernel or held here. */
void		 hold_put(struct hold *h, const struct wire_arrival *a, const struct wire_recipient *r,
		    size_t n);
/* To be called about once a second: connects, takes acknowledgements, and tells what was lost. */
void		 hold_tick(struct hold *h, int64_t now_ms);
size_t		 hold_recipients(const struct hold *h);
/* From now on acknowledgements are taken as they come: somebody waits for the last one. */
void		 hold_drain(struct hold *h);

#endif
