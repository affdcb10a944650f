/*
 * libmilter takes SIGTERM, SIGHUP and SIGINT for its own, and ends at each of them.  So signals are
 * this process's, which has made the socket but does not serve on it, and the worker, a fork of it,
 * gets commands through a pipe.  A worker that was killed or has crashed is followed by another one,
 * and MTAs that connect meanwhile wait in the socket's backlog.
 *
 * A worker that ends by itself was told to by a signal of its own, and libmilter has taken away the
 * socket's file then: that is the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/sdnotify.h"
#include "milter/listen.h"
#include "milter/parent.h"
#include "milter/worker.h"

#define STOP_S	5

struct parent {
	const char	*config_path;
	struct config	*config;
	sigset_t	 signals;	/* blocked, and waited for */
	pid_t		 worker;	/* -1: none, until a second has gone by */
	int		 commands;	/* to the worker */
};

static int
start_worker(struct parent *p, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, "no pipe can be made: %s", strerror(errno));
	p->worker = fork();
	if (p->worker < 0) {
		close(ends[0]);
		close(ends[1]);
		return err_set(err, "no worker can be made: %s", strerror(errno));
	}
	if (p->worker == 0) {
		close(ends[1]);
		worker_run(p->config_path, p->config, ends[0]);
	}
	close(ends[0]);
	p->commands = ends[1];
	return 0;
}

static void
tell_reload(struct parent *p)
{
	const char reload = WORKER_RELOAD;

	if (write(p->commands, &reload, 1) < 0)
		log_warn("the worker cannot be reached: %s", strerror(errno));
}

/* SIGCHLD.  The exit status: EX_OK where another worker is to follow. */
static int
worker_ended(struct parent *p)
{
	int status;

	if (p->worker < 0 || waitpid(p->worker, &status, WNOHANG) != p->worker)
		return EX_OK;
	close(p->commands);
	p->worker = -1;
	if (!WIFSIGNALED(status))
		return EX_UNAVAILABLE;
	log_warn("the worker was ended by signal %d: another takes its place in a second",
	    WTERMSIG(status));
	return EX_OK;
}

static void
replace_worker(struct parent *p)
{
	struct err err;

	if (start_worker(p, &err) < 0) {
		p->worker = -1;
		log_warn("%s; that is tried again in a second", err.text);
		return;
	}
	tell_reload(p);		/* what was in force may be newer than what this process has read */
}

static int
stop(struct parent *p)
{
	const struct timespec patience = { .tv_sec = STOP_S };
	sigset_t child;

	log_notice("stopping");
	listen_remove(p->config);
	if (p->worker < 0)
		return EX_OK;
	close(p->commands);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (sigtimedwait(&child, NULL, &patience) < 0 && errno == EINTR)
		;
	if (waitpid(p->worker, NULL, WNOHANG) == 0) {
		kill(p->worker, SIGKILL);
		waitpid(p->worker, NULL, 0);
	}
	return EX_OK;
}

/* -1: a second has gone by, and there is no worker. */
static int
next_signal(const struct parent *p)
{
	const struct timespec second = { .tv_sec = 1 };
	int number;

	do
		number = p->worker < 0 ? sigtimedwait(&p->signals, NULL, &second)
		    : sigwaitinfo(&p->signals, NULL);
	while (number < 0 && errno == EINTR);
	return number;
}

/* The exit status. */
static int
attend(struct parent *p)
{
	int number, status = EX_OK;

	while (status == EX_OK) {
		number = next_signal(p);
		if (number < 0)
			replace_worker(p);
		else if (number == SIGCHLD)
			status = worker_ended(p);
		else if (number != SIGHUP)
			return stop(p);
		else if (p->worker > 0)
			tell_reload(p);
	}
	return status;
}

int
parent_run(const char *config_path, struct config *config)
{
	struct parent p = { .config_path = config_path, .config = config };
	struct err err;

	sigemptyset(&p.signals);
	sigaddset(&p.signals, SIGTERM);
	sigaddset(&p.signals, SIGINT);
	sigaddset(&p.signals, SIGHUP);
	sigaddset(&p.signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &p.signals, NULL);
	if (start_worker(&p, &err) < 0) {
		log_fatal("%s", err.text);
		return EX_OSERR;
	}
	log_notice("mailbell-milter %s is ready", MAILBELL_VERSION);
	sdnotify("READY=1");
	return attend(&p);
}
