/* What people and programs are shown of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "admin/json.h"
#include "admin/table.h"
#include "lib/wire.h"

#define S(text)	((struct slice){ text, sizeof(text) - 1 })

static FILE *out;
static char *text;
static size_t text_len;

static int
setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	out = open_memstream(&text, &text_len);
	return out == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	fclose(out);
	free(text);
	return 0;
}

static struct frame
frame_of(const struct buf *b)
{
	struct frame f;
	size_t used;

	assert_false(b->failed);
	assert_int_equal(frame_next(b->data, b->len, FRAME_MAX_ROW, &f, &used), 1);
	return f;
}

/* A row of a subscription list. */
static struct frame
list_row(struct buf *b, struct slice user, int64_t pushes, int64_t last)
{
	size_t start;

	buf_reset(b);
	start = wire_begin_row(b);
	wire_row_text(b, "user", user);
	wire_row_number(b, "pushes", pushes);
	wire_row_number(b, "last_time", last);
	wire_row_text(b, "error", pushes == 0 ? SLICE_NIL : S("http"));
	wire_end_row(b, start);
	return frame_of(b);
}

static void
table(void **state)
{
	struct table t;
	struct frame f;
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	table_init(&t, out);
	f = list_row(&b, S("alice"), 12345678, 1700000000);
	assert_int_equal(table_row(&t, &f), 0);
	f = list_row(&b, S("b\x1b[2J\xc3\xb6"), 0, 0);
	assert_int_equal(table_row(&t, &f), 0);
	table_end(&t);
	fflush(out);
	assert_string_equal(text,
	    "user      pushes  last_time            error\n"
	    "alice   12345678  2023-11-14 22:13:20  http\n"
	    "b?[2J\xc3\xb6         0  never                -\n");
	buf_clear(&b);
}

static void
empty_table(void **state)
{
	struct table t;

	(void)state;
	table_init(&t, out);
	table_end(&t);
	fflush(out);
	assert_int_equal(text_len, 0);
}

/* More rows than are held: nothing is lost, the order stays. */
static void
long_table(void **state)
{
	struct table t;
	struct frame f;
	struct buf b;
	size_t lines = 0;
	char name[16];

	(void)state;
	buf_init(&b, 10000);
	table_init(&t, out);
	for (int i = 0; i < 3 * TABLE_LOOK; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		f = list_row(&b, slice_of(name), i, i);
		assert_int_equal(table_row(&t, &f), 0);
	}
	table_end(&t);
	fflush(out);
	for (const char *p = strchr(text, '\n'); p != NULL; p = strchr(p + 1, '\n')) {
		snprintf(name, sizeof(name), "user%zu ", lines);
		if (lines < 3 * TABLE_LOOK)
			assert_int_equal(strncmp(p + 1, name, strlen(name)), 0);
		lines++;
	}
	assert_int_equal(lines, 3 * TABLE_LOOK + 1);
	buf_clear(&b);
}

/* Rows are matched by name; what a row lacks is "-", what the first row had not is left out. */
static void
other_columns(void **state)
{
	struct table t;
	struct frame f;
	struct buf b;
	size_t start;

	(void)state;
	buf_init(&b, 10000);
	table_init(&t, out);
	start = wire_begin_row(&b);
	wire_row_text(&b, "a", S("1"));
	wire_row_text(&b, "b", S("2"));
	wire_end_row(&b, start);
	f = frame_of(&b);
	assert_int_equal(table_row(&t, &f), 0);
	buf_reset(&b);
	start = wire_begin_row(&b);
	wire_row_text(&b, "c", S("3"));
	wire_row_text(&b, "b", S("4"));
	wire_end_row(&b, start);
	f = frame_of(&b);
	assert_int_equal(table_row(&t, &f), 0);
	table_end(&t);
	fflush(out);
	assert_string_equal(text, "a  b\n1  2\n-  4\n");
	buf_clear(&b);
}

static void
malformed_rows(void **state)
{
	struct json_out j = { .out = out, .array = true };
	struct table t;
	struct frame f;
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	table_init(&t, out);
	f = list_row(&b, S("alice"), 1, 1);
	assert_int_equal(table_row(&t, &f), 0);
	f.len--;
	assert_int_equal(table_row(&t, &f), -1);
	assert_int_equal(table_vertical(out, &f), -1);
	assert_int_equal(json_out_row(&j, &f), -1);
	table_end(&t);
	buf_clear(&b);
}

static void
vertical(void **state)
{
	struct frame f;
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	f = list_row(&b, S("alice"), 7, 0);
	assert_int_equal(table_vertical(out, &f), 0);
	fflush(out);
	assert_string_equal(text,
	    "user:      alice\npushes:    7\nlast_time: never\nerror:     http\n");
	buf_clear(&b);
}

static void
array_for_programs(void **state)
{
	struct json_out j = { .out = out, .array = true };
	struct frame f;
	struct buf b;
	json_t *all, *second;

	(void)state;
	buf_init(&b, 10000);
	f = list_row(&b, S("alice\x1b\xc2\x9b"), INT64_C(9007199254740993), 1700000000);
	assert_int_equal(json_out_row(&j, &f), 0);
	f = list_row(&b, S("b\xff"), 0, 0);
	assert_int_equal(json_out_row(&j, &f), 0);
	json_out_end(&j);
	fflush(out);
	for (size_t i = 0; i < text_len; i++)
		assert_true(text[i] == '\n' || (text[i] >= 0x20 && text[i] < 0x7f));
	all = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(all), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(all, 0), "user")),
	    "alice\x1b\xc2\x9b");
	assert_true(json_integer_value(json_object_get(json_array_get(all, 0), "pushes")) ==
	    INT64_C(9007199254740993));
	second = json_array_get(all, 1);
	assert_string_equal(json_string_value(json_object_get(second, "user")), "b?");
	assert_true(json_is_null(json_object_get(second, "error")));
	assert_int_equal(json_integer_value(json_object_get(second, "last_time")), 0);
	json_decref(all);
	buf_clear(&b);
}

static void
object_and_nothing(void **state)
{
	struct json_out one = { .out = out }, none = { .out = out, .array = true };
	struct frame f;
	struct buf b;
	json_t *object;

	(void)state;
	json_out_end(&none);
	fflush(out);
	assert_string_equal(text, "[]\n");
	rewind(out);
	buf_init(&b, 10000);
	f = list_row(&b, S("alice"), 1, 2);
	assert_int_equal(json_out_row(&one, &f), 0);
	json_out_end(&one);
	fflush(out);
	object = json_loads(text, 0, NULL);
	assert_true(json_is_object(object));
	assert_int_equal(json_object_size(object), 4);
	json_decref(object);
	buf_clear(&b);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(table), TEST(empty_table), TEST(long_table), TEST(other_columns),
		TEST(malformed_rows), TEST(vertical), TEST(array_for_programs), TEST(object_and_nothing),
	};

	return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
