/*
 * envelope: from the header block of a message to the IMAP ENVELOPE (RFC 9051 section 7.5.2, RFC
 * 3501 section 7.4.2), with the values, string for string, that Dovecot 2.4 gives in FETCH ENVELOPE
 * to a client that enabled nothing.
 *
 * The writing is mailbell's own: a quoted string (\" and \\ escaped) wherever the string is 7 bit
 * without CR, LF and NUL; a literal only else.
 */
#ifndef LIB_ENVELOPE_H
#define LIB_ENVELOPE_H

#include "lib/address.h"
#include "lib/buf.h"
#include "lib/slice.h"

#define ENVELOPE_HEADER_MAX	65536	/* octets of a header block that a hook keeps */
#define ENVELOPE_ADDRESSES_MAX	100	/* in one field; more: SYNC */
#define ENVELOPE_TEXT_MAX	3900	/* octets of the list, with its parentheses; more: SYNC */

/* Why there is no ENVELOPE; every reason but the first becomes a SYNC. */
enum envelope_reason {
	ENVELOPE_OK = 0,
	ENVELOPE_HEADER_TOO_BIG,
	ENVELOPE_TOO_MANY_ADDRESSES,
	ENVELOPE_TOO_LONG,
	ENVELOPE_NONE		/* the hook had to forget it, or has no content at all */
};

/* "ok", "header too big" ...: for logs and traces. */
const char	*envelope_reason_text(enum envelope_reason reason);

/*
 * Appends the ENVELOPE of a header block to out, from "(" to ")".  The block is the octets of the
 * message up to, with or without, the empty line that ends its header; line ends may be CRLF or LF.
 * Linear in the block's size, no allocation but out's own growth.
 * Where the result is not ENVELOPE_OK, out is as it was.
 */
enum envelope_reason	envelope_write(struct slice block, struct buf *out);

/* What is written on meanwhile: 24 KB, whose contents mean nothing before and after. */
struct envelope_scratch {
	struct address_list	addresses;
	uint8_t			text[ENVELOPE_TEXT_MAX];
};

/* The same, for a caller to whom that much of the stack is dear. */
enum envelope_reason	envelope_write_with(struct envelope_scratch *scratch, struct slice block,
			    struct buf *out);

/* How many octets of message are its header block, with the empty line; 0: it is not all here. */
size_t	envelope_header_end(struct slice message);

#endif
