/*
 * All signals are blocked and taken one by one from sigtimedwait, so nothing here is asynchronous.
 * Workers get SIGTERM from the kernel when their parent dies (PR_SET_PDEATHSIG); to exec in place
 * is not to die, so they outlive that, and stay our children.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/sdnotify.h"
#include "lmtp/parent.h"
#include "lmtp/worker.h"

#define WORKERS_MAX	256
#define RESPAWN_MS	1000	/* a worker that dies sooner is not started again at once */
#define WAIT_S		1

struct slot {
	pid_t	pid;		/* 0: none runs */
	int64_t	started_ms;
};

struct parent {
	const struct parent_args *args;
	struct slot	 worker[WORKERS_MAX];
	size_t		 n_workers;
	struct kept	 old;		/* its workers: those that drain */
	int		 alive[2];	/* a pipe: a worker that serves writes to it */
	bool		 ready;		/* one has */
	pid_t		 check;		/* runs `program --check`; 0: no */
	bool		 again;		/* another SIGHUP came meanwhile */
	bool		 stopping;
};

static size_t
count_workers(const struct config *config)
{
	int64_t n = config->lmtp_workers;

	if (n == 0)
		n = sysconf(_SC_NPROCESSORS_ONLN);
	if (config->lmtp_workers == 0 && n < 2)
		n = 2;
	return n > WORKERS_MAX ? WORKERS_MAX : (size_t)n;
}

static void
be_worker(const struct parent *p, pid_t parent)
{
	const struct kept *kept = p->args->kept;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EX_TEMPFAIL);
	close(p->alive[0]);
	_exit(worker_run(p->args->config, kept->listener, kept->n_listeners, p->alive[1]));
}

static void
start_worker(struct parent *p, struct slot *slot)
{
	pid_t self = getpid(), pid = fork();

	if (pid == 0)
		be_worker(p, self);
	if (pid < 0)
		log_warn("a worker cannot be started: %s", strerror(errno));
	slot->pid = pid < 0 ? 0 : pid;
	slot->started_ms = clock_mono_ms();
}

/* Starts what is missing; one that has just been started waits for the next call. */
static void
keep_alive(struct parent *p)
{
	int64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < p->n_workers && !p->stopping; i++) {
		struct slot *slot = &p->worker[i];

		if (slot->pid == 0 && now_ms >= slot->started_ms + RESPAWN_MS)
			start_worker(p, slot);
	}
}

static void
signal_old(const struct parent *p, int signo)
{
	for (size_t i = 0; i < p->old.n_workers; i++)
		kill(p->old.worker[i], signo);
}

static void
stop(struct parent *p)
{
	p->stopping = true;
	for (size_t i = 0; i < p->n_workers; i++)
		if (p->worker[i].pid > 0)
			kill(p->worker[i].pid, SIGTERM);
	signal_old(p, SIGTERM);
	if (p->check > 0)
		kill(p->check, SIGKILL);	/* it may wait for the system's directory of users */
}

/* SIGHUP */

static void
start_check(struct parent *p)
{
	const struct parent_args *a = p->args;
	sigset_t none;

	p->check = fork();
	if (p->check == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl(a->program, a->program, "--check", "-c", a->config_path, (char *)NULL);
		log_warn("%s: %s", a->program, strerror(errno));
		_exit(EX_OSERR);
	}
	if (p->check < 0) {
		log_warn("the configuration cannot be checked: %s", strerror(errno));
		p->check = 0;
	}
}

static void
hang_up(struct parent *p)
{
	if (p->check != 0)
		p->again = true;
	else if (!p->stopping)
		start_check(p);
}

static void
set_cloexec(const struct kept *k, int flags)
{
	for (size_t i = 0; i < k->n_listeners; i++)
		fcntl(k->listener[i], F_SETFD, flags);
}

/* What the next program gets: our sockets, and all workers that still live. */
static void
gather(const struct parent *p, struct kept *k)
{
	*k = p->old;
	k->n_listeners = p->args->kept->n_listeners;
	memcpy(k->listener, p->args->kept->listener, sizeof(k->listener));
	for (size_t i = 0; i < p->n_workers; i++)
		if (p->worker[i].pid > 0 && k->n_workers < KEPT_WORKERS_MAX)
			k->worker[k->n_workers++] = p->worker[i].pid;
}

