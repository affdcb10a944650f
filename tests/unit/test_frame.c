/* Frames cut at every octet, frames that lie about their lengths, and what is UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/frame.h"

/* The octets stand as the format's table says. */
static void
octets(void **state)
{
	static const uint8_t want[] = {
		0, 0, 0, 24, 1, 7,
		3, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8,
		4, 0, 0, 0, 4, 'b', 'e', 'l', 'l',
	};
	struct buf b;
	size_t start;

	(void)state;
	buf_init(&b, 100);
	start = frame_begin(&b, 7);
	frame_put_u64(&b, 3, UINT64_C(0x0102030405060708));
	frame_put_slice(&b, 9, SLICE_NIL);
	frame_put_text(&b, 4, "bell");
	frame_end(&b, start);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	buf_clear(&b);
}

static void
reads_what_was_written(void **state)
{
	struct field field;
	struct frame f;
	struct slice text;
	struct buf b;
	uint64_t n;
	size_t used, pos = 0, start;

	(void)state;
	buf_init(&b, 1000);
	buf_text(&b, "x");
	start = frame_begin(&b, 9);
	frame_put_u64(&b, 1, UINT64_MAX);
	frame_put_octets(&b, 2, "a\0b", 3);
	frame_put_text(&b, 3, "");
	frame_end(&b, start);
	assert_int_equal(frame_next(b.data + 1, b.len - 1, FRAME_MAX, &f, &used), 1);
	assert_int_equal(used, b.len - 1);
	assert_int_equal(f.type, 9);
	assert_int_equal(frame_field(&f, &pos, &field), 1);
	assert_int_equal(field_u64(&field, &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(frame_field(&f, &pos, &field), 1);
	assert_int_equal(field.tag, 2);
	assert_int_equal(field.value.len, 3);
	assert_int_equal(field_text(&field, &text), -1);
	assert_int_equal(field_u64(&field, &n), -1);
	assert_int_equal(frame_field(&f, &pos, &field), 1);
	assert_int_equal(field_text(&field, &text), 0);
	assert_non_null(text.p);
	assert_int_equal(text.len, 0);
	assert_int_equal(frame_field(&f, &pos, &field), 0);
	assert_int_equal(frame_field(&f, &pos, &field), 0);
	buf_clear(&b);
}

/* The frame in pieces: never more than "not yet"; on the heap, so that a read beyond is seen. */
static void
cut_anywhere(void **state)
{
	struct frame f;
	struct buf b;
	size_t used, start;
	uint8_t *part;

	(void)state;
	buf_init(&b, 100);
	start = frame_begin(&b, 1);
	frame_put_text(&b, 2, "some text");
	frame_end(&b, start);
	for (size_t len = 0; len < b.len; len++) {
		part = malloc(len == 0 ? 1 : len);
		assert_non_null(part);
		memcpy(part, b.data, len);
		assert_int_equal(frame_next(part, len, FRAME_MAX, &f, &used), 0);
		free(part);
	}
	buf_clear(&b);
}

static void
bad_frames(void **state)
{
	static const uint8_t too_short[] = { 0, 0, 0, 1, 1 }, empty[] = { 0, 0, 0, 0, 1, 1 },
	    version[] = { 0, 0, 0, 2, 2, 1 }, huge[] = { 0xff, 0xff, 0xff, 0xff },
	    fine[] = { 0, 0, 0, 2, 1, 1 };
	struct frame f;
	size_t used;

	(void)state;
	assert_int_equal(frame_next(too_short, sizeof(too_short), FRAME_MAX, &f, &used), -1);
	assert_int_equal(frame_next(empty, sizeof(empty), FRAME_MAX, &f, &used), -1);
	assert_int_equal(frame_next(version, sizeof(version), FRAME_MAX, &f, &used), -1);
	assert_int_equal(frame_next(version, 5, FRAME_MAX, &f, &used), -1);
	assert_int_equal(frame_next(huge, sizeof(huge), FRAME_MAX, &f, &used), -1);
	assert_int_equal(frame_next(fine, sizeof(fine), 2, &f, &used), 1);
	assert_int_equal(f.len, 0);
	assert_int_equal(frame_next(fine, sizeof(fine), 1, &f, &used), -1);
}

static void
bad_fields(void **state)
{
	static const uint8_t head[] = { 1, 0, 0, 0 }, beyond[] = { 1, 0, 0, 0, 2, 'x' },
	    huge[] = { 1, 0xff, 0xff, 0xff, 0xff, 'x' }, exact[] = { 1, 0, 0, 0, 1, 'x' };
	struct field field;
	size_t pos = 0;

	(void)state;
	assert_int_equal(frame_field(&(struct frame){ 1, head, sizeof(head) }, &pos, &field), -1);
	assert_int_equal(frame_field(&(struct frame){ 1, beyond, sizeof(beyond) }, &pos, &field), -1);
	assert_int_equal(frame_field(&(struct frame){ 1, huge, sizeof(huge) }, &pos, &field), -1);
	assert_int_equal(frame_field(&(struct frame){ 1, exact, sizeof(exact) }, &pos, &field), 1);
}

/* A buffer that was too small leaves no half frame with a whole frame's head. */
static void
no_room(void **state)
{
	uint8_t memory[20] = { 0 };
	struct frame f;
	struct buf b;
	size_t start, used;

	(void)state;
	buf_fixed(&b, memory, sizeof(memory));
	start = frame_begin(&b, 1);
	frame_put_text(&b, 2, "this text has no room");
	frame_end(&b, start);
	assert_true(b.failed);
	assert_int_equal(frame_next(b.data, b.len, FRAME_MAX, &f, &used), -1);
}

static void
utf8(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		bool valid;
	} cases[] = {
		{ "", 0, true }, { "abc", 3, true }, { "a\0b", 3, false },
		{ "\x7f", 1, true }, { "\x80", 1, false }, { "\xbf", 1, false },
		{ "\xc2\x80", 2, true }, { "\xdf\xbf", 2, true }, { "\xc1\xbf", 2, false },
		{ "\xc2", 1, false }, { "\xc2\xc2", 2, false },
		{ "\xe0\xa0\x80", 3, true }, { "\xe0\x9f\xbf", 3, false }, { "\xef\xbf\xbf", 3, true },
		{ "\xed\x9f\xbf", 3, true }, { "\xed\xa0\x80", 3, false }, { "\xee\x80\x80", 3, true },
		{ "\xe2\x82", 2, false }, { "\xe2\x82\x20", 3, false },
		{ "\xf0\x90\x80\x80", 4, true }, { "\xf0\x8f\xbf\xbf", 4, false },
		{ "\xf4\x8f\xbf\xbf", 4, true }, { "\xf4\x90\x80\x80", 4, false },
		{ "\xf5\x80\x80\x80", 4, false }, { "\xff", 1, false },
		{ "\xf0\x90\x80\x80\xf0\x90\x80", 7, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t around = 0; around < 100; around++) {	/* ASCII, which is read in eights */
			size_t before = around / 10, len = before + cases[i].len + around % 10;
			char *copy = malloc(len + 1);

			assert_non_null(copy);
			memset(copy, '~', len);
			memcpy(copy + before, cases[i].text, cases[i].len);
			if (utf8_valid((struct slice){ copy, len }) != cases[i].valid)
				fail_msg("case %zu, around %zu", i, around);
			free(copy);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets), cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(cut_anywhere), cmocka_unit_test(bad_frames), cmocka_unit_test(bad_fields),
		cmocka_unit_test(no_room), cmocka_unit_test(utf8),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
