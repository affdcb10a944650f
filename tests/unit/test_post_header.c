/* What is kept of the header of a push service's answer: the last Retry-After of the final response. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/post_int.h"

static int
begin(void **state)
{
	*state = calloc(1, sizeof(struct transfer));
	return *state == NULL ? -1 : 0;
}

static int
end(void **state)
{
	free(*state);
	return 0;
}

/* A response: its status, then lines, the empty one at the end included. */
static void
response(struct transfer *t, long status, const char *const *lines)
{
	for (; *lines != NULL; lines++)
		assert_true(post_header(t, *lines, strlen(*lines), status));
}

#define RESPONSE(t, status, ...)	response(t, status, (const char *const[]){ __VA_ARGS__, NULL })

static void
the_last_one_counts(void **state)
{
	struct transfer *t = *state;

	RESPONSE(t, 429, "HTTP/1.1 429 slow down\r\n", "Retry-After: 5\r\n", "retry-AFTER:\t 60 \r\n",
	    "Retry-After-More: 7\r\n", "X-Retry-After: 8\r\n", "\r\n");
	assert_string_equal(t->retry_after, "60");
	assert_true(t->final);
}

static void
an_interim_response_says_nothing(void **state)
{
	struct transfer *t = *state;

	RESPONSE(t, 103, "HTTP/1.1 103 Early Hints\r\n", "Retry-After: 86400\r\n", "\r\n");
	assert_string_equal(t->retry_after, "");
	assert_false(t->final);
	RESPONSE(t, 503, "HTTP/1.1 503 later\r\n", "Content-Length: 0\r\n", "\r\n");
	assert_string_equal(t->retry_after, "");
	assert_true(t->final);
}

static void
what_follows_an_interim_one_counts(void **state)
{
	struct transfer *t = *state;

	RESPONSE(t, 100, "HTTP/1.1 100 Continue\r\n", "\r\n");
	RESPONSE(t, 103, "HTTP/1.1 103 Early Hints\r\n", "Retry-After: 86400\r\n", "\n");
	RESPONSE(t, 429, "HTTP/1.1 429 slow down\r\n", "Retry-After: 30\r\n", "\r\n");
	assert_string_equal(t->retry_after, "30");
}

/* Trailers come behind the body, when it is decided what is done. */
static void
trailers_say_nothing(void **state)
{
	struct transfer *t = *state;

	RESPONSE(t, 429, "HTTP/1.1 429 slow down\r\n", "Retry-After: 30\r\n", "\r\n");
	RESPONSE(t, 429, "Retry-After: 86400\r\n", "\r\n");
	assert_string_equal(t->retry_after, "30");
}

static void
a_long_value_is_none(void **state)
{
	struct transfer *t = *state;
	char line[POST_RETRY_AFTER_MAX + 32] = "Retry-After: ";
	size_t start = strlen(line);

	memset(line + start, '1', POST_RETRY_AFTER_MAX - 1);
	RESPONSE(t, 429, line);
	assert_int_equal(strlen(t->retry_after), POST_RETRY_AFTER_MAX - 1);
	t->retry_after[0] = '\0';
	line[start + POST_RETRY_AFTER_MAX - 1] = '1';
	RESPONSE(t, 429, line);
	assert_string_equal(t->retry_after, "");
}

/* All interim responses together have no more room than one. */
static void
too_much(void **state)
{
	struct transfer *t = *state;
	static const char line[] = "X: 45678901234\r\n";
	size_t len = strlen(line);

	for (size_t octets = 16; octets < POST_HEADER_MAX; octets += len)
		RESPONSE(t, 103, line);
	assert_true(post_header(t, "Y: 4567890123\r\n", 15, 103));
	assert_true(post_header(t, "\n", 1, 103));
	assert_false(post_header(t, "\n", 1, 103));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_last_one_counts), TEST(an_interim_response_says_nothing),
		TEST(what_follows_an_interim_one_counts), TEST(trailers_say_nothing),
		TEST(a_long_value_is_none), TEST(too_much),
	};

	return cmocka_run_group_tests_name("post_header", tests, NULL, NULL);
}
