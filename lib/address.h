/*
 * address: the address list of a header field (RFC 5322 section 3.4), good or broken, as the
 * address structures that Dovecot makes of it for an ENVELOPE (RFC 9051 section 7.5.2).
 *
 *	struct address_list list;
 *	struct address a;
 *
 *	address_init(&list, value);
 *	while ((rc = address_next(&list, &a)) > 0)
 *		...
 */
#ifndef LIB_ADDRESS_H
#define LIB_ADDRESS_H

#include <stdint.h>

#include "lib/buf.h"
#include "lib/lexer.h"
#include "lib/slice.h"

#define ADDRESS_TEXT_MAX	3900	/* octets of one string of an address */

/*
 * The start of a group has its name in mailbox and nothing else, its end has nothing at all.  What
 * an address lacks is said in Dovecot's words ("MISSING_MAILBOX", "MISSING_DOMAIN",
 * "SYNTAX_ERROR", "INVALID_ROUTE").  Blanks in name are as they were.
 */
struct address {
	struct slice	name, route, mailbox, host;
};

/* What was given last; at first nothing. */
enum address_state {
	ADDRESS_START,
	ADDRESS_LIST,		/* an address outside of groups */
	ADDRESS_GROUP,		/* the start of a group */
	ADDRESS_MEMBER,		/* an address in a group */
	ADDRESS_GROUP_END,
	ADDRESS_GARBAGE,	/* a comment without end behind the last comma */
	ADDRESS_DONE
};

/* 20 KB, all of it: nothing is allocated. */
struct address_list {
	struct lexer	lexer;
	enum address_state state;
	bool		too_long;
	struct buf	phrase, local, route, host, comment;
	uint8_t		memory[5][ADDRESS_TEXT_MAX];
};

/* value is a field's raw value (lib/header.h), to outlive the list. */
void	address_init(struct address_list *list, struct slice value);
/*
 * The next structure; its slices live to the next call.  1: there is one; 0: the end; -1: one of
 * its strings is longer than ADDRESS_TEXT_MAX.
 */
int	address_next(struct address_list *list, struct address *a);

#endif
