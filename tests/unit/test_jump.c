/* Two clocks cannot be read at once: what is made of a pause between the readings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/jump.h"

#define WALL	INT64_C(1700000000000)
#define HOUR	(3600 * 1000)

static void
a_jump_is_seen(void **state)
{
	(void)state;
	assert_true(jump_offset(5000, WALL, 5000, 0) == WALL - 5000);
	assert_true(jump_offset(5000, WALL + HOUR, 5002, WALL - 5000) == WALL - 5000 + HOUR);
	assert_true(jump_offset(5000, WALL - HOUR, 5002, WALL - 5000) == WALL - 5000 - HOUR);
}

/* Stopped for an hour before the wall clock was read, or behind it. */
static void
a_pause_is_no_jump(void **state)
{
	(void)state;
	assert_true(jump_offset(5000, WALL + HOUR, 5000 + HOUR, WALL - 5000) == WALL - 5000);
	assert_true(jump_offset(5000, WALL, 5000 + HOUR, WALL - 5000) == WALL - 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_jump_is_seen), cmocka_unit_test(a_pause_is_no_jump),
	};

	return cmocka_run_group_tests_name("jump", tests, NULL, NULL);
}
