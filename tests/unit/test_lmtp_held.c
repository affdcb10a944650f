/* What is held for the daemon: order, acknowledgements, sending again, bounds; and what is kept over exec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lmtp/held.h"
#include "lmtp/kept.h"

static const char envelope[] = "(NIL \"a subject of some length, so that it costs something\" "
    "NIL NIL NIL NIL NIL NIL NIL NIL)";

static void
put(struct held_queue *q, size_t n)
{
	const struct wire_arrival a = { .time_ms = 1, .envelope = slice_of(envelope),
		.reason = ENVELOPE_OK };
	struct wire_recipient *r = calloc(n, sizeof(*r));

	for (size_t i = 0; i < n; i++)
		r[i] = (struct wire_recipient){ slice_of("alice@example.org"), slice_of("TOKEN") };
	held_put(q, &a, r, n);
	free(r);
}

/* The next unsent one, taken as sent. */
static bool
next(struct held_queue *q, struct wire_arrival *a, size_t *recipients)
{
	struct slice frame = frameq_unsent(held_frames(q));
	struct wire_recipient r;
	struct frame f;
	size_t used, pos = 0;

	if (frame.p == NULL)
		return false;
	assert_int_equal(frame_next((const uint8_t *)frame.p, frame.len, FRAME_MAX, &f, &used), 1);
	assert_int_equal(used, frame.len);
	assert_int_equal(wire_get_arrival(&f, a), 0);
	for (*recipients = 0; wire_recipient(a, &pos, &r) == 1; ++*recipients)
		assert_true(slice_is(r.address, "alice@example.org") && slice_is(r.token, "TOKEN"));
	frameq_sent(held_frames(q));
	return true;
}

static void
acknowledge(struct held_queue *q, uint64_t seq)
{
	struct frameq_item *item = frameq_find(held_frames(q), seq);

	if (item != NULL)
		frameq_drop(held_frames(q), item);
}

static void
expect_seqs(struct held_queue *q, const uint64_t *want, size_t n)
{
	struct wire_arrival a;
	size_t recipients;

	for (size_t i = 0; i < n; i++) {
		assert_true(next(q, &a, &recipients));
		assert_int_equal(a.seq, want[i]);
	}
	assert_false(next(q, &a, &recipients));
}

static void
order(void **state)
{
	struct held_queue *q = held_new(100, 100000);

	(void)state;
	assert_null(frameq_unsent(held_frames(q)).p);
	for (int i = 0; i < 4; i++)
		put(q, 1);
	expect_seqs(q, (const uint64_t[]){ 1, 2, 3, 4 }, 4);
	acknowledge(q, 3);
	acknowledge(q, 3);
	acknowledge(q, 99);
	put(q, 2);
	expect_seqs(q, (const uint64_t[]){ 5 }, 1);
	assert_int_equal(held_recipients(q), 5);
	frameq_rewind(held_frames(q));
	acknowledge(q, 1);
	expect_seqs(q, (const uint64_t[]){ 2, 4, 5 }, 3);
	acknowledge(q, 5);
	acknowledge(q, 2);
	acknowledge(q, 4);
	assert_int_equal(held_recipients(q), 0);
	assert_int_equal(held_frames(q)->octets, 0);
	put(q, 1);
	expect_seqs(q, (const uint64_t[]){ 6 }, 1);
	held_free(q);
}

static void
split(void **state)
{
	struct held_queue *q = held_new(10000, 10000000);
	struct wire_arrival a;
	size_t recipients, sum = 0, frames = 0;

	(void)state;
	put(q, 5000);
	while (next(q, &a, &recipients)) {
		assert_true(slice_is(a.envelope, envelope));
		sum += recipients;
		frames++;
	}
	assert_int_equal(sum, 5000);
	assert_true(frames > 1);
	held_free(q);
}

/* Over the octets the oldest lose their ENVELOPE, sent or not; all recipients stay. */
static void
octets_bound(void **state)
{
	struct held_queue *q = held_new(1000, 4000);
	struct wire_arrival a;
	size_t recipients, poor = 0, n = 0;

	(void)state;
	put(q, 1);
	assert_true(next(q, &a, &recipients));
	while (n++ < 20)
		put(q, 1);
	assert_true(held_frames(q)->octets <= 4000);
	assert_int_equal(held_recipients(q), 21);
	assert_int_equal(held_take_lost(q), 0);
	frameq_rewind(held_frames(q));
	for (n = 1; next(q, &a, &recipients); n++) {
		assert_int_equal(a.seq, n);
		if (a.envelope.p != NULL)
			continue;
		assert_int_equal(a.reason, ENVELOPE_NONE);
		assert_int_equal(++poor, n);	/* the oldest, and no gap */
	}
	assert_true(poor > 0 && poor < 21);
	held_free(q);
}

static void
recipients_bound(void **state)
{
	struct held_queue *q = held_new(10, 100000);

	(void)state;
	for (int i = 0; i < 6; i++)
		put(q, 2);
	assert_int_equal(held_recipients(q), 10);
	assert_int_equal(held_take_lost(q), 2);
	assert_int_equal(held_take_lost(q), 0);
	expect_seqs(q, (const uint64_t[]){ 2, 3, 4, 5, 6 }, 5);
	put(q, 11);
	assert_int_equal(held_recipients(q), 0);
	assert_int_equal(held_frames(q)->octets, 0);
	assert_int_equal(held_take_lost(q), 21);
	assert_null(frameq_unsent(held_frames(q)).p);
	held_free(q);
}

static void
kept(void **state)
{
	const struct kept k = { .listener = { 3, 40 }, .n_listeners = 2, .worker = { 101, 4194304 },
		.n_workers = 2 };
	static const char *const wrong[] = {
		"", "7", "8 L3", "7 ", "7 L", "7 L0", "7 L-3", "7 X3", "7L3", "7 L3 ", "7 L3x",
		"7 L99999999999999999999", "7 L3 W", "L3",
		"7 L1 L2 L3 L4 L5 L6 L7 L8 L9 L10 L11 L12 L13 L14 L15 L16 L17",
	};
	struct kept got;
	struct buf text;

	(void)state;
	buf_init(&text, 1000);
	kept_write(&k, 7, &text);
	assert_string_equal((const char *)text.data, "7 L3 L40 W101 W4194304");
	assert_int_equal(kept_parse((const char *)text.data, 7, &got), 1);
	assert_memory_equal(&got, &k, sizeof(k));
	assert_int_equal(kept_parse(NULL, 7, &got), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		kept_parse(wrong[i], 7, &got);
		assert_int_equal(got.n_listeners + got.n_workers, 0);
	}
	buf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order), cmocka_unit_test(split), cmocka_unit_test(octets_bound),
		cmocka_unit_test(recipients_bound), cmocka_unit_test(kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
