/* The histogram of the lag: bounds belong to their bucket, a clock that was set back harms nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/lag.h"

static void
test_buckets(void **state)
{
	struct lag l = { .total = 0 };

	(void)state;
	lag_add(&l, -5);
	lag_add(&l, 0);
	lag_add(&l, lag_bound_ms(0));
	lag_add(&l, lag_bound_ms(0) + 1);
	lag_add(&l, INT64_C(1) << 50);
	assert_int_equal(l.count[0], 3);
	assert_int_equal(l.count[1], 1);
	assert_int_equal(l.count[LAG_BUCKETS - 1], 1);
	assert_int_equal(l.total, 5);
	assert_int_equal(l.sum_ms, 2 * lag_bound_ms(0) + 1 + (INT64_C(1) << 50));
}

static void
test_bounds_grow(void **state)
{
	(void)state;
	for (int i = 1; i < LAG_BUCKETS; i++)
		assert_true(lag_bound_ms(i) > lag_bound_ms(i - 1));
	assert_true(lag_bound_ms(LAG_BUCKETS - 1) == INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_bounds_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
