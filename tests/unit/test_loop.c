/* Which watches are called, and that a deleted one never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/loop.h"

struct end {
	struct loop	*loop;
	struct loop_watch watch;
	struct end	*kills;		/* deleted when this one is called */
	int		 calls;
	uint32_t	 events;
	int		 peer;		/* the other end of the pipe */
};

static void
ready(void *arg, uint32_t events)
{
	struct end *e = arg;

	e->calls++;
	e->events = events;
	if (e->kills != NULL)
		loop_del(e->loop, &e->kills->watch);
}

static void
open_end(struct end *e, struct loop *l)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	memset(e, 0, sizeof(*e));
	e->loop = l;
	e->watch = (struct loop_watch){ .fd = fds[0], .events = EPOLLIN, .ready = ready, .arg = e };
	e->peer = fds[1];
	assert_int_equal(loop_add(l, &e->watch), 0);
}

static void
close_end(struct end *e)
{
	loop_del(e->loop, &e->watch);
	close(e->watch.fd);
	close(e->peer);
}

static void
calls_what_is_ready(void **state)
{
	struct loop *l = loop_new();
	struct end a, b;

	(void)state;
	open_end(&a, l);
	open_end(&b, l);
	loop_wait(l, 0);
	assert_int_equal(a.calls + b.calls, 0);
	assert_int_equal(write(b.peer, "x", 1), 1);
	loop_wait(l, 1000);
	loop_wait(l, 1000);
	assert_int_equal(a.calls, 0);
	assert_int_equal(b.calls, 2);
	assert_true(b.events & EPOLLIN);
	close_end(&a);
	close_end(&b);
	loop_free(l);
}

/* Each of two ready watches deletes the other: exactly one is called, whichever comes first. */
static void
deleted_in_the_same_batch(void **state)
{
	struct loop *l = loop_new();
	struct end a, b;

	(void)state;
	open_end(&a, l);
	open_end(&b, l);
	a.kills = &b;
	b.kills = &a;
	assert_int_equal(write(a.peer, "x", 1), 1);
	assert_int_equal(write(b.peer, "x", 1), 1);
	loop_wait(l, 1000);
	assert_int_equal(a.calls + b.calls, 1);
	close_end(&a);
	close_end(&b);
	loop_free(l);
}

static void
deletes_itself(void **state)
{
	struct loop *l = loop_new();
	struct end a;

	(void)state;
	open_end(&a, l);
	a.kills = &a;
	assert_int_equal(write(a.peer, "x", 1), 1);
	loop_wait(l, 1000);
	loop_wait(l, 0);
	assert_int_equal(a.calls, 1);
	close_end(&a);
	loop_free(l);
}

static void
changes_what_it_waits_for(void **state)
{
	struct loop *l = loop_new();
	struct end a;

	(void)state;
	open_end(&a, l);
	assert_int_equal(write(a.peer, "x", 1), 1);
	loop_change(l, &a.watch, 0);
	loop_wait(l, 0);
	assert_int_equal(a.calls, 0);
	loop_change(l, &a.watch, EPOLLIN);
	loop_wait(l, 1000);
	assert_int_equal(a.calls, 1);
	close_end(&a);
	loop_free(l);
}

static void
tells_of_a_hangup(void **state)
{
	struct loop *l = loop_new();
	struct end a;

	(void)state;
	open_end(&a, l);
	close(a.peer);
	loop_wait(l, 1000);
	assert_true(a.events & EPOLLHUP);
	a.peer = -1;
	close_end(&a);
	loop_free(l);
}

static void
refuses_a_bad_descriptor(void **state)
{
	struct loop *l = loop_new();
	struct loop_watch w = { .fd = -1, .events = EPOLLIN, .ready = ready };

	(void)state;
	assert_int_equal(loop_add(l, &w), -1);
	loop_free(l);
	loop_free(NULL);
}

static void
on_alarm(int sig)
{
	(void)sig;
}

/* A wait without end ends with a signal, and calls nobody. */
static void
signal_ends_the_wait(void **state)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval timer = { { 0, 20000 }, { 0, 20000 } }, off = { { 0, 0 }, { 0, 0 } };
	struct loop *l = loop_new();
	int64_t start = clock_mono_ms();
	struct end a;

	(void)state;
	open_end(&a, l);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	loop_wait(l, -1);
	setitimer(ITIMER_REAL, &off, NULL);
	assert_int_equal(a.calls, 0);
	assert_true(clock_mono_ms() - start < 10000);
	close_end(&a);
	loop_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_what_is_ready), cmocka_unit_test(deleted_in_the_same_batch),
		cmocka_unit_test(deletes_itself), cmocka_unit_test(changes_what_it_waits_for),
		cmocka_unit_test(tells_of_a_hangup), cmocka_unit_test(refuses_a_bad_descriptor),
		cmocka_unit_test(signal_ends_the_wait),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
