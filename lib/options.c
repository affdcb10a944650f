#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "lib/config.h"
#include "lib/options.h"

static int
usage(const char *program, FILE *out, int code)
{
	fprintf(out, "usage: %s [-c file] [--check]\n       %s --help | --version\n", program, program);
	return code;
}

int
options_read(const char *program, int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	*o = (struct options){ .config_path = CONFIG_PATH };
	while ((c = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config_path = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 'h':
			return usage(program, stdout, EX_OK);
		case 'V':
			printf("%s %s\n", program, MAILBELL_VERSION);
			return EX_OK;
		default:
			return usage(program, stderr, EX_USAGE);
		}
	}
	return optind < argc ? usage(program, stderr, EX_USAGE) : -1;
}
