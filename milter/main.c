/*
 * mailbell-milter: the hook for sites that keep Postfix's transport as it is (mailbell-milter(8)).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "lib/hangup.h"
#include "lib/log.h"
#include "lib/names.h"
#include "lib/options.h"
#include "lib/privs.h"
#include "milter/filter.h"
#include "milter/listen.h"
#include "milter/parent.h"
#include "milter/worker.h"

/* What needs the rights of root goes first. */
static int
prepare(const struct config *config, struct err *err)
{
	if (filter_register(err) < 0 || listen_open(config, err) < 0)
		return -1;
	return privs_drop(config->hook_user, err);
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
	struct config *config;
	struct err err;
	int status;

	hangup_hold();
	status = options_read("mailbell-milter", argc, argv, &options);
	if (status >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	log_open("mailbell-milter", false, LOG_LEVEL_INFO);
	config = worker_load(options.config_path, &err);
	if (config == NULL) {
		log_fatal("%s", err.text);
		return EX_CONFIG;
	}
	log_open("mailbell-milter", config->log == CONFIG_LOG_SYSLOG,
	    (enum log_level)config->log_level);
	status = names(config, options.check);
	if (status == EX_OK && !options.check) {
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
