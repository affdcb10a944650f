/*
 * options: the command line of the two hooks, mailbell-lmtp and mailbell-milter.
 */
#ifndef LIB_OPTIONS_H
#define LIB_OPTIONS_H

#include <stdbool.h>

struct options {
	const char	*config_path;	/* -c, --config; else CONFIG_PATH */
	bool		 check;		/* --check: look at the configuration, and no more */
};

/*
 * Reads the options.  -1: the program goes on; else the exit code to end with: help, the version or
 * the usage has been printed.
 */
int	options_read(const char *program, int argc, char **argv, struct options *o);

#endif
