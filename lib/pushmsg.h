/*
 * pushmsg: the plaintext of a push message: IMAP untagged responses, each ending in CRLF.
 *
 *	* SELECT "New Messages"
 *	* 3 UIDFETCH (ENVELOPE (...))
 *	* SYNC
 */
#ifndef LIB_PUSHMSG_H
#define LIB_PUSHMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/slice.h"

#define PUSHMSG_MAX	3993	/* RFC 8291 section 4: 4096 less header, delimiter and tag */

enum pushmsg_type {
	PUSHMSG_MAIL,		/* mailbox, uid, envelope; envelope nil: the mailbox's SYNC */
	PUSHMSG_SYNC,		/* mailbox; nil: the account's SYNC */
	PUSHMSG_VERIFY,		/* text is the token */
	PUSHMSG_VAPID		/* text is the new key */
};

struct pushmsg_item {
	enum pushmsg_type type;
	struct slice	mailbox;	/* UTF-8 */
	uint32_t	uidvalidity, uid;
	struct slice	envelope;	/* finished list text */
	struct slice	text;
};

/*
 * Writes one push message of at most max octets (max <= PUSHMSG_MAX) to out, from the first items
 * on; returns how many of them it stands for.  A VERIFY goes alone.  A SYNC of the whole account
 * stands for all of them.  items are in the order of pushmsg_compare.  One item that does not fit by itself
 * is written as its SYNC, so that the result is at least 1 (max >= 100 is enough for a SYNC of the
 * account, which is what a mailbox name too long for max comes to).
 * *with_envelope: whether any ENVELOPE is in it.
 */
size_t	pushmsg_write(const struct pushmsg_item *items, size_t n, size_t max, struct buf *out,
	    bool *with_envelope);

/* VERIFY and VAPID first, then by mailbox, UIDVALIDITY, SYNC before UIDs, UID: <0, 0 or >0. */
int	pushmsg_compare(const struct pushmsg_item *a, const struct pushmsg_item *b);

/* The length that a plaintext of len is padded to: 1024, 2641 or 3993. */
size_t	pushmsg_bucket(size_t len);

#endif
