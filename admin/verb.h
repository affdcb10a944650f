/*
 * verb: what the operator can ask for, as data.
 */
#ifndef ADMIN_VERB_H
#define ADMIN_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct verb {
	const char	*name;		/* of one word, or of two */
	const char	*args;		/* for the usage */
	const char	*help;
	size_t		 min, max;	/* arguments */
	bool		 single;	/* the answer is one thing, not a list */
	bool		 raw;		/* and is printed as it is, without its names */
	bool		 file;		/* the first argument is a file: what is in it is sent */
	bool		 force;		/* --force may be given */
	const char	*question;	/* asked on a terminal before it is done; NULL: harmless */
};

/* The verb that the words begin with, and how many of them it is; NULL: there is none. */
const struct verb	*verb_find(int n, char *const *words, int *used);
void	verb_print_all(FILE *out);

#endif
