/* The maximum, the sticky failure, and what stays in a buffer after each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"

static void
grows_to_its_maximum(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (int i = 0; i < 1000; i++)
		buf_octet(&b, (uint8_t)i);
	assert_false(b.failed);
	assert_int_equal(b.len, 1000);
	assert_int_equal(b.data[999], 999 % 256);
	assert_in_range(b.cap, 1000, 1000);
	buf_octet(&b, 0);
	assert_true(b.failed);
	assert_int_equal(b.len, 1000);
	buf_clear(&b);
}

/* Half of a text is never written, and nothing after a failure, however small. */
static void
failure_is_sticky(void **state)
{
	char memory[8];
	struct buf b;

	(void)state;
	buf_fixed(&b, memory, sizeof(memory));
	buf_text(&b, "12345");
	buf_text(&b, "6789");
	assert_true(b.failed);
	assert_int_equal(b.len, 5);
	buf_octet(&b, '6');
	assert_int_equal(b.len, 5);
	assert_null(buf_room(&b, 1));
	buf_reset(&b);
	assert_false(b.failed);
	buf_text(&b, "12345678");
	assert_false(b.failed);
	assert_memory_equal(memory, "12345678", 8);
	assert_ptr_equal(b.data, memory);
}

static void
decimal(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_u64(&b, 0);
	buf_octet(&b, ' ');
	buf_u64(&b, 1007);
	buf_octet(&b, ' ');
	buf_u64(&b, UINT64_MAX);
	buf_octet(&b, '\0');
	assert_string_equal((char *)b.data, "0 1007 18446744073709551615");
	buf_clear(&b);
}

static void
huge_requests(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	buf_put(&b, "ab", 2);
	assert_null(buf_room(&b, SIZE_MAX));
	assert_true(b.failed);
	buf_reset(&b);
	assert_null(buf_room(&b, SIZE_MAX - 1));
	buf_clear(&b);
}

static void
pieces(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_true(slice_is(buf_all(&b), ""));
	assert_non_null(buf_all(&b).p);
	buf_printf(&b, "%s-%d", "abc", 42);
	buf_slice(&b, slice_of("!"));
	buf_slice(&b, SLICE_NIL);
	assert_true(slice_is(buf_all(&b), "abc-42!"));
	buf_drop(&b, 4);
	assert_true(slice_is(buf_all(&b), "42!"));
	buf_cut(&b, 2);
	assert_true(slice_is(buf_all(&b), "42"));
	buf_drop(&b, 2);
	assert_int_equal(b.len, 0);
	buf_clear(&b);
	assert_null(b.data);
	buf_text(&b, "again");
	assert_true(slice_is(buf_all(&b), "again"));
	buf_clear(&b);
}

static void
printf_bounds(void **state)
{
	char text[2000];
	struct buf b;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buf_init(&b, 10000);
	buf_printf(&b, "%.1023s", text);
	assert_false(b.failed);
	assert_int_equal(b.len, 1023);
	buf_printf(&b, "%.1024s", text);
	assert_true(b.failed);
	assert_int_equal(b.len, 1023);
	buf_clear(&b);
}

static void
wipe(void **state)
{
	static const char zero[16];
	char memory[16];
	struct buf b;

	(void)state;
	buf_fixed(&b, memory, sizeof(memory));
	buf_text(&b, "a secret token");
	buf_wipe(&b);
	assert_memory_equal(memory, zero, sizeof(zero));
	assert_int_equal(b.len, 0);
	assert_ptr_equal(b.data, memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_to_its_maximum), cmocka_unit_test(failure_is_sticky),
		cmocka_unit_test(huge_requests), cmocka_unit_test(pieces), cmocka_unit_test(printf_bounds),
		cmocka_unit_test(wipe), cmocka_unit_test(decimal),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
