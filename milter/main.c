/*
 * mailbell-milter: the hook for sites that keep Postfix's transport as it is (mailbell-milter(8)).
 *
 * libmilter takes SIGTERM, SIGHUP and SIGINT for its own, and ends at each of them: its main function
 * blocks them where it is called, and a thread of it waits for them.  Here that is a thread of ours.
 * The main thread keeps them unblocked, and Linux gives a signal to the main thread as long as that
 * wants it.  Were that ever otherwise, SIGHUP would end the program instead of reading the
 * configuration anew, and its service manager would start it again: with the new configuration.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/log.h"
#include "lib/privs.h"
#include "milter/filter.h"
#include "milter/link.h"
#include "milter/listen.h"

#define ENDED	'\0'	/* in the pipe, beside the numbers of signals: filter_run has returned */

struct options {
	const char	*config_path;
	bool		 check;
};

struct run {
	const char	*config_path;
	struct config	*config;	/* on the heap: another one may follow it */
	struct link	*link;
};

static int wake[2];	/* a pipe to the main thread */

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

/* The configuration, checked; NULL: err says why not. */
static struct config *
load(const char *path, struct err *err)
{
	struct config *config = malloc(sizeof(*config));

	if (config == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	if (config_load(path, config, err) < 0) {
		free(config);
		return NULL;
	}
	if (listen_check(config, err) < 0) {
		config_clear(config);
		free(config);
		return NULL;
	}
	return config;
}

static void
unload(struct config *config)
{
	config_clear(config);
	free(config);
}

/* Signals */

static void
on_signal(int number)
{
	int saved = errno;
	char octet = (char)number;
	ssize_t n = write(wake[1], &octet, 1);

	(void)n;
	errno = saved;
}

/* SA_NODEFER: not even within the handler is a signal left to libmilter's thread. */
static int
catch_signals(struct err *err)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_NODEFER };

	if (pipe2(wake, O_CLOEXEC) < 0 || sigaction(SIGTERM, &action, NULL) < 0 ||
	    sigaction(SIGINT, &action, NULL) < 0 || sigaction(SIGHUP, &action, NULL) < 0)
		return err_set(err, "signals cannot be caught: %s", strerror(errno));
	return 0;
}

static int
next_event(void)
{
	char octet = ENDED;

	while (read(wake[0], &octet, 1) < 0 && errno == EINTR)
		;
	return octet;
}

/* The two threads */

static void *
serve(void *arg)
{
	char octet = ENDED;
	struct err err;

	(void)arg;
	if (filter_run(&err) < 0)
		log_fatal("%s", err.text);
	while (write(wake[1], &octet, 1) < 0 && errno == EINTR)
		;
	return NULL;
}

static void
reload(struct run *r)
{
	struct err err;
	struct config *next = load(r->config_path, &err), *old = r->config;

	if (next == NULL) {
		log_warn("not reloaded, going on as before: %s", err.text);
		return;
	}
	r->config = next;
	filter_configure(next);
	unload(old);
	log_notice("reloaded");
}

/* Until SIGTERM or SIGINT: 0; or -1 where the other thread has ended by itself. */
static int
attend(struct run *r)
{
	int event;

	while ((event = next_event()) == SIGHUP)
		reload(r);
	if (event == ENDED)
		return -1;
	log_notice("stopping");
	filter_stop();
	link_flush(r->link);
	return 0;
}

static int
start(struct run *r, struct err *err)
{
	struct sock_addr arrival;
	pthread_t thread;
	char path[256];
	int rc;

	snprintf(path, sizeof(path), "unix:%s/arrival", r->config->run_dir);
	if (sock_parse(path, &arrival, err) < 0 || (r->link = link_new(&arrival, err)) == NULL ||
	    filter_register(r->config, r->link, err) < 0 || listen_open(r->config, err) < 0 ||
	    privs_drop(r->config->hook_user, err) < 0 || catch_signals(err) < 0)
		return -1;
	rc = pthread_create(&thread, NULL, serve, NULL);
	return rc == 0 ? 0 : err_set(err, "no thread can be made: %s", strerror(rc));
}

int
main(int argc, char **argv)
{
	struct options options = read_options(argc, argv);
	struct run r = { .config_path = options.config_path };
	struct err err;

	signal(SIGPIPE, SIG_IGN);
	log_open("mailbell-milter", false, LOG_LEVEL_INFO);
	r.config = load(r.config_path, &err);
	if (r.config == NULL) {
		log_fatal("%s", err.text);
		return EX_CONFIG;
	}
	if (options.check) {
		unload(r.config);
		return EX_OK;
	}
	if (start(&r, &err) < 0) {
		log_fatal("%s", err.text);
		return EX_UNAVAILABLE;
	}
	log_notice("mailbell-milter %s is ready", MAILBELL_VERSION);
	/* libmilter's threads may still be at work: nothing of theirs is taken away from them. */
	_exit(attend(&r) < 0 ? EX_UNAVAILABLE : EX_OK);
}
