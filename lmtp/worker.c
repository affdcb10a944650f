/*
 * A worker accepts only where two descriptors are free, one for each side of the session.  At the
 * limit it stops to listen until a session has ended: nobody is refused, the backlog waits.
 *
 * While it drains, a session that has had no transaction yet may have one: Postfix takes a
 * connection that is closed right behind the greeting for a dead destination.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lmtp/session.h"
#include "lmtp/worker.h"

#define TICK_MS		1000
#define TICK_SOON_MS	100
#define DRAIN_HOLD_MS	(3600 * 1000)
#define STOP_MS		30000
#define FD_RESERVE	(16 + WORKER_LISTENERS_MAX)	/* descriptors that are not sessions' */

struct worker;

struct listener {
	struct loop_watch watch;
	struct worker	*worker;
};

struct worker {
	struct session_env env;
	struct listener	 listener[WORKER_LISTENERS_MAX];
	size_t		 n_listeners;
	bool		 listening;
	struct loop_watch signals;
	size_t		 n_sessions;
	size_t		 descriptors;	/* that may be open; 0: nobody knows */
	bool		 stopping;	/* SIGTERM: deadline_ms holds for the sessions, too */
	int64_t		 deadline_ms;	/* while draining: nothing held is waited for after it */
	int64_t		 next_tick_ms;
};

static bool
has_room(const struct worker *w)
{
	return w->descriptors == 0 || 2 * (w->n_sessions + 1) + FD_RESERVE <= w->descriptors;
}

static void
listen_on(struct worker *w)
{
	if (w->listening || w->env.draining || !has_room(w))
		return;
	w->listening = true;
	for (size_t i = 0; i < w->n_listeners; i++)
		if (loop_add(w->env.loop, &w->listener[i].watch) < 0)
			log_warn("epoll: %s", strerror(errno));
}

static void
listen_off(struct worker *w)
{
	if (!w->listening)
		return;
	w->listening = false;
	for (size_t i = 0; i < w->n_listeners; i++)
		loop_del(w->env.loop, &w->listener[i].watch);
}

/* One connection a turn: the other workers want some, too. */
static void
on_listener(void *arg, uint32_t events)
{
	struct listener *l = arg;
	struct worker *w = l->worker;
	int fd = -1, one = 1;

	(void)events;
	if (has_room(w))
		fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		w->n_sessions++;
		session_start(&w->env, fd);
	} else if (!has_room(w) || errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM)
		listen_off(w);
}

static void
on_session_over(void *arg, struct session *s)
{
	struct worker *w = arg;

	session_free(s);
	w->n_sessions--;
	listen_on(w);
}

/* Calls each session's tick; true: one of them cannot wait long for the next. */
static bool
tick_sessions(struct worker *w, int64_t now_ms)
{
	struct session *next;
	bool soon = false;

	for (struct session *s = w->env.list; s != NULL; s = next) {
		next = session_next(s);
		soon |= session_tick(s, now_ms);
	}
	return soon;
}

static void
drain(struct worker *w, int64_t deadline_ms)
{
	listen_off(w);
	for (size_t i = 0; i < w->n_listeners; i++)
		close(w->listener[i].watch.fd);
	w->n_listeners = 0;
	w->env.draining = true;
	hold_drain(w->env.hold);
	w->deadline_ms = deadline_ms;
	w->next_tick_ms = 0;
}

static void
on_signal(void *arg, uint32_t events)
{
	struct worker *w = arg;
	struct signalfd_siginfo info;
	int64_t now_ms = clock_mono_ms();

	(void)events;
	if (read(w->signals.fd, &info, sizeof(info)) != sizeof(info) || w->stopping)
		return;
	if (info.ssi_signo != SIGHUP) {
		w->stopping = true;
		drain(w, now_ms + STOP_MS);
	} else if (!w->env.draining)
		drain(w, now_ms + DRAIN_HOLD_MS);
}

static bool
finished(const struct worker *w)
{
	bool late = clock_mono_ms() >= w->deadline_ms;

	if (!w->env.draining)
		return false;
	if (w->n_sessions > 0)
		return w->stopping && late;
	return late || hold_recipients(w->env.hold) == 0;
}

static void
serve(struct worker *w)
{
	int64_t now_ms;

	while (!finished(w)) {
		now_ms = clock_mono_ms();
		if (now_ms >= w->next_tick_ms) {
			hold_tick(w->env.hold, now_ms);
			w->next_tick_ms = now_ms + (tick_sessions(w, now_ms) ? TICK_SOON_MS : TICK_MS);
			listen_on(w);
		}
		loop_wait(w->env.loop, w->next_tick_ms - now_ms);
	}
}

static int
watch_signals(struct worker *w, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	w->signals = (struct loop_watch){ .events = EPOLLIN, .ready = on_signal, .arg = w };
	w->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (w->signals.fd < 0 || loop_add(w->env.loop, &w->signals) < 0)
		return err_set(err, "signalfd: %s", strerror(errno));
	return 0;
}

static int
find_neighbours(const struct config *config, struct sock_addr *backend, struct sock_addr *arrival,
    struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "unix:%s/arrival", config->run_dir);
	if (sock_parse(config->lmtp_backend, backend, err) < 0)
		return -1;
	return sock_parse(path, arrival, err);
}

static void
tell_alive(int fd)
{
	if (write(fd, "", 1) < 0)
		log_warn("the parent cannot be told that a worker serves: %s", strerror(errno));
	close(fd);
}

int
worker_run(const struct config *config, const int *listeners, size_t n, int alive)
{
	struct worker w = { .env = { .config = config, .over = on_session_over } };
	struct sock_addr arrival;
	struct err err;

	if (find_neighbours(config, &w.env.backend, &arrival, &err) < 0) {
		log_fatal("%s", err.text);
		return EX_CONFIG;
	}
	w.descriptors = limits_descriptors();
	limits_be_patient();
	w.env.arg = &w;
	w.env.loop = loop_new();
	w.env.hold = hold_new(w.env.loop, &arrival);
	for (size_t i = 0; i < n; i++)
		w.listener[w.n_listeners++] = (struct listener){
			.watch = { .fd = listeners[i], .events = EPOLLIN, .ready = on_listener,
			    .arg = &w.listener[i] },
			.worker = &w
		};
	if (watch_signals(&w, &err) < 0) {
		log_fatal("%s", err.text);
		return EX_OSERR;
	}
	tell_alive(alive);
	serve(&w);
	while (w.env.list != NULL)
		session_free(w.env.list);
	hold_free(w.env.hold);
	loop_free(w.env.loop);
	return EX_OK;
}
