/*
 * envlist: the strict reader of a finished ENVELOPE list, for lists that come from another process
 * (a hook, or Dovecot itself).  The daemon trusts no one's text: it reads the list and writes it
 * anew with mailbell's own writer.
 */
#ifndef LIB_ENVLIST_H
#define LIB_ENVLIST_H

#include "lib/buf.h"
#include "lib/envelope.h"
#include "lib/err.h"
#include "lib/slice.h"

/*
 * Reads list, "(" to ")" with nothing before or behind: ten members, nstrings (quoted or literal,
 * "{n}" or "{n+}") and address lists of four nstrings each, as in RFC 9051 section 9, and appends
 * it to out as envelope.h says.  Dovecot leaves the outer parentheses away; the caller adds them.
 * 0: *reason is ENVELOPE_OK and out has it, or it is ENVELOPE_TOO_LONG or
 * ENVELOPE_TOO_MANY_ADDRESSES and out is as it was.
 * -1: not such a list; out is as it was, err says where.
 */
int	envlist_rewrite(struct slice list, struct buf *out, enum envelope_reason *reason,
	    struct err *err);

#endif