static void
become_program(const struct parent *p)
{
	const struct parent_args *a = p->args;
	struct kept kept;
	struct buf text;

	gather(p, &kept);
	buf_init(&text, 32768);
	kept_write(&kept, getpid(), &text);
	log_notice("the new configuration is good: starting anew in place");
	if (!text.failed && setenv(KEPT_VARIABLE, (const char *)text.data, 1) == 0) {
		set_cloexec(&kept, 0);
		execl(a->program, a->program, "-c", a->config_path, (char *)NULL);
		set_cloexec(&kept, FD_CLOEXEC);
	}
	log_warn("%s: %s; going on as before", a->program, strerror(errno));
	unsetenv(KEPT_VARIABLE);
	buf_clear(&text);
}

static void
check_ended(struct parent *p, int status)
{
	bool again = p->again;

	p->check = 0;
	p->again = false;
	if (p->stopping)
		return;
	if (again)
		start_check(p);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK)
		become_program(p);
	else
		log_warn("SIGHUP: the new configuration or program does not work; going on as before");
}

/* Children */

static void
worker_ended(struct slot *slot, int status)
{
	if (WIFSIGNALED(status))
		log_warn("worker %ld was ended by signal %d; its sessions are lost", (long)slot->pid,
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) != EX_OK)
		log_warn("worker %ld has ended with status %d", (long)slot->pid, WEXITSTATUS(status));
	slot->pid = 0;
}

static void
child_ended(struct parent *p, pid_t pid, int status)
{
	if (pid == p->check) {
		check_ended(p, status);
		return;
	}
	for (size_t i = 0; i < p->n_workers; i++)
		if (p->worker[i].pid == pid)
			worker_ended(&p->worker[i], status);
	for (size_t i = 0; i < p->old.n_workers; i++)
		if (p->old.worker[i] == pid)
			p->old.worker[i] = p->old.worker[--p->old.n_workers];
}

/* Takes note of all children that have ended.  False: there is none left. */
static bool
reap(struct parent *p)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		child_ended(p, pid, status);
	return pid == 0;
}

static void
signals_of(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGIO);
}

/* The pipe brings SIGIO, to wait for it as for everything else. */
static int
watch_alive(struct parent *p, struct err *err)
{
	if (pipe2(p->alive, O_CLOEXEC | O_NONBLOCK) < 0 || fcntl(p->alive[0], F_SETOWN, getpid()) < 0 ||
	    fcntl(p->alive[0], F_SETFL, O_ASYNC | O_NONBLOCK) < 0)
		return err_set(err, "no pipe can be made: %s", strerror(errno));
	return 0;
}

/* Said once, when connections are not only taken by the kernel but served, too. */
static void
tell_ready(struct parent *p)
{
	char octets[WORKERS_MAX];

	if (read(p->alive[0], octets, sizeof(octets)) <= 0 || p->ready)
		return;
	p->ready = true;
	log_notice("mailbell-lmtp %s is ready", MAILBELL_VERSION);
	sdnotify("READY=1");
}

int
parent_run(const struct parent_args *args)
{
	struct parent p = { .args = args, .n_workers = count_workers(args->config) };
	const struct timespec wait = { .tv_sec = WAIT_S };
	struct err err;
	sigset_t set;
	int signo;

	p.old = *args->kept;
	signals_of(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (watch_alive(&p, &err) < 0) {
		log_fatal("%s", err.text);
		return EX_OSERR;
	}
	for (size_t i = 0; i < p.n_workers; i++)
		start_worker(&p, &p.worker[i]);
	signal_old(&p, SIGHUP);
	while (reap(&p) || !p.stopping) {
		keep_alive(&p);
		tell_ready(&p);
		signo = sigtimedwait(&set, NULL, &wait);
		if (signo == SIGHUP)
			hang_up(&p);
		else if (signo == SIGTERM || signo == SIGINT)
			stop(&p);
	}
	return EX_OK;
}
