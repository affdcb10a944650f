/* Slots per push service: who may start, who waits, who is next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "daemon/origin.h"

#define NOW	1000000

/* Takes n slots at a name; returns how many were given, the last origin in *o. */
static int
take(struct origins *all, const char *name, int n, struct origin **o, struct origin_waiter *w)
{
	struct origin *got;
	int given = 0;

	for (int i = 0; i < n; i++) {
		got = origin_start(all, name, NOW, w);
		if (got == NULL)
			break;
		*o = got;
		given++;
	}
	return given;
}

static void
untested_host_gets_two(void **state)
{
	struct origins *all = origins_new();
	struct origin_waiter w = { .owner = &w };
	struct origin *o = NULL;

	(void)state;
	assert_int_equal(take(all, "https://a", 3, &o, &w), ORIGIN_UNTESTED);
	assert_null(origin_next(all, NOW));
	origin_end(all, o, false, NOW);
	assert_ptr_equal(origin_next(all, NOW), &w);
	assert_null(origin_next(all, NOW));
	origin_end(all, o, false, NOW);
	origins_free(all);
}

static void
untested_hosts_share_sixteen(void **state)
{
	struct origins *all = origins_new();
	struct origin_waiter w[32] = { { .owner = NULL } };
	struct origin *o[32] = { NULL };
	char name[32];
	int given = 0;

	(void)state;
	for (int i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "https://h%d", i);
		w[i].owner = &w[i];
		o[i] = origin_start(all, name, NOW, &w[i]);
		given += o[i] != NULL;
	}
	assert_int_equal(given, ORIGIN_UNTESTED_ALL);
	/* Those that wait take turns, one for each slot that is given back. */
	origin_end(all, o[0], false, NOW);
	assert_ptr_equal(origin_next(all, NOW), &w[16]);
	assert_non_null(origin_start(all, "https://h16", NOW, &w[16]));
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
	origin_end(all, o, true, NOW);
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
	origin_end(all, o, true, NOW - ORIGIN_TRUST_S);
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
	origin_end(all, a, true, NOW);		/* the other one is still in flight */
	for (int i = 0; i < ORIGIN_UNTESTED_ALL; i++) {
		snprintf(name, sizeof(name), "https://h%d", i);
		assert_int_equal(take(all, name, 1, &b, &w), 1);
	}
	origin_end(all, a, false, NOW);
	assert_null(origin_start(all, "https://one-too-many", NOW, &w));
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
