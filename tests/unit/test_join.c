/* The join's table, a row or a corner a test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/join_int.h"
#include "tests/unit/join_room.h"

/* Row 1 */

static void
test_saved_end_arrival(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	run(&r, 0);
	expect(&r, "");
	ARRIVE(&r, 1, 10, "alice@x", "T");
	assert_int_equal(join_next(r.join), 0);
	run(&r, 10);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	assert_int_equal(join_next(r.join), 10 + 120000);
	room_close(&r);
}

static void
test_arrival_saved_end(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	save(&r, "T", "alice", "INBOX", 5, 1);
	run(&r, 1);
	expect(&r, "");
	end(&r, "T", 1, 2);
	run(&r, 2);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	room_close(&r);
}

/* Two connections of the module may be read in either order. */
static void
test_end_before_saved(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	end(&r, "T", 1, 1);
	run(&r, 1);
	expect(&r, "");
	save(&r, "T", "alice", "INBOX", 5, 2);
	run(&r, 2);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	room_close(&r);
}

static void
test_nothing_saved(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	end(&r, "T", 0, 0);
	ARRIVE(&r, 1, 0, "dave@x", "T");
	run(&r, 0);
	expect(&r, "nothing: <dave@x>\nack 1/1\n");
	run(&r, 500000);
	expect(&r, "");
	assert_int_equal(join_next(r.join), INT64_MAX);
	room_close(&r);
}

static void
test_fileinto_copy(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "Work", 3, 0);
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 2, 0);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	run(&r, 0);
	expect(&r, "joined: alice Work/3 (E)\njoined: alice INBOX/5 (E)\nack 1/1\n");
	room_close(&r);
}

static void
test_same_recipient_twice(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T", "alice@x", "T", "bob@x", "T:R2");
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/5 (E)\n");
	save(&r, "T:R2", "bob", "INBOX", 1, 0);
	end(&r, "T:R2", 1, 0);
	run(&r, 0);
	expect(&r, "joined: bob INBOX/1 (E)\nack 1/1\n");
	room_close(&r);
}

static void
test_one_transaction_in_two_frames(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	ARRIVE(&r, 2, 0, "alice@x", "T");
	save(&r, "T", "alice", "INBOX", 5, 0);
	run(&r, 0);
	expect(&r, "");		/* neither is acknowledged before the token is decided */
	end(&r, "T", 1, 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/2\nack 1/1\n");
	room_close(&r);
}

static void
test_no_envelope(void **state)
{
	struct room r;
	const char *const to[] = { "alice@x", "T", NULL };

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	assert_int_equal(arrive_as(&r, 1, NULL, NULL, 0, to), 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/5 SYNC\nack 1/1\n");
	room_close(&r);
}

/* Row 2 */

static void
test_no_token(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", NULL, "bob@x", NULL);
	run(&r, 0);
	expect(&r, "no token: <alice@x> SYNC\nno token: <bob@x> SYNC\nack 1/1\n");
	assert_int_equal(join_next(r.join), INT64_MAX);
	room_close(&r);
}

static void
test_locate_none(void **state)
{
	struct join_limits limits = defaults;
	struct room r;

	(void)state;
	limits.locate = false;
	room_open(&r, &limits);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	run(&r, 0);
	expect(&r, "not located: <alice@x> SYNC\nack 1/1\n");
	ARRIVE(&r, 2, 1000, "alice@x", "T");
	run(&r, 1000);
	expect(&r, "ack 1/2\n");
	room_close(&r);
}

static void
test_no_end(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	save(&r, "T", "alice", "Work", 3, 0);
	assert_int_equal(join_next(r.join), 2000);
	run(&r, 1999);
	expect(&r, "");
	run(&r, 2000);
	expect(&r, "joined: alice Work/3 (E)\nno end: <alice@x> SYNC\nack 1/1\n");
	end(&r, "T", 1, 2100);
	run(&r, 2100);
	expect(&r, "");
	room_close(&r);
}

/* The daemon was restarted: what the module said is lost, the arrival comes again. */
static void
test_saved_was_lost(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 8, 0, "alice@x", "T");
	run(&r, 2000);
	expect(&r, "no end: <alice@x> SYNC\nack 1/8\n");
	room_close(&r);
}

static void
test_fewer_than_n(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "Work", 3, 0);
	end(&r, "T", 2, 0);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	run(&r, 2000);
	expect(&r, "joined: alice Work/3 (E)\nfewer saved: <alice@x> SYNC\nack 1/1\n");
	/* The one that was missing: the SYNC's recipient comes along, so that it need not ring twice. */
	save(&r, "T", "alice", "INBOX", 5, 2500);
	run(&r, 2500);
	expect(&r, "late: alice INBOX/5 <alice@x> SYNC\n");
	/* And what was told already does nothing. */
	save(&r, "T", "alice", "INBOX", 5, 2600);
	save(&r, "T", "alice", "Work", 3, 2600);
	run(&r, 2600);
	expect(&r, "");
	room_close(&r);
}

