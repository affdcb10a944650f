/* Names of uids: how long they are remembered, and that what is not known is not made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/username.h"

static int asked, says;
static const char *its_name;

static int
look(uid_t uid, char *name, size_t size)
{
	(void)uid;
	asked++;
	if (says == 1)
		snprintf(name, size, "%s", its_name);
	return says;
}

static struct usernames *
start(int found, const char *name)
{
	struct usernames *u = calloc(1, sizeof(*u));

	assert_non_null(u);
	u->look = look;
	asked = 0;
	says = found;
	its_name = name;
	return u;
}

static void
a_name_is_remembered(void **state)
{
	struct usernames *u = start(1, "alice");

	(void)state;
	assert_string_equal(username_of(u, 1000, 7), "alice");
	its_name = "bob";
	assert_string_equal(username_of(u, 1000, 7 + USERNAME_MS - 1), "alice");
	assert_int_equal(asked, 1);
	assert_string_equal(username_of(u, 1000, 7 + USERNAME_MS), "bob");
	assert_int_equal(asked, 2);
	free(u);
}

static void
no_name_is_remembered_for_less(void **state)
{
	struct usernames *u = start(0, "");

	(void)state;
	assert_null(username_of(u, 1000, 7));
	assert_null(username_of(u, 1000, 7 + USERNAME_NONE_MS - 1));
	assert_int_equal(asked, 1);
	says = 1;
	its_name = "alice";
	assert_string_equal(username_of(u, 1000, 7 + USERNAME_NONE_MS), "alice");
	free(u);
}

/* Neither what it said before nor the failure outlives its time. */
static void
a_failure_is_not_remembered(void **state)
{
	struct usernames *u = start(1, "alice");

	(void)state;
	assert_string_equal(username_of(u, 1000, 7), "alice");
	says = -1;
	assert_null(username_of(u, 1000, 7 + USERNAME_MS));
	says = 1;
	assert_string_equal(username_of(u, 1000, 7 + USERNAME_MS), "alice");
	assert_int_equal(asked, 3);
	free(u);
}

/* Uid 0 is the one that an empty slot would match, and two that share a slot. */
static void
uids_are_not_mistaken(void **state)
{
	struct usernames *u = start(1, "root");

	(void)state;
	assert_string_equal(username_of(u, 0, 7), "root");
	its_name = "other";
	assert_string_equal(username_of(u, USERNAME_SLOTS, 7), "other");
	its_name = "root";
	assert_string_equal(username_of(u, 0, 7), "root");
	assert_int_equal(asked, 3);
	free(u);
}

static void
the_machines_own_names(void **state)
{
	char name[USERNAME_MAX + 1], small[3];

	(void)state;
	assert_int_equal(username_look(0, name, sizeof(name)), 1);
	assert_string_equal(name, "root");
	assert_int_equal(username_look(0, small, sizeof(small)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_remembered),
		cmocka_unit_test(no_name_is_remembered_for_less),
		cmocka_unit_test(a_failure_is_not_remembered),
		cmocka_unit_test(uids_are_not_mistaken),
		cmocka_unit_test(the_machines_own_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
