/*
 * mailbell-milter: the hook for sites that keep Postfix's transport as it is (mailbell-milter(8)).
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "lib/log.h"
#include "lib/privs.h"
#include "milter/filter.h"
#include "milter/listen.h"
#include "milter/parent.h"
#include "milter/worker.h"

struct options {
	const char	*config_path;
	bool		 check;
};

static void
usage(FILE *out)
{
	fprintf(out, "usage: mailbell-milter [-c file] [--check]\n"
	    "       mailbell-milter --help | --version\n");
}

static struct options
read_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	struct options o = { .config_path = CONFIG_PATH };
	int c;

	while ((c = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o.config_path = optarg;
			break;
		case 'k':
			o.check = true;
			break;
		case 'h':
			usage(stdout);
			exit(EX_OK);
		case 'V':
			puts("mailbell-milter " MAILBELL_VERSION);
			exit(EX_OK);
		default:
			usage(stderr);
			exit(EX_USAGE);
		}
	}
	if (optind < argc) {
		usage(stderr);
		exit(EX_USAGE);
	}
	return o;
}

/* What needs the rights of root goes first. */
static int
prepare(const struct config *config, struct err *err)
{
	if (filter_register(err) < 0 || listen_open(config, err) < 0)
		return -1;
	return privs_drop(config->hook_user, err);
}

int
main(int argc, char **argv)
{
	struct options options = read_options(argc, argv);
	struct config *config;
	struct err err;
	int status = EX_OK;

	signal(SIGPIPE, SIG_IGN);
	log_open("mailbell-milter", false, LOG_LEVEL_INFO);
	config = worker_load(options.config_path, &err);
	if (config == NULL) {
		log_fatal("%s", err.text);
		return EX_CONFIG;
	}
	log_open("mailbell-milter", config->log == CONFIG_LOG_SYSLOG,
	    (enum log_level)config->log_level);
	if (!options.check) {
		if (prepare(config, &err) == 0) {
			status = parent_run(options.config_path, config);
		} else {
			log_fatal("%s", err.text);
			status = EX_UNAVAILABLE;
		}
	}
	worker_unload(config);
	return status;
}
