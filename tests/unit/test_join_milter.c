/* join with hook = milter: both ids must agree, and memory is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/join_int.h"
#include "tests/unit/join_room.h"

static void
milter_open(struct room *r, size_t max)
{
	struct join_limits limits = defaults;

	limits.milter = true;
	limits.milter_max = max;
	room_open(r, &limits);
}

static const char *const nobody[] = { NULL };

static void
test_milter(void **state)
{
	struct room r;

	(void)state;
	milter_open(&r, defaults.milter_max);
	assert_int_equal(arrive_as(&r, 1, "(E)", "<m@x>", 0, nobody), 0);
	run(&r, 0);
	expect(&r, "ack 1/1\n");
	save(&r, "T", "alice", "INBOX", 5, 1000);
	save(&r, "U", "bob", "INBOX", 6, 3599000);
	run(&r, 3599000);
	expect(&r, "joined: alice INBOX/5 (E)\njoined: bob INBOX/6 (E)\n");
	/* An hour later it is forgotten. */
	run(&r, 3600000);
	save(&r, "V", "bob", "INBOX", 7, 3600000);
	run(&r, 3604999);
	expect(&r, "");
	run(&r, 3605000);
	expect(&r, "no arrival: bob INBOX/7 SYNC\n");
	assert_int_equal(join_next(r.join), INT64_MAX);
	room_close(&r);
}

static void
test_milter_saved_first(void **state)
{
	struct room r;

	(void)state;
	milter_open(&r, defaults.milter_max);
	save(&r, "T", "alice", "INBOX", 5, 0);
	save(&r, "T", "bob", "INBOX", 5, 0);
	assert_int_equal(arrive_as(&r, 1, "(E)", "<m@x>", 4000, nobody), 0);
	run(&r, 4000);
	expect(&r, "joined: alice INBOX/5 (E)\njoined: bob INBOX/5 (E)\nack 1/1\n");
	room_close(&r);
}

/* Either id alone could be forged. */
static void
test_milter_both_ids(void **state)
{
	struct room r;

	(void)state;
	milter_open(&r, defaults.milter_max);
	assert_int_equal(arrive_as(&r, 1, "(E)", "<m@x>", 0, nobody), 0);
	assert_int_equal(arrive_as(&r, 2, "(F)", NULL, 0, nobody), 0);
	save_as(&r, "lmtp", "T", "alice", "INBOX", 5, "<other@x>", 0);
	save_as(&r, "lmtp", "T", "alice", "INBOX", 6, NULL, 0);
	run(&r, 0);
	expect(&r, "no arrival: alice INBOX/6 SYNC\nack 1/1\nack 1/2\n");
	run(&r, 5000);
	expect(&r, "no arrival: alice INBOX/5 SYNC\n");
	room_close(&r);
}

static void
test_milter_bound(void **state)
{
	struct room r;
	char id[16];

	(void)state;
	milter_open(&r, 10000);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "<%u@x>", i);
		assert_int_equal(arrive_as(&r, i, "(E)", id, 0, nobody), 0);
	}
	assert_true(r.join->held_octets <= 10000);
	run(&r, 0);
	buf_reset(&r.heard);
	save_as(&r, "lmtp", "T", "alice", "INBOX", 5, "<0@x>", 0);
	save_as(&r, "lmtp", "T", "alice", "INBOX", 6, "<999@x>", 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/6 (E)\n");
	room_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_milter),
		cmocka_unit_test(test_milter_saved_first),
		cmocka_unit_test(test_milter_both_ids),
		cmocka_unit_test(test_milter_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