/* Row 3 */

static void
test_no_arrival(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "Work", 3, 0);
	end(&r, "T", 1, 0);
	save(&r, "T2", "alice", "Work", 4, 1000);
	run(&r, 119999);
	expect(&r, "");
	assert_int_equal(join_next(r.join), 120000);
	run(&r, 120000);
	expect(&r, "no arrival: alice Work/3 SYNC\n");
	run(&r, 121000);
	expect(&r, "no arrival: alice Work/4 SYNC\n");
	/* It comes after all: that mail has rung. */
	ARRIVE(&r, 1, 122000, "alice@x", "T");
	run(&r, 122000);
	expect(&r, "ack 1/1\n");
	room_close(&r);
}

static void
test_lda_waits_five_seconds(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save_as(&r, "lda", "L", "alice", "INBOX", 3, NULL, 0);
	end(&r, "L", 1, 0);
	run(&r, 4999);
	expect(&r, "");
	run(&r, 5000);
	expect(&r, "no arrival: alice INBOX/3 SYNC\n");
	room_close(&r);
}

/* fileinto worked, then INBOX failed with a 451: no arrival for this try, one for the next. */
static void
test_4xx_after_n(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	save(&r, "T", "alice", "Work", 3, 0);
	end(&r, "T", 1, 0);
	save(&r, "U", "alice", "Work", 4, 60000);
	save(&r, "U", "alice", "INBOX", 5, 60000);
	end(&r, "U", 2, 60000);
	ARRIVE(&r, 1, 60000, "alice@x", "U");
	run(&r, 60000);
	expect(&r, "joined: alice Work/4 (E)\njoined: alice INBOX/5 (E)\nack 1/1\n");
	run(&r, 120000);
	expect(&r, "no arrival: alice Work/3 SYNC\n");
	room_close(&r);
}

/* The end came, its saved did not, and the arrival is late: somebody must be told. */
static void
test_late_arrival_for_nothing_told(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	end(&r, "T", 1, 0);
	run(&r, 120000);
	ARRIVE(&r, 1, 120001, "alice@x", "T");
	run(&r, 120001);
	expect(&r, "");
	run(&r, 122001);
	expect(&r, "fewer saved: <alice@x> SYNC\nack 1/1\n");
	room_close(&r);
}

/* Memory of what was decided */

static void
test_repeats(void **state)
{
	struct join_counts counts;
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	save(&r, "T", "alice", "INBOX", 5, 0);
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	ARRIVE(&r, 2, 119999, "alice@x", "T");
	assert_int_equal(join_next(r.join), 0);
	run(&r, 119999);
	expect(&r, "ack 1/2\n");
	run(&r, 120000);
	ARRIVE(&r, 3, 120000, "alice@x", "T");
	run(&r, 122000);
	expect(&r, "no end: <alice@x> SYNC\nack 1/3\n");
	join_count(r.join, &counts);
	assert_int_equal(counts.repeated, 2);
	assert_int_equal(counts.joined, 1);
	assert_int_equal(counts.sync_no_end, 1);
	room_close(&r);
}

static void
test_more_than_end_says(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, &defaults);
	ARRIVE(&r, 1, 0, "alice@x", "T");
	save(&r, "T", "alice", "INBOX", 5, 0);
	end(&r, "T", 1, 0);
	run(&r, 0);
	expect(&r, "joined: alice INBOX/5 (E)\nack 1/1\n");
	save(&r, "T", "alice", "INBOX", 6, 1);
	run(&r, 1);
	expect(&r, "late: alice INBOX/6 SYNC\n");
	room_close(&r);
}

/* The vector in appendix A of the SipHash paper. */
static void
test_siphash(void **state)
{
	uint8_t key[JOIN_KEY], in[15];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 15; i++)
		in[i] = i;
	assert_true(join_hash(key, (struct slice){ (const char *)in, 15 }) ==
	    UINT64_C(0xa129ca6149be45e5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saved_end_arrival),
		cmocka_unit_test(test_arrival_saved_end),
		cmocka_unit_test(test_end_before_saved),
		cmocka_unit_test(test_nothing_saved),
		cmocka_unit_test(test_fileinto_copy),
		cmocka_unit_test(test_same_recipient_twice),
		cmocka_unit_test(test_one_transaction_in_two_frames),
		cmocka_unit_test(test_no_envelope),
		cmocka_unit_test(test_no_token),
		cmocka_unit_test(test_locate_none),
		cmocka_unit_test(test_no_end),
		cmocka_unit_test(test_saved_was_lost),
		cmocka_unit_test(test_fewer_than_n),
		cmocka_unit_test(test_no_arrival),
		cmocka_unit_test(test_lda_waits_five_seconds),
		cmocka_unit_test(test_4xx_after_n),
		cmocka_unit_test(test_late_arrival_for_nothing_told),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_more_than_end_says),
		cmocka_unit_test(test_siphash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
