/* Slots of one account: who may start, who waits, who is next, and that nothing of it is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "daemon/crowd.h"

/* Takes all slots of an account; the crowd. */
static struct crowd *
fill(struct crowds *all, const char *account)
{
	struct crowd *c = NULL;

	for (int i = 0; i < CROWD_MAX; i++) {
		c = crowd_enter(all, account, NULL);
		assert_non_null(c);
	}
	return c;
}

static void
empty(struct crowd *c, int n)
{
	while (n-- > 0)
		crowd_leave(c);
}

static void
an_account_has_its_slots(void **state)
{
	struct crowds *all = crowds_new();
	struct crowd_waiter w = { .owner = &w };
	struct crowd *a = fill(all, "alice"), *b;

	(void)state;
	assert_false(crowd_wait(all, "bob", &w));	/* nobody knows of him */
	assert_true(crowd_wait(all, "alice", &w));
	crowd_forget(&w);
	assert_null(crowd_enter(all, "alice", &w));
	assert_false(crowd_due(all));
	assert_null(crowd_next(all));
	b = crowd_enter(all, "bob", NULL);		/* others have theirs */
	assert_non_null(b);
	crowd_leave(b);
	crowd_leave(a);
	assert_true(crowd_due(all));
	assert_ptr_equal(crowd_next(all), &w);
	assert_null(w.crowd);
	assert_false(crowd_due(all));
	assert_false(crowd_wait(all, "alice", &w));	/* and no slot is taken by that */
	empty(a, CROWD_MAX - 1);
	assert_int_equal(crowds_count(all), 0);
	crowds_free(all);
}

/* One who is next and does not start leaves the slot to the one behind. */
static void
who_does_not_start_holds_up_nobody(void **state)
{
	struct crowds *all = crowds_new();
	struct crowd_waiter w[3] = { { .owner = &w[0] }, { .owner = &w[1] }, { .owner = &w[2] } };
	struct crowd *a = fill(all, "alice");

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_null(crowd_enter(all, "alice", &w[i]));
	crowd_leave(a);
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(crowd_next(all), &w[i]);
	assert_null(crowd_next(all));
	empty(a, CROWD_MAX - 1);
	assert_int_equal(crowds_count(all), 0);
	crowds_free(all);
}

static void
accounts_take_turns(void **state)
{
	struct crowds *all = crowds_new();
	struct crowd_waiter w[4];
	const char *const names[] = { "alice", "alice", "bob", "bob" };
	struct crowd *a = fill(all, "alice"), *b = fill(all, "bob");

	(void)state;
	for (int i = 0; i < 4; i++) {
		w[i] = (struct crowd_waiter){ .owner = &w[i] };
		assert_null(crowd_enter(all, names[i], &w[i]));
	}
	crowd_leave(a);
	crowd_leave(b);
	assert_ptr_equal(crowd_next(all), &w[0]);
	assert_ptr_equal(crowd_next(all), &w[2]);
	assert_ptr_equal(crowd_next(all), &w[1]);
	assert_ptr_equal(crowd_next(all), &w[3]);
	empty(a, CROWD_MAX - 1);
	empty(b, CROWD_MAX - 1);
	assert_int_equal(crowds_count(all), 0);
	crowds_free(all);
}

static void
who_is_forgotten_is_not_next(void **state)
{
	struct crowds *all = crowds_new();
	struct crowd_waiter w[2] = { { .owner = &w[0] }, { .owner = &w[1] } };
	struct crowd *a = fill(all, "alice");

	(void)state;
	assert_null(crowd_enter(all, "alice", &w[0]));
	assert_null(crowd_enter(all, "alice", &w[1]));
	crowd_forget(&w[0]);
	crowd_forget(&w[0]);				/* twice is as once */
	crowd_leave(a);
	assert_ptr_equal(crowd_next(all), &w[1]);
	empty(a, CROWD_MAX - 1);
	assert_int_equal(crowds_count(all), 0);
	crowds_free(all);
}

/* At the end of the daemon somebody may still be under way and in line. */
static void
free_in_the_middle(void **state)
{
	struct crowds *all = crowds_new();
	struct crowd_waiter w = { .owner = &w };

	(void)state;
	fill(all, "alice");
	assert_null(crowd_enter(all, "alice", &w));
	assert_int_equal(crowds_count(all), 1);
	crowds_free(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_has_its_slots),
		cmocka_unit_test(who_does_not_start_holds_up_nobody),
		cmocka_unit_test(accounts_take_turns),
		cmocka_unit_test(who_is_forgotten_is_not_next),
		cmocka_unit_test(free_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
