/*
 * call: what the command line says, for the verbs that do more than ask the daemon.
 */
#ifndef ADMIN_CALL_H
#define ADMIN_CALL_H

#include <stdbool.h>

#include "lib/config.h"

/* Options that belong to some verbs only. */
#define CALL_CONTENT	1u
#define CALL_FORCE	2u
#define CALL_USER	4u
#define CALL_CHECK	8u
#define CALL_ALL	16u
#define CALL_PROMETHEUS	32u

struct options {
	const char	*config;
	const char	*content, *user;	/* NULL: not given */
	bool		 json;
	bool		 yes;
	unsigned	 given;			/* CALL_* */
};

struct verb;

struct call {
	const struct verb	*verb;
	const struct options	*options;
	const struct config	*config;
	int			 argc;
	char			*const *argv;	/* the verb's arguments */
};

/* "mailbell: ..." on stderr; returns code. */
int	call_complain(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Asks only where somebody can answer; a script has made up its mind. */
bool	call_agreed(const struct options *o, const char *question);

#endif
