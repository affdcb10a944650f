/* Bursts, high urgency, devices that are away, waits and clocks; floods of verifications. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/flood.h"
#include "daemon/pace.h"

#define NOW	1800000000LL
#define NOW_MS	(NOW * 1000)

static const struct config config = {
	.burst = 20, .burst_interval = 5, .unseen_max = 50, .sync_interval = 600,
};

static void
twenty_at_once_then_one_each_five_seconds(void **state)
{
	struct delivery d = { 0 };
	int64_t now = NOW_MS, end = NOW_MS + 60 * 1000, wait;
	int n = 0;

	(void)state;
	while (now < end) {
		wait = pace_wait_ms(&config, &d, now);
		assert_in_range(wait, 0, 5000);
		now += wait;
		if (now >= end)
			break;
		pace_used(&config, &d, false, now);
		n++;
	}
	assert_int_equal(n, 20 + 60 / 5 - 1);
	assert_int_equal(pace_wait_ms(&config, &d, now + 1000 * 1000), 0);
}

static void
a_clock_that_is_set_back_prolongs_nothing(void **state)
{
	struct delivery d = { .burst_ms = NOW_MS + 86400 * 1000LL };

	(void)state;
	assert_int_equal(pace_wait_ms(&config, &d, NOW_MS), 0);
	pace_used(&config, &d, false, NOW_MS);
	assert_int_equal(d.burst_ms, NOW_MS + 5000);
	d = (struct delivery){ .last_try = NOW, .wait_until = NOW + 60 };
	assert_int_equal(pace_wait_ms(&config, &d, NOW_MS), 60000);
	assert_int_equal(pace_wait_ms(&config, &d, NOW_MS - 86400 * 1000LL), 60000);
	assert_int_equal(pace_verify_wait_ms(&d, NOW_MS + 59000), 1000);
	assert_int_equal(pace_verify_wait_ms(&d, NOW_MS + 61000), 0);
	d = (struct delivery){ .unseen = 50, .unseen_sync = NOW + 86400 };
	assert_int_equal(pace_wait_ms(&config, &d, NOW_MS), 0);
}

static void
twenty_are_urgent_in_an_hour(void **state)
{
	struct delivery d = { 0 };

	(void)state;
	for (int i = 0; i < PACE_HIGH_AN_HOUR; i++) {
		assert_true(pace_may_be_high(&d, NOW + i));
		pace_used(&config, &d, true, NOW_MS + i * 1000);
		pace_used(&config, &d, false, NOW_MS + i * 1000);
	}
	assert_false(pace_may_be_high(&d, NOW + 3599));
	assert_true(pace_may_be_high(&d, NOW + 3600));
	assert_true(pace_may_be_high(&d, NOW - 1));
	pace_used(&config, &d, true, NOW_MS + 3600 * 1000);
	assert_int_equal(d.high_count, 1);
}

static void
who_is_away_gets_a_sync_each_ten_minutes(void **state)
{
	struct config never = config;
	struct delivery d = { 0 };

	(void)state;
	for (int i = 0; i < 50; i++) {
		assert_false(pace_is_away(&config, &d));
		pace_taken(&d, true, NOW);
	}
	assert_true(pace_is_away(&config, &d));
	assert_int_equal(pace_wait_ms(&config, &d, NOW_MS), 0);
	pace_taken(&d, false, NOW);
	assert_int_equal(pace_wait_ms(&config, &d, NOW_MS + 1000), 599 * 1000);
	assert_int_equal(pace_wait_ms(&config, &d, NOW_MS + 600 * 1000), 0);
	never.unseen_max = 0;
	assert_false(pace_is_away(&never, &d));
}

static void
thirty_verifications_a_minute_for_a_host(void **state)
{
	struct flood *f = flood_new();

	(void)state;
	for (int i = 0; i < FLOOD_A_MINUTE; i++) {
		assert_int_equal(flood_wait(f, "victim.example", 1000 + i), 0);
		flood_count(f, "victim.example", 1000 + i);
	}
	assert_int_equal(flood_wait(f, "victim.example", 1040), 20);
	assert_int_equal(flood_wait(f, "other.example", 1040), 0);
	assert_int_equal(flood_wait(f, "victim.example", 1060), 0);
	flood_count(f, "victim.example", 1060);
	assert_int_equal(flood_wait(f, "victim.example", 1060), 0);
	flood_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(twenty_at_once_then_one_each_five_seconds),
		cmocka_unit_test(a_clock_that_is_set_back_prolongs_nothing),
		cmocka_unit_test(twenty_are_urgent_in_an_hour),
		cmocka_unit_test(who_is_away_gets_a_sync_each_ten_minutes),
		cmocka_unit_test(thirty_verifications_a_minute_for_a_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
