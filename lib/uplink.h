/*
 * uplink: what a hook and the daemon say to each other on the `arrival` socket, for hooks with a loop
 * and without one.  Pure: it reads what came in and writes what is to go out; the caller owns the
 * descriptor, and begins every connection with wire_put_hello and frameq_rewind.
 */
#ifndef LIB_UPLINK_H
#define LIB_UPLINK_H

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/frame.h"
#include "lib/frameq.h"

#define UPLINK_OUT_HIGH	(64 * 1024)	/* no further frame is put behind that much */
#define UPLINK_OUT_MAX	(UPLINK_OUT_HIGH + FRAME_MAX + 4)
#define UPLINK_IN_MAX	8192		/* more than the longest answer */

/*
 * Moves unsent frames to out, whole, until UPLINK_OUT_HIGH octets wait there; so an acknowledgement
 * or a bound may take a frame off the queue at any time.
 */
void	uplink_fill(struct frameq *q, struct buf *out);
/*
 * Acts on the whole frames in `in` and takes them off it: what is acknowledged leaves q; *welcome,
 * false as a connection begins, becomes true where the daemon has taken it, which it says once.  0; or
 * -1 where the connection is to end, and err says why.
 */
int	uplink_take(struct frameq *q, struct buf *in, bool *welcome, struct err *err);

#endif
