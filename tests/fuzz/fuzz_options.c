/*
 * Any words as the command line of a hook: it ends with an exit code after having said something, or
 * goes on with a path that was there, or the default.
 */
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "lib/config.h"
#include "lib/options.h"
#include "tests/fuzz/fuzz.h"

#define WORDS_MAX	16

/* The words, parted by NUL, in memory of their own. */
static int
split(char *text, size_t size, char **argv)
{
	int argc = 1;

	for (char *p = text; p < text + size && argc <= WORDS_MAX; p += strlen(p) + 1)
		argv[argc++] = p;
	return argc;
}

static void
silence(void)
{
	static bool done;

	if (!done)
		must(freopen("/dev/null", "w", stdout) != NULL && (opterr = 0) == 0);
	done = true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = "mailbell-lmtp";
	char *argv[WORDS_MAX + 2] = { name }, *text = malloc(size + 1), *said = NULL;
	struct options o;
	FILE *saved = stderr;
	size_t said_len;
	int argc, rc;

	silence();
	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	argc = split(text, size, argv);
	optind = 0;	/* getopt starts anew */
	stderr = open_memstream(&said, &said_len);
	must(stderr != NULL);
	rc = options_read(name, argc, argv, &o);
	fclose(stderr);
	stderr = saved;
	must(rc == -1 || rc == EX_OK || rc == EX_USAGE);
	must((rc == EX_USAGE) == (said_len > 0));
	if (rc == -1)
		must(strcmp(o.config_path, CONFIG_PATH) == 0 ||
		    (o.config_path >= text && o.config_path <= text + size));
	free(said);
	free(text);
	return 0;
}
