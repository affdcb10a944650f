/*
 * scan: where the DATA of a message ends.  Pure.
 *
 * The end is CRLF.CRLF and nothing else.  Servers that read bare line feeds as line ends see more
 * ends than that (LF.LF, LF.CRLF, CRLF.LF): what follows such an end would be a second, smuggled
 * transaction.  A dot line that a bare LF touches is therefore refused, and neither its dot nor its
 * line end is ever released.
 */
#ifndef LMTP_SCAN_H
#define LMTP_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* What the octets before the next one are. */
enum scan_state {
	SCAN_LINE,	/* CRLF: a line begins.  So does a message, behind DATA's own CRLF */
	SCAN_BARE,	/* a bare LF: for some a line begins */
	SCAN_TEXT,
	SCAN_CR
};

enum scan_verdict {
	SCAN_MORE,	/* no end yet */
	SCAN_END,	/* the released octets are the last of the message, its dot line included */
	SCAN_REFUSE	/* a dot line touched by a bare LF lies behind the released octets */
};

/*
 * Reads p[0 .. n) and says in *released how many of the octets may go to the backend.  With
 * SCAN_MORE, what is left (at most 2 octets: a dot, a dot and a CR) waits for what follows and is
 * to be given again, in front of it.  Start with SCAN_LINE.
 */
enum scan_verdict scan_data(enum scan_state *state, const uint8_t *p, size_t n, size_t *released);

#endif
