/* What an account may ask for in an hour and in a day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/window.h"

#define NOW	1800000000LL

static void
ten_verifications_an_hour_thirty_a_day(void **state)
{
	struct account a = { .content = -1 };
	int64_t now = NOW;
	int n = 0;

	(void)state;
	for (; now < NOW + 86400; now += 60)
		if (window_verify_wait(&a, now) == 0) {
			window_verify_count(&a);
			n++;
		}
	assert_int_equal(n, WINDOW_VERIFY_DAY);
	assert_int_equal(window_verify_wait(&a, NOW + 86400 - 10), 10);
	assert_int_equal(window_verify_wait(&a, NOW + 86400), 0);
}

static void
the_hour_ends(void **state)
{
	struct account a = { .content = -1 };

	(void)state;
	for (int i = 0; i < WINDOW_VERIFY_HOUR; i++) {
		assert_int_equal(window_verify_wait(&a, NOW + i), 0);
		window_verify_count(&a);
	}
	assert_int_equal(window_verify_wait(&a, NOW + 100), 3500);
	assert_int_equal(window_verify_wait(&a, NOW - 5), 0);	/* the clock was set back */
}

static void
ten_wrong_tokens_an_hour(void **state)
{
	struct account a = { .content = -1 };

	(void)state;
	for (int i = 0; i < WINDOW_WRONG_HOUR; i++) {
		assert_false(window_wrong_full(&a, NOW));
		window_wrong_count(&a);
	}
	assert_true(window_wrong_full(&a, NOW + 3599));
	assert_false(window_wrong_full(&a, NOW + 3600));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_verifications_an_hour_thirty_a_day),
		cmocka_unit_test(the_hour_ends),
		cmocka_unit_test(ten_wrong_tokens_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
