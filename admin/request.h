/*
 * request: one question to mailbelld, over its admin socket, and the frames of the answer.
 *
 * What fails has a sysexits code (sysexits.h), which becomes the program's own.
 */
#ifndef ADMIN_REQUEST_H
#define ADMIN_REQUEST_H

#include "lib/buf.h"
#include "lib/config.h"
#include "lib/err.h"
#include "lib/wire.h"

#define REQUEST_TIMEOUT_MS	60000	/* with nothing read */

struct request {
	int		fd;
	struct buf	in;
	size_t		used;	/* octets of in that the caller has seen */
};

/* Connects, asks, and reads that the daemon takes the question.  0, or a sysexits code with err. */
int	request_open(struct request *r, const struct config *c, const struct wire_request *question,
	    struct err *err);
/*
 * Sends and drops what is in out, frames that belong to the question.  Stops where the daemon answers
 * meanwhile, and says so in *answered.  0, or a sysexits code with err.
 */
int	request_send(struct request *r, struct buf *out, bool *answered, struct err *err);
/*
 * The next frame of the answer, a row or done; valid until the next call.
 * 0, or a sysexits code with err.
 */
int	request_next(struct request *r, struct frame *f, struct err *err);
/* Safe also where request_open has failed. */
void	request_close(struct request *r);

#endif
