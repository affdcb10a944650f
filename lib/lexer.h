/*
 * lexer: the words of structured header fields (RFC 5322 section 3.2 and its obsolete forms), taken
 * apart as Dovecot does.
 *
 * Every function reads from where the lexer stands, and skips white space and comments behind what
 * it read.  It appends what it read, unquoted, to a buffer and returns
 *	 1	read, and more follows
 *	 0	read, and that was the end of the value
 *	-1	not such a thing; the lexer stands where it gave up
 * A NUL becomes U+FFFD.  What is appended before a failure is part of the contract: Dovecot makes
 * names of it.  Linear, without recursion or allocation.
 */
#ifndef LIB_LEXER_H
#define LIB_LEXER_H

#include "lib/buf.h"
#include "lib/header.h"

struct lexer {
	struct header_cursor c;
	struct buf	*comment;	/* gets the text of each comment, the last one stays */
};

/* comment is the caller's, to outlive l. */
void	lexer_init(struct lexer *l, struct slice value, struct buf *comment);

static inline bool
lexer_at(const struct lexer *l, char ch)
{
	return l->c.p < l->c.end && *l->c.p == ch;
}

/* Steps over one octet. */
static inline void
lexer_step(struct lexer *l)
{
	header_cursor_step(&l->c);
}

/* lexer_space where there is some, or may be. */
int	lexer_space_slow(struct lexer *l);

static inline int
lexer_space(struct lexer *l)
{
	/* All that begins white space or a comment is at or below '('. */
	return l->c.p < l->c.end && (unsigned char)*l->c.p > '(' ? 1 : lexer_space_slow(l);
}

int	lexer_quoted(struct lexer *l, struct buf *out);		/* stands on '"' */
int	lexer_phrase(struct lexer *l, struct buf *out);
/* A local part; dots may stand anywhere in it. */
int	lexer_local(struct lexer *l, struct buf *out);
/* "@" and a domain or a domain literal, without the "@". */
int	lexer_domain(struct lexer *l, struct buf *out);

#endif
