/*
 * mailbell-lmtp: the LMTP proxy (mailbell-lmtp(8)).
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/hangup.h"
#include "lib/log.h"
#include "lib/names.h"
#include "lib/options.h"
#include "lib/privs.h"
#include "lmtp/listeners.h"
#include "lmtp/parent.h"

/*
 * The path to run again: the name we were called by where it is absolute, since that may lead to a
 * newer file then; else what runs now.
 */
static const char *
own_path(const char *argv0)
{
	static char path[PATH_MAX];
	ssize_t n;

	if (argv0[0] == '/')
		return argv0;
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n < 0)
		return argv0;
	path[n] = '\0';
	return path;
}

static int
serve(const struct config *config, const char *config_path, const char *argv0)
{
	struct parent_args args = {
		.config = config,
		.config_path = config_path,
		.program = own_path(argv0)	/* asked before the rights go: /proc may be shut then */
	};
	struct kept kept;
	struct err err;

	if (listeners_open(config, &kept, &err) < 0) {
		log_fatal("%s", err.text);
		return EX_UNAVAILABLE;
	}
	if (privs_drop(config->hook_user, &err) < 0) {
		log_fatal("%s", err.text);
		return EX_NOPERM;
	}
	args.kept = &kept;
	return parent_run(&args);
}

/* EX_OK, or the code to end with: there is no hook_user. */
static int
names(const struct config *config, bool check)
{
	struct err err;
	int rc = names_check(config, NAMES_HOOK, &err);

	if (rc < 0)
		log_fatal("%s", err.text);
	else if (rc > 0 && check)
		log_warn("%s", err.text);
	return rc < 0 ? EX_NOUSER : EX_OK;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct config config;
	struct err err;
	int status;

	hangup_hold();
	status = options_read("mailbell-lmtp", argc, argv, &options);
	if (status >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	log_open("mailbell-lmtp", false, LOG_LEVEL_INFO);
	if (config_load(options.config_path, &config, &err) < 0) {
		log_fatal("%s", err.text);
		return EX_CONFIG;
	}
	log_open("mailbell-lmtp", config.log == CONFIG_LOG_SYSLOG, (enum log_level)config.log_level);
	if (listeners_check(&config, &err) < 0) {
		log_fatal("%s: %s", options.config_path, err.text);
		status = EX_CONFIG;
	} else
		status = names(&config, options.check);
	if (status == EX_OK && !options.check)
		status = serve(&config, options.config_path, argv[0]);
	config_clear(&config);
	return status;
}
