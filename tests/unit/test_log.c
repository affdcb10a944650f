/* What log_clean makes of foreign text, and that no line can be forged. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"

static void
clean(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "plain text", "plain text" },
		{ "a\r\nb\tc\x1b[31m\x7f", "a??b?c?[31m?" },
		{ "Gel\xc3\xb6scht \xe2\x82\xac \xf0\x9f\x94\x94",
		  "Gel\xc3\xb6scht \xe2\x82\xac \xf0\x9f\x94\x94" },
		{ "\xc2\x85\xc2\x9b\xc2\xa0", "??\xc2\xa0" },			/* C1, then U+00A0 */
		{ "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7", "??\xe2\x80\xa7" },	/* separators, U+2027 */
		{ "\xe2\x80\xae" "evil\xe2\x81\xa6", "?evil?" },			/* direction */
		{ "\xff\xc3", "??" },						/* no UTF-8, cut UTF-8 */
		{ "\xc0\xaf\xed\xa0\x80", "?????" },				/* overlong, surrogate */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(log_clean(slice_of(cases[i].in)).text, cases[i].out);
	assert_string_equal(log_clean((struct slice){ "a\0b", 3 }).text, "a?b");
	assert_string_equal(log_clean(SLICE_NIL).text, "");
}

/* The cut comes between characters, never inside one. */
static void
cut(void **state)
{
	char in[1024], want[LOG_CLEAN_MAX + 1];

	(void)state;
	memset(in, 'x', sizeof(in));
	memset(want, 'x', sizeof(want));
	want[LOG_CLEAN_MAX] = '\0';
	assert_string_equal(log_clean((struct slice){ in, sizeof(in) }).text, want);
	in[LOG_CLEAN_MAX - 1] = '\xc3';
	in[LOG_CLEAN_MAX] = '\xb6';
	want[LOG_CLEAN_MAX - 1] = '\0';
	assert_string_equal(log_clean((struct slice){ in, sizeof(in) }).text, want);
}

static void
clean_to_has_no_cut(void **state)
{
	char in[1000];
	struct buf b;

	(void)state;
	memset(in, '\n', sizeof(in));
	buf_init(&b, sizeof(in));
	log_clean_to(&b, (struct slice){ in, sizeof(in) });
	assert_false(b.failed);
	assert_int_equal(b.len, sizeof(in));
	assert_int_equal(b.data[999], '?');
	buf_clear(&b);
}

static int reader;	/* of what body says */

/* What arrives on stderr while body runs. */
static void
capture(void (*body)(void), char *out, size_t size)
{
	int saved = dup(STDERR_FILENO), fds[2];
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	reader = fds[0];
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	body();
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(fds[0], out, size - 1);
	close(fds[0]);
	out[n < 0 ? 0 : n] = '\0';
}

static void
some_lines(void)
{
	log_open("belltest", false, LOG_LEVEL_NOTICE);
	log_info("left out");
	log_notice("kept %d", 1);
	log_warn("two\nlines");
	log_fatal("the end");
}

static void
very_long_line(void)
{
	char text[5000];

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_warn("%s", text);
}

static void
lines(void **state)
{
	char out[8192];

	(void)state;
	capture(some_lines, out, sizeof(out));
	assert_string_equal(out,
	    "belltest: kept 1\nbelltest: warning: two?lines\nbelltest: fatal: the end\n");
	capture(very_long_line, out, sizeof(out));
	assert_in_range(strlen(out), 1000, 2100);
	assert_int_equal(out[strlen(out) - 1], '\n');
}

static void
flood(void)
{
	for (int i = 0; i < 1000; i++)
		log_warn("trouble %d", i);
	log_warn("other trouble");
}

static void
many_reloads(void)
{
	for (int i = 0; i < 100; i++)
		log_notice("reloaded");
}

static int
count_lines(const char *out)
{
	int n = 0;

	for (; (out = strchr(out, '\n')) != NULL; out++)
		n++;
	return n;
}

static void
a_warning_that_repeats(void **state)
{
	char out[8192];

	(void)state;
	capture(flood, out, sizeof(out));
	assert_int_equal(count_lines(out), 20 + 1);
	assert_non_null(strstr(out, "trouble 19\n"));
	assert_non_null(strstr(out, "other trouble\n"));
	capture(many_reloads, out, sizeof(out));	/* each was asked for */
	assert_int_equal(count_lines(out), 100);
}

static int
octets_there(void)
{
	int n = -1;

	ioctl(STDERR_FILENO, FIONREAD, &n);
	return n;
}

#define HELD	500	/* more than are kept at a time */

static int there[4];

static void
outcomes(void)
{
	log_open("belltest", false, LOG_LEVEL_INFO);
	log_hold(true);
	log_info("one");
	log_info("two");
	there[0] = octets_there();
	log_hold(true);
	there[1] = octets_there();
	log_info("three");
	log_notice("four");		/* what is no outcome takes those before it along */
	there[2] = octets_there();
	for (int i = 0; i < HELD; i++)
		log_info("%d", 1000 + i);
	log_hold(false);
	there[3] = octets_there();
	log_info("five");
}

static void
outcomes_are_held(void **state)
{
	static char out[HELD * 16 + 200];
	const int len = (int)strlen("belltest: one\nbelltest: two\n");

	(void)state;
	capture(outcomes, out, sizeof(out));
	assert_int_equal(there[0], 0);
	assert_int_equal(there[1], len);
	assert_ptr_equal(strstr(out, "belltest: one\nbelltest: two\nbelltest: three\nbelltest: four\n"
	    "belltest: 1000\n"), out);
	assert_int_equal(there[2], len + (int)strlen("belltest: three\nbelltest: four\n"));
	assert_int_equal(there[3], there[2] + HELD * (int)strlen("belltest: 1000\n"));
	assert_int_equal(count_lines(out), 4 + HELD + 1);
}

#define ROOM	4096		/* what a pipe has, if it has any */

/* A pipe that is full, until there is room for one page. */
static void
little_room(void)
{
	static char page[16 * ROOM];
	int size = fcntl(STDERR_FILENO, F_SETPIPE_SZ, ROOM);	/* a page of this machine's */

	log_open("belltest", false, LOG_LEVEL_INFO);
	assert_in_range(size, ROOM, sizeof(page));
	assert_int_equal(write(STDERR_FILENO, page, (size_t)size), size);
	log_hold(true);
	log_info("nobody reads");
	log_hold(true);
	assert_int_equal(read(reader, page, (size_t)size), size);
	for (int i = 0; i < HELD; i++)
		log_info("%d", 1000 + i);	/* the first chunk takes the room, no other waits */
	log_hold(false);
}

static void
a_chunk_finds_room(void **state)
{
	static const char start[] = "belltest: warning: 1 lines were left out: nobody read the log\n"
	    "belltest: 1000\nbelltest: 1001\n";
	char out[2 * ROOM];

	(void)state;
	alarm(20);		/* a write that blocks ends here */
	capture(little_room, out, sizeof(out));
	alarm(0);
	assert_memory_equal(out, start, strlen(start));
	assert_in_range(strlen(out), ROOM - 200, ROOM);
	assert_int_equal(out[strlen(out) - 1], '\n');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean), cmocka_unit_test(cut), cmocka_unit_test(clean_to_has_no_cut),
		cmocka_unit_test(lines), cmocka_unit_test(a_warning_that_repeats),
		cmocka_unit_test(outcomes_are_held), cmocka_unit_test(a_chunk_finds_room),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
