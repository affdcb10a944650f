/* Slots per push service: who may start, who waits, who is next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "daemon/origin.h"

#define NOW	1000000

static enum origin_start
start(struct origins *all, const char *name, int64_t now, struct origin **o, struct origin_waiter *w)
{
	bool made;

	*o = origin_open(all, name, now, &made);
	return origin_start(*o, now, w);
}

static struct origin_news
end(struct origin *o, enum breaker_outcome outcome, int64_t now)
{
	struct breaker_event e = { .outcome = outcome, .cause = BREAKER_BUSY, .account = 1 };

	return origin_end(o, &e, 1, now, 0);
}

/* Takes n slots at a name; returns how many were given, the last origin in *o. */
static int
take(struct origins *all, const char *name, int n, struct origin **o, struct origin_waiter *w)
{
	int given = 0;

	while (given < n && start(all, name, NOW, o, w) != ORIGIN_WAIT)
		given++;
	return given;
}

static void
untested_host_gets_two(void **state)
{
	struct origins *all = origins_new();
	struct origin_waiter w = { .owner = &w };
	struct origin *o = NULL;

	(void)state;
	assert_null(origin_find(all, "https://a"));
	assert_int_equal(take(all, "https://a", 3, &o, &w), ORIGIN_UNTESTED);
	assert_ptr_equal(origin_find(all, "https://a"), o);
	assert_null(origin_next(all, NOW));
	origin_forget(&w);
	assert_true(origin_wait(o, NOW, &w));
	end(o, BREAKER_ANSWERED, NOW);
	assert_ptr_equal(origin_next(all, NOW), &w);
	assert_null(origin_next(all, NOW));
	assert_false(origin_wait(o, NOW, &w));	/* and no slot is taken by that */
	end(o, BREAKER_ANSWERED, NOW);
	assert_null(origin_walk(all, NULL));	/* nothing is remembered of it */
	origins_free(all);
}

static void
untested_hosts_share_sixteen(void **state)
{
	struct origins *all = origins_new();
	struct origin_waiter w[32] = { { .owner = NULL } };
	struct origin *o[32];
	char name[32];
	int given = 0;

	(void)state;
	for (int i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "https://h%d", i);
		w[i].owner = &w[i];
		given += start(all, name, NOW, &o[i], &w[i]) == ORIGIN_STARTED;
	}
	assert_int_equal(given, ORIGIN_UNTESTED_ALL);
	/* Those that wait take turns, one for each slot that is given back. */
	end(o[0], BREAKER_ANSWERED, NOW);
	assert_ptr_equal(origin_next(all, NOW), &w[16]);
	assert_int_equal(start(all, "https://h16", NOW, &o[16], &w[16]), ORIGIN_STARTED);
	assert_null(origin_next(all, NOW));
	for (int i = 17; i < 32; i++)
		origin_forget(&w[i]);
	assert_null(origin_next(all, NOW));
	origins_free(all);
}

static void
tested_host_gets_many(void **state)
{
	struct origins *all = origins_new();
	struct origin_waiter w = { .owner = &w }, other = { .owner = &other };
	struct origin *o = NULL, *p = NULL;

	(void)state;
	assert_int_equal(take(all, "https://good", 1, &o, &w), 1);
	end(o, BREAKER_TAKEN, NOW);
	assert_int_equal(take(all, "https://good", 100, &o, &w), ORIGIN_TESTED);
	origin_forget(&w);
	/* Its slots are not those of the untested. */
	assert_int_equal(take(all, "https://dead", 3, &p, &other), ORIGIN_UNTESTED);
	origin_forget(&other);
	origins_free(all);
}

static void
trust_ends_after_a_day(void **state)
{
	struct origins *all = origins_new();
	struct origin_waiter w = { .owner = &w };
	struct origin *o = NULL;

	(void)state;
	take(all, "https://good", 1, &o, &w);
	end(o, BREAKER_TAKEN, NOW - ORIGIN_TRUST_S + 1);
	assert_int_equal(take(all, "https://good", 3, &o, &w), 3);
	origins_free(all);
	all = origins_new();
	take(all, "https://good", 1, &o, &w);
	end(o, BREAKER_TAKEN, NOW - ORIGIN_TRUST_S);
	assert_int_equal(take(all, "https://good", 3, &o, &w), ORIGIN_UNTESTED);
	origin_forget(&w);
	origins_free(all);
}

