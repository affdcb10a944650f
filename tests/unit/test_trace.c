/* The trace: what was put is found again by either id, and by the records that were made of it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/trace.h"
#include "lib/buf.h"
#include "lib/log.h"

struct folder {
	char		 dir[64], path[96], old[96];
	struct trace	*trace;
};

static int
open_folder(void **state)
{
	static struct folder f;

	snprintf(f.dir, sizeof(f.dir), "/tmp/trace.XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	snprintf(f.path, sizeof(f.path), "%s/trace", f.dir);
	snprintf(f.old, sizeof(f.old), "%s/trace.old", f.dir);
	f.trace = trace_open(f.dir);
	*state = &f;
	return 0;
}

static int
close_folder(void **state)
{
	struct folder *f = *state;

	trace_close(f->trace);
	unlink(f->path);
	unlink(f->old);
	rmdir(f->dir);
	return 0;
}

static void
put(struct folder *f, int64_t time_ms, const char *queue_id, const char *message_id, uint64_t sequence,
    const char *event)
{
	const struct trace_event e = {
		.time_ms = time_ms, .queue_id = slice_of(queue_id), .message_id = slice_of(message_id),
		.number = sequence == 0 ? 0 : 5, .sequence = sequence, .event = event,
		.account = slice_of("alice"),
	};

	trace_put(f->trace, &e, "words of %s", event);
}

/* The events that are found, in order. */
static void
expect(struct folder *f, const char *what, const char *events)
{
	struct err err;
	struct trace_search *q = trace_search_new(f->trace, slice_of(what), &err);
	struct trace_line line;
	char found[4096];
	struct buf b;
	int rc;

	assert_non_null(q);
	buf_fixed(&b, found, sizeof(found) - 1);
	while ((rc = trace_search_next(q, &line)) >= 0)
		if (rc == 1)
			buf_printf(&b, "%s%.*s", b.len == 0 ? "" : " ", (int)line.event.len, line.event.p);
	found[b.len] = '\0';
	trace_search_free(q);
	assert_string_equal(found, events);
}

static void
test_by_either_id(void **state)
{
	put(*state, 1, "Q1", "<1@x>", 0, "accepted");
	put(*state, 2, "Q2", "<2@x>", 0, "accepted");
	put(*state, 3, "Q1", "<1@x>", 0, "saved");
	expect(*state, "Q1", "accepted saved");
	expect(*state, "<1@x>", "accepted saved");
	expect(*state, "1@x", "accepted saved");
	expect(*state, "<2@x>", "accepted");
	expect(*state, "Q3", "");
}

/* A push names records, not messages. */
static void
test_by_record(void **state)
{
	put(*state, 1, "Q1", "<1@x>", 7, "queued");
	put(*state, 2, NULL, NULL, 7, "push");
	put(*state, 2, "Q2", "<2@x>", 7, "queued");
	put(*state, 3, NULL, NULL, 8, "push");
	put(*state, 4, "Q2", "<2@x>", 8, "queued");
	put(*state, 5, "Q1", "<1@x>", 0, "silent");
	expect(*state, "Q1", "queued push silent");
	expect(*state, "2@x", "queued queued");
	expect(*state, "-", "");
}

static void
test_line(void **state)
{
	struct folder *f = *state;
	const struct trace_event e = {
		.time_ms = 1700000000123, .queue_id = slice_of("Q\t1\n"), .event = "saved",
		.account = slice_of("al\tice"), .id = slice_of("phone"),
	};
	struct trace_search *q;
	struct trace_line line;
	struct err err;
	int rc;

	trace_put(f->trace, &e, "in %s", "a\tb\nc");
	q = trace_search_new(f->trace, slice_of("Q?1?"), &err);
	while ((rc = trace_search_next(q, &line)) == 0)
		;
	assert_int_equal(rc, 1);
	assert_int_equal(line.time_ms, 1700000000123);
	assert_true(slice_is(line.account, "al?ice") && slice_is(line.id, "phone"));
	assert_true(slice_is(line.words, "in a?b?c"));
	trace_search_free(q);
}

/* No Message-ID, and rights for the daemon alone. */
static void
test_keeps_secrets(void **state)
{
	struct folder *f = *state;
	char text[4096] = "";
	struct stat st;
	FILE *file;

	put(f, 1, "Q1", "<secret@example.org>", 0, "saved");
	trace_run(f->trace, INT64_MAX);
	file = fopen(f->path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	assert_null(strstr(text, "secret"));
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* Half a line, as a kill leaves it, costs itself alone. */
static void
test_torn(void **state)
{
	struct folder *f = *state;
	int fd;

	put(f, 1, "Q1", "<1@x>", 0, "accepted");
	trace_close(f->trace);
	fd = open(f->path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "2\tQ1\tabc", 8), 8);
	close(fd);
	f->trace = trace_open(f->dir);
	put(f, 3, "Q1", "<1@x>", 0, "saved");
	expect(f, "Q1", "accepted saved");
}

/* The file becomes the older one, which is read, too; no more than two are kept. */
static void
test_turns_over(void **state)
{
	struct folder *f = *state;
	struct stat now, old;

	for (uint64_t n = 1; n < 900000; n++)
		put(f, 1, n == 400000 ? "Q1" : "Q2", n == 400000 ? "<1@x>" : "<2@x>", n, "queued");
	put(f, 1, "Q3", NULL, 400000, "push");
	trace_run(f->trace, INT64_MAX);
	assert_int_equal(stat(f->path, &now), 0);
	assert_int_equal(stat(f->old, &old), 0);
	assert_true((size_t)now.st_size <= TRACE_FILE && (size_t)old.st_size <= TRACE_FILE);
	assert_true((size_t)old.st_size > TRACE_FILE - 1024 * 1024);
	expect(f, "<1@x>", "queued push");
}

/* A disk that takes nothing loses lines and counts them; it heals by itself. */
static void
test_no_disk(void **state)
{
	struct folder *f = *state;

	log_open("test", false, LOG_LEVEL_FATAL);
	trace_close(f->trace);
	unlink(f->path);
	assert_int_equal(mkdir(f->path, 0700), 0);
	f->trace = trace_open(f->dir);
	put(f, 1, "Q1", NULL, 0, "lost");
	trace_run(f->trace, INT64_MAX);
	assert_int_equal(trace_lost(f->trace), 1);
	assert_int_equal(rmdir(f->path), 0);
	put(f, 2, "Q1", NULL, 0, "saved");
	expect(f, "Q1", "saved");
	assert_int_equal(trace_lost(f->trace), 1);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, open_folder, close_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_by_either_id),
		TEST(test_by_record),
		TEST(test_line),
		TEST(test_keeps_secrets),
		TEST(test_torn),
		TEST(test_turns_over),
		TEST(test_no_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
