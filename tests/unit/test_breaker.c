/* When an origin is paused, for how long, and who may not prolong it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/breaker.h"

#define NOW	5000

static struct breaker_event
failed(enum breaker_cause cause, uint64_t account)
{
	return (struct breaker_event){ BREAKER_FAILED, cause, account, 0, false };
}

static enum breaker_change
note(struct breaker *b, struct breaker_event e, int64_t now)
{
	return breaker_note(b, &e, BREAKER_WITNESSES, now, 0);
}

static enum breaker_change
note_taken(struct breaker *b, int64_t now)
{
	return note(b, (struct breaker_event){ .outcome = BREAKER_TAKEN, .account = 9 }, now);
}

/* Three accounts, busy, within a minute. */
static void
open_busy(struct breaker *b, int64_t asked)
{
	struct breaker_event e = failed(BREAKER_BUSY, 1);

	memset(b, 0, sizeof(*b));
	for (e.account = 1; e.account <= 3; e.account++) {
		e.retry_after = asked;
		assert_int_equal(note(b, e, NOW), e.account < 3 ? BREAKER_SAME : BREAKER_OPENED);
	}
}

static void
one_account_proves_nothing(void **state)
{
	struct breaker b = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		for (int cause = 0; cause < BREAKER_CAUSES; cause++) {
			assert_int_equal(note(&b, failed(cause, 1), NOW + i), BREAKER_SAME);
			assert_int_equal(note(&b, failed(cause, 2), NOW + i), BREAKER_SAME);
			assert_int_equal(note(&b, failed(cause, 0), NOW + i), BREAKER_SAME);
		}
	assert_true(breaker_allows(&b, NOW + 1000));
}

static void
fewer_accounts_are_all(void **state)
{
	struct breaker b = { 0 };
	struct breaker_event e = failed(BREAKER_BUSY, 1);

	(void)state;
	e.retry_after = 7;
	assert_int_equal(breaker_note(&b, &e, 2, NOW, 0), BREAKER_SAME);
	assert_int_equal(breaker_note(&b, &e, 2, NOW, 0), BREAKER_SAME);
	assert_int_equal(breaker_note(&b, &e, 1, NOW, 0), BREAKER_OPENED);
	assert_false(breaker_allows(&b, NOW + 6));
	assert_true(breaker_allows(&b, NOW + 7));
}

static void
unreachable_needs_five_in_a_row(void **state)
{
	struct breaker b = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(note(&b, failed(BREAKER_UNREACHABLE, 1 + i % 3), NOW), BREAKER_SAME);
	assert_int_equal(note_taken(&b, NOW), BREAKER_SAME);
	for (int i = 0; i < 4; i++)
		assert_int_equal(note(&b, failed(BREAKER_UNREACHABLE, 1 + i % 3), NOW), BREAKER_SAME);
	assert_int_equal(note(&b, failed(BREAKER_BUSY, 1), NOW), BREAKER_SAME);	/* an answer, too */
	for (int i = 0; i < 4; i++)
		assert_int_equal(note(&b, failed(BREAKER_UNREACHABLE, 1 + i % 3), NOW), BREAKER_SAME);
	assert_int_equal(note(&b, failed(BREAKER_UNREACHABLE, 1), NOW), BREAKER_OPENED);
	assert_false(breaker_allows(&b, NOW + BREAKER_PAUSE_MIN_S - 1));
	assert_true(breaker_allows(&b, NOW + BREAKER_PAUSE_MIN_S));
}

static void
busy_counts_for_a_minute(void **state)
{
	struct breaker b = { 0 };

	(void)state;
	note(&b, failed(BREAKER_BUSY, 1), NOW);
	note(&b, failed(BREAKER_BUSY, 2), NOW + 30);
	assert_int_equal(note(&b, failed(BREAKER_BUSY, 3), NOW + 60), BREAKER_SAME);
	assert_int_equal(note_taken(&b, NOW + 60), BREAKER_SAME);
	assert_int_equal(note(&b, failed(BREAKER_BUSY, 4), NOW + 61), BREAKER_OPENED);
}

static void
a_2xx_refutes_a_refused_key(void **state)
{
	struct breaker b = { 0 };

	(void)state;
	note(&b, failed(BREAKER_KEY_REFUSED, 1), NOW);
	note(&b, failed(BREAKER_KEY_REFUSED, 2), NOW + 9000);
	note_taken(&b, NOW + 9000);
	assert_int_equal(note(&b, failed(BREAKER_KEY_REFUSED, 3), NOW + 9001), BREAKER_SAME);
	note(&b, failed(BREAKER_KEY_REFUSED, 1), NOW + 9002);
	assert_int_equal(note(&b, failed(BREAKER_KEY_REFUSED, 2), NOW + 9003), BREAKER_OPENED);
}

