/*
 * Writing.  What a kill or a full disk cut off ends without a line end: the next write begins with one,
 * and readers pass over a line that is none.
 *
 * The hash has no secret key: whoever may read the file may also check a guess.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/join_int.h"
#include "daemon/trace_int.h"
#include "lib/clock.h"
#include "lib/log.h"

#define BUFFER		(256 * 1024)
#define WRITE_MS	1000
#define COMPLAIN_MS	(3600 * 1000)

struct trace {
	char		 path[PATH_MAX], old[PATH_MAX];
	int		 fd;
	size_t		 size;		/* of the file */
	bool		 torn;		/* it does not end with a line end */
	struct buf	 out;
	uint64_t	 n_out, lost;	/* events in out; those that could not be written */
	int64_t		 due_ms;	/* monotonic; of what is in out */
	int64_t		 said_ms;
};

static void
open_file(struct trace *t)
{
	struct stat st;
	char last;

	t->fd = open(t->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (t->fd < 0 || fstat(t->fd, &st) < 0)
		return;
	t->size = (size_t)st.st_size;
	t->torn = t->size > 0 && (pread(t->fd, &last, 1, st.st_size - 1) != 1 || last != '\n');
}

struct trace *
trace_open(const char *state_dir)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (t == NULL)
		abort();
	snprintf(t->path, sizeof(t->path), "%s/trace", state_dir);
	snprintf(t->old, sizeof(t->old), "%s/trace.old", state_dir);
	buf_init(&t->out, BUFFER);
	t->due_ms = INT64_MAX;
	open_file(t);
	return t;
}

void
trace_close(struct trace *t)
{
	if (t == NULL)
		return;
	trace_flush(t);
	if (t->fd >= 0)
		close(t->fd);
	buf_clear(&t->out);
	free(t);
}

/* The file is full: it becomes the older one. */
static void
turn_over(struct trace *t)
{
	if (rename(t->path, t->old) < 0)
		return;
	close(t->fd);
	open_file(t);
}

static void
complain(struct trace *t, int reason)
{
	int64_t now_ms = clock_mono_ms();

	t->lost += t->n_out;
	if (t->said_ms != 0 && now_ms - t->said_ms < COMPLAIN_MS)
		return;
	t->said_ms = now_ms;
	log_warn("%s: %s: what happens now will be missing there", t->path, strerror(reason));
}

void
trace_flush(struct trace *t)
{
	ssize_t n;

	if (t->out.len == 0)
		return;
	if (t->size + t->out.len > TRACE_FILE)
		turn_over(t);
	if (t->fd < 0)
		open_file(t);
	if (t->torn && t->fd >= 0 && write(t->fd, "\n", 1) == 1)
		t->torn = false;
	n = t->fd < 0 || t->torn ? -1 : write(t->fd, t->out.data, t->out.len);
	if (n > 0) {
		t->size += (size_t)n;
		t->torn = t->out.data[n - 1] != '\n';
	}
	if (n < 0 || (size_t)n != t->out.len)
		complain(t, n < 0 ? errno : ENOSPC);
	buf_reset(&t->out);
	t->n_out = 0;
	t->due_ms = INT64_MAX;
}

uint64_t
trace_hash(struct slice id)
{
	static const uint8_t key[JOIN_KEY];

	if (id.len >= 2 && id.p[0] == '<' && id.p[id.len - 1] == '>')
		id = (struct slice){ id.p + 1, id.len - 2 };
	return join_hash(key, id);
}

static void
put_text(struct buf *b, struct slice text)
{
	if (text.len == 0)
		buf_octet(b, '-');
	else
		log_clean_to(b, text);
	buf_octet(b, '\t');
}

/* 16 digits. */
static void
put_hex(struct buf *b, uint64_t value)
{
	char digits[16];

	for (int i = 15; i >= 0; i--, value >>= 4)
		digits[i] = "0123456789abcdef"[value & 15];
	buf_put(b, digits, sizeof(digits));
}

static void
put_line(struct buf *b, const struct trace_event *e, const char *words)
{
	buf_u64(b, (uint64_t)(e->time_ms != 0 ? e->time_ms : clock_wall_ms()));
	buf_octet(b, '\t');
	put_text(b, e->queue_id);
	if (e->message_id.len == 0)
		buf_octet(b, '-');
	else
		put_hex(b, trace_hash(e->message_id));
	buf_octet(b, '\t');
	if (e->number == 0)
		buf_octet(b, '-');
	else {
		buf_u64(b, e->number);
		buf_octet(b, '.');
		buf_u64(b, e->sequence);
	}
	buf_octet(b, '\t');
	put_text(b, slice_of(e->event));
	put_text(b, e->account);
	put_text(b, e->id);
	log_clean_to(b, slice_of(words));
	buf_octet(b, '\n');
}

void
trace_put(struct trace *t, const struct trace_event *e, const char *words, ...)
{
	char text[1024];
	va_list ap;
	size_t before;

	if (t == NULL)
		return;
	va_start(ap, words);
	vsnprintf(text, sizeof(text), words, ap);
	va_end(ap);
	before = t->out.len;
	put_line(&t->out, e, text);
	if (t->out.failed) {
		buf_cut(&t->out, before);
		t->out.failed = false;
		trace_flush(t);
		put_line(&t->out, e, text);
	}
	t->n_out++;
	if (t->due_ms == INT64_MAX)
		t->due_ms = clock_mono_ms() + WRITE_MS;
}

void
trace_run(struct trace *t, int64_t now_ms)
{
	if (now_ms >= t->due_ms)
		trace_flush(t);
}

int64_t
trace_next(const struct trace *t)
{
	return t->due_ms;
}

uint64_t
trace_lost(const struct trace *t)
{
	return t->lost;
}

void
trace_files(const struct trace *t, int *old, int *now)
{
	*old = open(t->old, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	*now = open(t->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}
