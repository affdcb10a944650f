/*
 * verb: what the operator can ask for, as data.
 */
#ifndef ADMIN_VERB_H
#define ADMIN_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct verb {
	const char	*name;
	const char	*args;		/* for the usage */
	const char	*help;
	size_t		 min, max;	/* arguments */
	bool		 single;	/* the answer is one thing, not a list */
	const char	*question;	/* asked on a terminal before it is done; NULL: harmless */
};

/* NULL: there is no such verb. */
const struct verb	*verb_find(const char *name);
void	verb_print_all(FILE *out);

#endif
