/* join: what it holds back, how much it holds, and what it says at its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/join_room.h"

static void
test_refused_notice(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	ARRIVE(&r, 2, 0, "bob@x", NULL);
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	r.refuses = true;
	run(&r, 100);
	assert_int_equal(join_next(r.join), 1100);
	r.refuses = false;
	run(&r, 1099);
	expect(&r, "");
	run(&r, 1100);
	expect(&r, "joined: alice INBOX/5 (E)\nno token: <bob@x> SYNC\nack 1/1\nack 1/2\n");
	room_close(&r);
}

static void
test_budget(void **state)
{
	struct room r;
	struct join_sink sink = { on_notice, on_acknowledge, &r, NULL };

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	for (uint32_t uid = 1; uid <= 5; uid++)
		save(&r, "T", "alice", "INBOX", uid, 0);
	end(&r, "T", 5, 0);
	join_run(r.join, 0, 2, &sink);
	assert_int_equal(r.notices, 2);
	assert_true(join_next(r.join) <= 0);
	join_run(r.join, 0, 2, &sink);
	assert_int_equal(r.notices, 4);
	buf_reset(&r.heard);
	join_run(r.join, 0, 2, &sink);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	room_close(&r);
}

static void
test_saved_max(void **state)
{
	struct join_limits limits = defaults;
	struct join_counts counts;
	struct room r;
	char token[16];

	(void)state;
	limits.saved_max = 10;
	room_open(&r, &limits);
	for (uint32_t i = 0; i < 12; i++) {
		snprintf(token, sizeof(token), "T%u", i);
		save(&r, token, "alice", "INBOX", i, i);
	}
	run(&r, 20);
	expect(&r, "no arrival: alice INBOX/0 SYNC\nno arrival: alice INBOX/1 SYNC\n");
	join_count(r.join, &counts);
	assert_int_equal(counts.overflow, 2);
	assert_int_equal(counts.waiting_saved, 10);
	room_close(&r);
}

/* One token that is said to have had endless messages costs no more than as many tokens. */
static void
test_endless_messages_of_one_token(void **state)
{
	struct join_counts counts;
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	r.refuses = true;
	for (uint32_t i = 0; i < 200000; i++)
		save(&r, "T", "mallory", "INBOX", i, 0);
	join_count(r.join, &counts);
	assert_true(counts.waiting_saved <= 2 * defaults.saved_max + 1);
	room_close(&r);
}

static void
test_finish(void **state)
{
	struct room r;
	struct join_sink sink = { on_notice, on_acknowledge, &r, NULL };

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	save(&r, "T", "alice", "Work", 3, 0);
	save(&r, "U", "bob", "INBOX", 5, 0);
	r.refuses = true;
	join_finish(r.join, &sink);
	expect(&r, "");
	r.refuses = false;
	join_finish(r.join, &sink);
	expect(&r, "joined: alice Work/3 (E)\nno end: <alice@x> SYNC\nno arrival: bob INBOX/5 SYNC\n"
	    "ack 1/1\n");
	room_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_notice),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_saved_max),
		cmocka_unit_test(test_endless_messages_of_one_token),
		cmocka_unit_test(test_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
