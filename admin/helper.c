#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/helper.h"

static const struct {
	const char	*name, *args, *help;
} helpers[] = {
	{ "setup", "[--hook HOOK] [--contact URI] [--dry-run] | --undo",
	  "put mailbell into this host's Postfix and Dovecot, or take it out; --help has more" },
	{ "doctor", "[USER]",
	  "look for what is wrong, with the host or with one account, and say what to do" },
};

#define N_HELPERS	(sizeof(helpers) / sizeof(helpers[0]))

/* The index of the first word that is no option of ours, or argc. */
static int
verb_index(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-c") == 0)
			i++;
		else if (argv[i][0] != '-')
			return i;
	}
	return argc;
}

static const char *
find(const char *word)
{
	for (size_t i = 0; i < N_HELPERS; i++)
		if (strcmp(word, helpers[i].name) == 0)
			return helpers[i].name;
	return NULL;
}

void
helper_run(int argc, char **argv)
{
	static char path[sizeof(LIBEXECDIR) + 32];
	int at = verb_index(argc, argv);
	const char *name = at < argc ? find(argv[at]) : NULL;

	if (name == NULL)
		return;
	snprintf(path, sizeof(path), "%s/%s", LIBEXECDIR, name);
	/* The verb goes to the front, and gives its place to the helper's own name. */
	memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof(*argv));
	argv[1] = path;
	execv(path, argv + 1);
	fprintf(stderr, "mailbell: %s: %s: is mailbell installed (make install)?\n", path, strerror(errno));
	exit(EX_UNAVAILABLE);
}

void
helper_print_all(FILE *out)
{
	for (size_t i = 0; i < N_HELPERS; i++)
		fprintf(out, "  %s %s\n        %s\n", helpers[i].name, helpers[i].args, helpers[i].help);
}
