/* The queue: found by number, ordered by due time, against a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/queue.h"

#define N	5000

static void
finds_what_was_added(void **state)
{
	struct queue *q = queue_new();

	(void)state;
	assert_null(queue_first(q, false));
	for (uint64_t i = 1; i <= N; i++)
		assert_int_equal(queue_add(q, i * 7)->number, i * 7);
	assert_int_equal(queue_length(q), N);
	assert_ptr_equal(queue_add(q, 7), queue_get(q, 7));
	assert_int_equal(queue_length(q), N);
	assert_null(queue_get(q, 8));
	assert_int_equal(queue_get(q, N * 7)->due_ms, QUEUE_NEVER);
	queue_free(q);
}

static void
gives_the_first_due(void **state)
{
	struct queue *q = queue_new();
	unsigned seed = 12345;
	int64_t last = 0;
	struct pending *p;

	(void)state;
	for (uint64_t i = 1; i <= N; i++)
		queue_set_due(q, queue_add(q, i), rand_r(&seed) % 100000);
	for (uint64_t i = 1; i <= N; i += 3)		/* moved, up and down */
		queue_set_due(q, queue_get(q, i), rand_r(&seed) % 100000);
	for (uint64_t i = 2; i <= N; i += 3)		/* taken out of the middle */
		queue_remove(q, queue_get(q, i));
	for (size_t left = queue_length(q); left > 0; left--) {
		p = queue_first(q, false);
		assert_true(p->due_ms >= last);
		last = p->due_ms;
		queue_remove(q, p);
	}
	assert_null(queue_first(q, false));
	queue_free(q);
}

static void
those_behind_are_apart(void **state)
{
	struct queue *q = queue_new();

	(void)state;
	for (uint64_t i = 1; i <= 10; i++) {
		queue_set_due(q, queue_add(q, i), (int64_t)(100 - i));
		queue_set_behind(q, queue_get(q, i), i % 2 == 0);
	}
	assert_int_equal(queue_length(q), 10);
	assert_int_equal(queue_first(q, false)->number, 9);
	assert_int_equal(queue_first(q, true)->number, 10);
	queue_set_behind(q, queue_get(q, 10), false);
	assert_int_equal(queue_first(q, false)->number, 10);
	for (uint64_t i = 2; i <= 8; i += 2)
		queue_remove(q, queue_get(q, i));
	assert_null(queue_first(q, true));
	queue_free(q);
}

static void
leaves_its_line_when_removed(void **state)
{
	struct origins *all = origins_new();
	struct queue *q = queue_new();
	struct pending *p = queue_add(q, 1);
	bool made;

	(void)state;
	while (origin_start(origin_open(all, "https://a", 1, &made), 1, &p->waiter) != ORIGIN_WAIT)
		;
	assert_non_null(p->waiter.origin);
	queue_remove(q, p);
	assert_null(origin_next(all, 1));
	queue_free(q);
	origins_free(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added),
		cmocka_unit_test(gives_the_first_due),
		cmocka_unit_test(those_behind_are_apart),
		cmocka_unit_test(leaves_its_line_when_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
