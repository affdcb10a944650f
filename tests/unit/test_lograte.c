/* How often one kind of log line may be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/lograte.h"

static const char one[] = "one", two[] = "two";

static bool
may(struct lograte *r, const void *key, int64_t now_ms)
{
	uint64_t left_out = 0;

	return lograte_may(r, key, now_ms, &left_out);
}

static int
written(struct lograte *r, const void *key, int64_t now_ms, int tries)
{
	int n = 0;

	while (tries-- > 0)
		n += may(r, key, now_ms);
	return n;
}

/* A flood is cut, another kind is not, and a minute later the first line has the number. */
static void
flood(void **state)
{
	struct lograte r = { 0 };
	uint64_t left_out = 99;

	(void)state;
	assert_int_equal(written(&r, one, 1000, 1000), LOGRATE_LINES);
	assert_true(may(&r, two, 1000));
	assert_false(may(&r, one, 1000 + LOGRATE_MS - 1));
	assert_true(lograte_may(&r, one, 1000 + LOGRATE_MS, &left_out));
	assert_int_equal(left_out, 1000 - LOGRATE_LINES + 1);
	assert_true(lograte_may(&r, one, 1000 + LOGRATE_MS, &left_out));
	assert_int_equal(left_out, 0);
	assert_int_equal(written(&r, one, 1000 + LOGRATE_MS, 1000), LOGRATE_LINES - 2);
}

/* What comes now and then is always written. */
static void
trickle(void **state)
{
	struct lograte r = { 0 };
	int n = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		n += may(&r, one, (int64_t)i * LOGRATE_MS / LOGRATE_LINES);
	assert_int_equal(n, 1000);
}

/* More kinds than there is room for: each of them is still bounded while it floods. */
static void
many_kinds(void **state)
{
	static const char keys[LOGRATE_KINDS * 2];
	struct lograte r = { 0 };

	(void)state;
	for (int i = 0; i < LOGRATE_KINDS * 2; i++)
		assert_int_equal(written(&r, &keys[i], i, 100), LOGRATE_LINES);
	assert_false(may(&r, &keys[LOGRATE_KINDS * 2 - 1], LOGRATE_KINDS * 2));
	assert_true(may(&r, &keys[0], LOGRATE_KINDS * 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flood),
		cmocka_unit_test(trickle),
		cmocka_unit_test(many_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
