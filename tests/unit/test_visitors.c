/* visitors: who has introduced himself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/visitors.h"

static void
meet(struct visitors *v, const char *program, const char *version, int64_t now)
{
	const struct wire_hello hello = { .program = slice_of(program), .version = slice_of(version) };

	visitors_note(v, &hello, now);
}

/* Who comes again is there once, with the later time; another version is another visitor. */
static void
test_again(void **state)
{
	struct visitors v = { .n = 0 };

	(void)state;
	meet(&v, "mailbell-lmtp", "0.1", 10);
	meet(&v, "mailbell-lmtp", "0.1", 20);
	meet(&v, "mailbell-lmtp", "0.2", 30);
	assert_int_equal(v.n, 2);
	assert_int_equal(v.list[0].seen, 20);
	assert_string_equal(v.list[1].version, "0.2");
}

/* The oldest makes room; names of any length are cut. */
static void
test_bounds(void **state)
{
	struct visitors v = { .n = 0 };
	char name[200];

	(void)state;
	for (int i = 0; i < VISITORS_MAX; i++) {
		snprintf(name, sizeof(name), "program %d", i);
		meet(&v, name, "0.1", i == 3 ? 1 : 100 + i);
	}
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	meet(&v, name, name, 500);
	assert_int_equal(v.n, VISITORS_MAX);
	assert_int_equal(strlen(v.list[3].program), VISITOR_TEXT - 1);
	assert_int_equal(v.list[3].seen, 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again), cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests_name("visitors", tests, NULL, NULL);
}
