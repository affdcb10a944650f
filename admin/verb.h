/*
 * verb: what the operator can ask for, as data.
 */
#ifndef ADMIN_VERB_H
#define ADMIN_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "admin/call.h"

struct verb {
	const char	*name;		/* of one word, or of two */
	const char	*args;		/* for the usage */
	const char	*help;
	size_t		 min, max;	/* arguments */
	bool		 single;	/* the answer is one thing, not a list */
	bool		 raw;		/* and is printed as it is, without its names */
	unsigned	 options;	/* CALL_*: those that may be given */
	const char	*question;	/* asked on a terminal before it is done; NULL: harmless */
	int		(*run)(const struct call *call);	/* an exit code; NULL: the daemon is asked */
};

/* The verb that the words begin with, and how many of them it is; NULL: there is none. */
const struct verb	*verb_find(int n, char *const *words, int *used);
void	verb_print_all(FILE *out);

/* What the tool itself does for a verb, each in a file of that name. */
int	vapid_import(const struct call *call);
int	add_run(const struct call *call);
int	accounts_run(const struct call *call);
int	stats_run(const struct call *call);
int	status_run(const struct call *call);
int	preview_run(const struct call *call);
int	export_run(const struct call *call);
int	import_run(const struct call *call);

/* The daemon is asked with the arguments as they are. */
int	verb_ask(const struct call *call);

#endif
