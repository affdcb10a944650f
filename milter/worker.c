/*
 * libmilter's main function has a thread of its own, and the first thread waits for commands.
 *
 * The end is sudden: libmilter's own would wait up to 5 s for its next turn, and take the socket's
 * file away, which is the parent's.  A message that is under way is cut off, and its mail goes on as
 * smtpd_milters says (default_action = accept).
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/limits.h"
#include "lib/log.h"
#include "milter/filter.h"
#include "milter/link.h"
#include "milter/listen.h"
#include "milter/worker.h"

struct config *
worker_load(const char *config_path, struct err *err)
{
	struct config *config = malloc(sizeof(*config));

	if (config == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	if (config_load(config_path, config, err) < 0) {
		free(config);
		return NULL;
	}
	if (listen_check(config, err) < 0) {
		worker_unload(config);
		return NULL;
	}
	return config;
}

void
worker_unload(struct config *config)
{
	config_clear(config);
	free(config);
}

static struct link *
open_link(const struct config *config, struct err *err)
{
	struct sock_addr arrival;
	char path[256];

	snprintf(path, sizeof(path), "unix:%s/arrival", config->run_dir);
	return sock_parse(path, &arrival, err) < 0 ? NULL : link_new(&arrival, err);
}

static void *
serve(void *arg)
{
	struct err err;

	(void)arg;
	if (filter_run(&err) < 0)
		log_fatal("%s", err.text);
	_exit(EX_UNAVAILABLE);
}

static int
start(const struct config *config, struct link **l, struct err *err)
{
	pthread_t thread;
	int rc;

	*l = open_link(config, err);
	if (*l == NULL)
		return -1;
	filter_use(config, *l);
	rc = pthread_create(&thread, NULL, serve, NULL);
	return rc == 0 ? 0 : err_set(err, "no thread can be made: %s", strerror(rc));
}

/* The configuration that is in force then. */
static struct config *
reload(const char *config_path, struct config *config)
{
	struct err err;
	struct config *next = worker_load(config_path, &err);

	if (next == NULL) {
		log_warn("not reloaded, going on as before: %s", err.text);
		return config;
	}
	filter_configure(next);
	worker_unload(config);
	log_notice("reloaded");
	return next;
}

void
worker_run(const char *config_path, struct config *config, int commands)
{
	struct link *l;
	struct err err;
	char command;
	ssize_t n;

	limits_be_patient();	/* its threads with it */
	if (start(config, &l, &err) < 0) {
		log_fatal("%s", err.text);
		_exit(EX_UNAVAILABLE);
	}
	while ((n = read(commands, &command, 1)) != 0)
		if (n == 1 && command == WORKER_RELOAD)
			config = reload(config_path, config);
	link_flush(l);
	_exit(EX_OK);
}