/* One of three that claims a day does not make it a day. */
static void
the_least_that_was_asked(void **state)
{
	struct breaker b = { 0 };
	struct breaker_event e = failed(BREAKER_BUSY, 1);

	(void)state;
	e.retry_after = 1000000;
	note(&b, e, NOW);
	e.account = 2;
	e.retry_after = 90;
	note(&b, e, NOW);
	e.account = 3;
	e.retry_after = 3600;
	assert_int_equal(note(&b, e, NOW), BREAKER_OPENED);
	assert_int_equal(b.until, NOW + 90);
	open_busy(&b, 1000000);
	assert_int_equal(b.until, NOW + BREAKER_ASKED_MAX_S);
}

static void
jitter_is_added(void **state)
{
	(void)state;
	for (uint32_t random = 0; random < 1000; random += 7) {
		struct breaker b = { 0 };
		struct breaker_event e = failed(BREAKER_BUSY, 1);

		breaker_note(&b, &e, 1, NOW, random);
		assert_in_range(b.until, NOW + 60, NOW + 66);
	}
}

static void
one_probe_then_closed(void **state)
{
	struct breaker b;
	struct breaker_event e = { .outcome = BREAKER_ANSWERED, .probe = true };

	(void)state;
	open_busy(&b, 0);
	assert_false(breaker_allows(&b, NOW + 59));
	assert_true(breaker_allows(&b, NOW + 60));
	assert_true(breaker_start(&b));
	assert_false(breaker_allows(&b, NOW + 60));
	e.outcome = BREAKER_NOTHING;
	assert_int_equal(note(&b, e, NOW + 61), BREAKER_SAME);
	assert_true(breaker_allows(&b, NOW + 61));
	assert_true(breaker_start(&b));
	e.outcome = BREAKER_TAKEN;
	assert_int_equal(note(&b, e, NOW + 62), BREAKER_CLOSED);
	assert_false(breaker_start(&b));
	assert_true(breaker_idle(&b, NOW + 62));
}

static void
pauses_grow_to_ten_minutes(void **state)
{
	static const int64_t lengths[] = { 120, 240, 480, 600, 600 };
	struct breaker b;
	struct breaker_event e = failed(BREAKER_UNREACHABLE, 10);
	int64_t now = NOW;

	(void)state;
	open_busy(&b, 0);
	e.probe = true;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		now = b.until;
		assert_true(breaker_start(&b));
		e.account++;
		assert_int_equal(note(&b, e, now), BREAKER_LONGER);
		assert_int_equal(b.until - now, lengths[i]);
	}
}

/* What one account's endpoint answers to a probe prolongs a pause once, and not by a day. */
static void
one_account_cannot_prolong(void **state)
{
	struct breaker b;
	struct breaker_event e = failed(BREAKER_BUSY, 1);

	(void)state;
	open_busy(&b, 60);
	e.probe = true;
	e.retry_after = 86400;
	breaker_start(&b);
	assert_int_equal(note(&b, e, NOW + 60), BREAKER_LONGER);
	assert_int_equal(b.until, NOW + 60 + BREAKER_PAUSE_MAX_S);
	for (int i = 0; i < 20; i++) {
		breaker_start(&b);
		assert_int_equal(note(&b, e, NOW + 660 + i), BREAKER_SAME);
		assert_true(breaker_allows(&b, NOW + 660 + i));
	}
	breaker_start(&b);
	e.account = 0;		/* a verification is no witness */
	assert_int_equal(note(&b, e, NOW + 700), BREAKER_SAME);
	assert_true(breaker_allows(&b, NOW + 700));
}

static void
what_was_under_way_changes_little(void **state)
{
	struct breaker b;

	(void)state;
	open_busy(&b, 0);
	assert_int_equal(note_taken(&b, NOW + 1), BREAKER_SAME);
	assert_int_equal(note(&b, failed(BREAKER_BUSY, 4), NOW + 1), BREAKER_SAME);
	assert_int_equal(b.until, NOW + 60);
	breaker_restore(&b, BREAKER_UNREACHABLE, NOW + 60);
	assert_int_equal(note_taken(&b, NOW + 2), BREAKER_CLOSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_account_proves_nothing),
		cmocka_unit_test(fewer_accounts_are_all),
		cmocka_unit_test(unreachable_needs_five_in_a_row),
		cmocka_unit_test(busy_counts_for_a_minute),
		cmocka_unit_test(a_2xx_refutes_a_refused_key),
		cmocka_unit_test(the_least_that_was_asked),
		cmocka_unit_test(jitter_is_added),
		cmocka_unit_test(one_probe_then_closed),
		cmocka_unit_test(pauses_grow_to_ten_minutes),
		cmocka_unit_test(one_account_cannot_prolong),
		cmocka_unit_test(what_was_under_way_changes_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
