/*
 * imapstr: IMAP strings (RFC 3501 section 9, as a session that enabled nothing sees them).
 */
#ifndef LIB_IMAPSTR_H
#define LIB_IMAPSTR_H

#include "lib/buf.h"
#include "lib/slice.h"

/*
 * NIL where s is nil, else a quoted string where s is 7 bit without CR, LF and NUL, else a literal.
 * (IMAP has no string with a NUL: whoever may have one replaces it first.)
 */
void	imapstr_nstring(struct buf *b, struct slice s);
/* A quoted string where s, not nil, can be one.  false: it can not, and nothing was appended. */
bool	imapstr_quoted(struct buf *b, struct slice s);
/* An atom where s is one (and is not NIL in any case), else as imapstr_nstring. */
void	imapstr_astring(struct buf *b, struct slice s);
/*
 * A mailbox name given in UTF-8, in modified UTF-7 (RFC 3501 section 5.1.3), always quoted.
 * The caller has checked that it is UTF-8 (lib/frame.h).
 */
void	imapstr_mailbox(struct buf *b, struct slice utf8);

#endif
