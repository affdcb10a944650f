/*
 * reply: the backend's answers (RFC 5321 section 4.2).  Pure.
 */
#ifndef LMTP_REPLY_H
#define LMTP_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/slice.h"

#define REPLY_MAX	65536	/* octets of one reply; a longer one comes from a broken backend */

struct reply {
	int		code;	/* 200 to 599 */
	struct slice	all;	/* every line, with line ends */
	struct slice	text;	/* of the last line, behind code and space, without line end */
};

/*
 * The reply that p begins with.  1: there is one; 0: not whole yet; -1: this is not a reply (no
 * code, codes that differ between the lines, over REPLY_MAX).  The slices point into p.
 */
int	reply_parse(const uint8_t *p, size_t n, struct reply *r);

/*
 * The delivery token: Dovecot says "2.0.0 <alice@example.org> TOKEN Saved".  The last word before a
 * final "Saved"; nil where the text is another or the token longer than the daemon takes.
 */
struct slice	reply_token(const struct reply *r);

/*
 * Appends a reply to LHLO with those of its extensions that pass through a proxy which relays
 * octets: PIPELINING, 8BITMIME, ENHANCEDSTATUSCODES, SIZE, DSN, SMTPUTF8.
 */
void	reply_filter_lhlo(const struct reply *r, struct buf *out);

#endif
