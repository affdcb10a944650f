/* The queue of frames that wait for their acknowledgement, and the talk with the daemon about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/uplink.h"
#include "lib/wire.h"

static void
put(struct frameq *q, uint64_t seq, const char *text)
{
	assert_non_null(frameq_put(q, seq, 1, slice_of(text)));
}

/* What uplink_fill gives, as text. */
static void
assert_filled(struct frameq *q, const char *want)
{
	struct buf out;

	buf_init(&out, UPLINK_OUT_MAX);
	uplink_fill(q, &out);
	assert_true(slice_is(buf_all(&out), want));
	buf_clear(&out);
}

/* What the daemon says, given to uplink_take in pieces of `step` octets. */
static int
take(struct frameq *q, const struct buf *said, size_t step, bool *welcome, struct err *err)
{
	uint8_t memory[UPLINK_IN_MAX];
	struct buf in;
	int rc = 0;

	buf_fixed(&in, memory, sizeof(memory));
	*welcome = false;
	for (size_t at = 0; rc == 0 && at < said->len; at += step) {
		buf_put(&in, said->data + at, said->len - at < step ? said->len - at : step);
		rc = uplink_take(q, &in, welcome, err);
	}
	return rc;
}

static void
test_order_and_acknowledgement(void **state)
{
	struct frameq q;
	struct buf said;
	struct err err;
	bool welcome;

	(void)state;
	frameq_init(&q);
	buf_init(&said, 4096);
	put(&q, 1, "a");
	put(&q, 2, "b");
	put(&q, 3, "c");
	assert_filled(&q, "abc");
	assert_filled(&q, "");
	wire_put_ok(&said);
	wire_put_ack(&said, 2);
	wire_put_ack(&said, 99);
	for (size_t step = 1; step <= said.len; step += said.len - 1) {
		assert_int_equal(take(&q, &said, step, &welcome, &err), 0);
		assert_true(welcome);
		assert_int_equal(q.weight, 2);
	}
	put(&q, 4, "d");
	assert_filled(&q, "d");
	frameq_rewind(&q);
	assert_filled(&q, "acd");
	frameq_clear(&q);
	assert_int_equal(q.octets, 0);
	buf_clear(&said);
}

/* An acknowledgement of what is to be sent next (after a reconnect) moves the cursor on. */
static void
test_acknowledged_before_it_is_sent_again(void **state)
{
	struct frameq q;

	(void)state;
	frameq_init(&q);
	put(&q, 1, "a");
	put(&q, 2, "b");
	assert_filled(&q, "ab");
	frameq_rewind(&q);
	frameq_drop(&q, frameq_find(&q, 1));
	assert_filled(&q, "b");
	frameq_drop(&q, frameq_find(&q, 2));
	assert_null(frameq_unsent(&q).p);
	frameq_clear(&q);
}

static void
test_replace_and_mark(void **state)
{
	struct frameq q;

	(void)state;
	frameq_init(&q);
	put(&q, 1, "a");
	put(&q, 2, "bbbb");
	put(&q, 3, "c");
	q.mark = frameq_find(&q, 2);
	assert_int_equal(q.octets, 3 * sizeof(struct frameq_item) + 6);
	assert_non_null(frameq_replace(&q, frameq_find(&q, 2), slice_of("b")));
	assert_int_equal(q.octets, 3 * sizeof(struct frameq_item) + 3);
	assert_ptr_equal(q.mark, frameq_find(&q, 3));
	assert_filled(&q, "abc");
	frameq_drop(&q, q.mark);
	assert_null(q.mark);
	frameq_clear(&q);
}

/* What is put into the out buffer stops at its high mark, with a whole frame. */
static void
test_high_mark(void **state)
{
	static char frame[10000];
	struct frameq q;
	struct buf out;

	(void)state;
	frameq_init(&q);
	buf_init(&out, UPLINK_OUT_MAX);
	for (uint64_t seq = 1; seq <= 20; seq++)
		frameq_put(&q, seq, 1, (struct slice){ frame, sizeof(frame) });
	uplink_fill(&q, &out);
	assert_int_equal(out.len, 70000);
	uplink_fill(&q, &out);
	assert_int_equal(out.len, 70000);
	buf_reset(&out);
	uplink_fill(&q, &out);
	assert_int_equal(out.len, 70000);
	buf_clear(&out);
	frameq_clear(&q);
}

static void
test_ends(void **state)
{
	struct frameq q;
	struct buf said;
	struct err err;
	bool welcome;

	(void)state;
	frameq_init(&q);
	buf_init(&said, 4096);
	wire_put_refused(&said, "this user may not\nuse this socket");
	assert_int_equal(take(&q, &said, said.len, &welcome, &err), -1);
	assert_string_equal(err.text, "refused: this user may not?use this socket");
	assert_false(welcome);
	buf_reset(&said);
	wire_put_finish(&said);
	assert_int_equal(take(&q, &said, said.len, &welcome, &err), -1);
	buf_reset(&said);
	buf_put(&said, "HTTP/1.1 200 OK", 15);
	assert_int_equal(take(&q, &said, said.len, &welcome, &err), -1);
	buf_clear(&said);
	frameq_clear(&q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_acknowledgement),
		cmocka_unit_test(test_acknowledged_before_it_is_sent_again),
		cmocka_unit_test(test_replace_and_mark),
		cmocka_unit_test(test_high_mark),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
