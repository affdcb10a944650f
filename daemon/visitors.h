/*
 * visitors: which programs have introduced themselves since the start, and in which version: after an
 * upgrade, a module of before may still be in some process of Dovecot's.
 */
#ifndef DAEMON_VISITORS_H
#define DAEMON_VISITORS_H

#include <stdint.h>

#include "lib/buf.h"
#include "lib/wire.h"

#define VISITORS_MAX	16
#define VISITOR_TEXT	32

struct visitors {
	struct visitor {
		char	program[VISITOR_TEXT], version[VISITOR_TEXT];
		int64_t	seen;		/* the last time */
	} list[VISITORS_MAX];
	size_t	n;
};

/* A hello was read.  The one that was seen longest ago makes room. */
void	visitors_note(struct visitors *v, const struct wire_hello *hello, int64_t now);
/* A row for each. */
void	visitors_rows(const struct visitors *v, struct buf *out);

#endif
