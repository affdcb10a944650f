/*
 * command: what the front says (RFC 2033, RFC 5321 section 4.1.1).  Pure.
 */
#ifndef LMTP_COMMAND_H
#define LMTP_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "lib/slice.h"

#define COMMAND_MAX	8192	/* octets of a line, without its line end */

/* The verbs that are relayed, and what is not. */
enum verb {
	VERB_LHLO, VERB_MAIL, VERB_RCPT, VERB_DATA, VERB_RSET, VERB_NOOP, VERB_VRFY, VERB_QUIT,
	VERB_OTHER,	/* unknown, or not for a proxy: STARTTLS, BDAT, XCLIENT, XFORWARD, HELP ... */
	VERB_MALFORMED	/* a CR or NUL inside: servers disagree on where such a line ends */
};

/*
 * The line that p begins with: line is without its line end (CRLF or LF), *used octets with it.
 * 1: there is one; 0: not whole yet; -1: longer than COMMAND_MAX.
 */
int	command_line(const uint8_t *p, size_t n, struct slice *line, size_t *used);
enum verb	command_verb(struct slice line);
/*
 * The recipient of a RCPT line, between its angle brackets and without a source route; empty where
 * the line has none.
 */
struct slice	command_recipient(struct slice line);

#endif