static void
slots_in_flight_turn_with_their_origin(void **state)
{
	struct origins *all = origins_new();
	struct origin_waiter w = { .owner = &w };
	struct origin *a = NULL, *b = NULL;
	char name[32];

	(void)state;
	take(all, "https://good", 2, &a, &w);
	end(a, BREAKER_TAKEN, NOW);		/* the other one is still in flight */
	for (int i = 0; i < ORIGIN_UNTESTED_ALL; i++) {
		snprintf(name, sizeof(name), "https://h%d", i);
		assert_int_equal(take(all, name, 1, &b, &w), 1);
	}
	end(a, BREAKER_ANSWERED, NOW);
	assert_int_equal(start(all, "https://one-too-many", NOW, &b, &w), ORIGIN_WAIT);
	origin_forget(&w);
	origins_free(all);
}

/* Whoever is behind comes when no one else can use the slot, at any origin. */
static void
verifications_come_last(void **state)
{
	struct origins *all = origins_new();
	struct origin_waiter v = { .owner = &v, .behind = true }, m = { .owner = &m };
	struct origin_waiter other = { .owner = &other };
	struct origin *a = NULL, *b = NULL;

	(void)state;
	assert_int_equal(take(all, "https://a", 3, &a, &v), 2);
	assert_int_equal(take(all, "https://b", 3, &b, &other), 2);
	assert_int_equal(origin_start(a, NOW, &m), ORIGIN_WAIT);
	end(a, BREAKER_ANSWERED, NOW);
	end(b, BREAKER_ANSWERED, NOW);
	assert_ptr_not_equal(origin_next(all, NOW), &v);
	assert_ptr_not_equal(origin_next(all, NOW), &v);
	assert_ptr_equal(origin_next(all, NOW), &v);
	origins_free(all);
}

/* A pause: nobody starts, the loop is told when to look, one probe, then slots one by one. */
static void
a_pause_and_its_end(void **state)
{
	struct origins *all = origins_new();
	struct origin_waiter w = { .owner = &w }, x = { .owner = &x };
	struct origin_view view;
	struct origin_news news;
	struct origin *o = NULL;

	(void)state;
	take(all, "https://a", 1, &o, &w);
	end(o, BREAKER_TAKEN, NOW);
	take(all, "https://a", 1, &o, &w);
	news = end(o, BREAKER_FAILED, NOW);
	assert_int_equal(news.change, BREAKER_OPENED);
	assert_int_equal(news.pause, 60);
	assert_int_equal(origins_paused(all), 1);
	assert_int_equal(origin_wake(all), ORIGIN_NEVER);	/* nobody waits */
	assert_int_equal(start(all, "https://a", NOW, &o, &w), ORIGIN_WAIT);
	assert_int_equal(start(all, "https://a", NOW, &o, &x), ORIGIN_WAIT);
	assert_int_equal(origin_wake(all), NOW + 60);
	assert_null(origin_next(all, NOW + 59));
	origin_show(o, &view);
	assert_string_equal(view.why, "busy");
	assert_int_equal(view.waiting, 2);
	assert_ptr_equal(origin_next(all, NOW + 60), &w);
	assert_int_equal(origin_start(o, NOW + 60, &w), ORIGIN_PROBE);
	assert_null(origin_next(all, NOW + 61));
	news = origin_end(o, &(struct breaker_event){ .outcome = BREAKER_TAKEN, .probe = true }, 3,
	    NOW + 62, 0);
	assert_int_equal(news.change, BREAKER_CLOSED);
	assert_int_equal(origins_paused(all), 0);
	assert_ptr_equal(origin_next(all, NOW + 62), &x);
	assert_int_equal(take(all, "https://a", 9, &o, &w), 2);	/* one for the probe, one more */
	origin_forget(&w);
	end(o, BREAKER_TAKEN, NOW + 63);
	assert_int_equal(take(all, "https://a", 9, &o, &w), 2);
	origin_forget(&w);
	origins_free(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untested_host_gets_two),
		cmocka_unit_test(untested_hosts_share_sixteen),
		cmocka_unit_test(tested_host_gets_many),
		cmocka_unit_test(trust_ends_after_a_day),
		cmocka_unit_test(slots_in_flight_turn_with_their_origin),
		cmocka_unit_test(verifications_come_last),
		cmocka_unit_test(a_pause_and_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
