/*
 * Reading, the older file first, so that lines come in the order of time.  A line belongs to the answer
 * when its queue id or its hash is the one that is asked for, or when it is about a record that an
 * earlier line of the answer has named: so a push is found that stood for several messages.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/trace_int.h"
#include "lib/buf.h"

#define CHUNK		(128 * 1024)
#define RECORDS_MAX	10000	/* of one message */

enum { TIME, QUEUE_ID, HASH, RECORD, EVENT, ACCOUNT, ID, WORDS, FIELDS };

struct trace_search {
	int		 fd[2];
	int		 at;		/* which of them */
	struct buf	 in;
	size_t		 used;		/* octets of in that were looked at */
	char		*queue_id;
	char		 hash[17];
	char		(*record)[44];	/* "number.sequence" of each that was named */
	size_t		 n_records;
};

struct trace_search *
trace_search_new(struct trace *t, struct slice what, struct err *err)
{
	struct trace_search *q = calloc(1, sizeof(*q));

	if (q == NULL || (q->queue_id = strndup(what.p, what.len)) == NULL)
		abort();
	if (slice_is(what, "-"))
		q->queue_id[0] = '\0';	/* what stands for none is no id */
	trace_flush(t);
	snprintf(q->hash, sizeof(q->hash), "%016" PRIx64, trace_hash(what));
	buf_init(&q->in, 2 * CHUNK);
	trace_files(t, &q->fd[0], &q->fd[1]);
	if (q->fd[1] >= 0)
		return q;
	err_set(err, "the trace cannot be read: %s", strerror(errno));
	trace_search_free(q);
	return NULL;
}

void
trace_search_free(struct trace_search *q)
{
	if (q == NULL)
		return;
	for (int i = 0; i < 2; i++)
		if (q->fd[i] >= 0)
			close(q->fd[i]);
	buf_clear(&q->in);
	free(q->queue_id);
	free(q->record);
	free(q);
}

/* Reads behind what is there.  false: both files are at their end. */
static bool
read_more(struct trace_search *q)
{
	uint8_t *room;
	ssize_t n;

	buf_drop(&q->in, q->used);
	q->used = 0;
	if (q->in.len >= CHUNK)		/* no line is that long */
		buf_reset(&q->in);
	while (q->at < 2) {
		room = buf_room(&q->in, CHUNK);
		n = q->fd[q->at] < 0 || room == NULL ? 0 : read(q->fd[q->at], room, CHUNK);
		if (n > 0) {
			q->in.len += (size_t)n;
			return true;
		}
		q->at++;
		buf_reset(&q->in);	/* half a line may be left */
	}
	return false;
}

/* -1: this is no line of ours. */
static int
split(struct slice line, struct slice field[FIELDS])
{
	const char *tab;

	for (int i = 0; i < FIELDS; i++) {
		tab = memchr(line.p, '\t', line.len);
		if ((tab == NULL) != (i == WORDS))
			return -1;
		field[i] = (struct slice){ line.p, tab == NULL ? line.len : (size_t)(tab - line.p) };
		if (tab != NULL)
			line = (struct slice){ tab + 1, line.len - field[i].len - 1 };
	}
	return 0;
}

static bool
is_named(const struct trace_search *q, struct slice record)
{
	for (size_t i = q->n_records; i > 0; i--)
		if (slice_is(record, q->record[i - 1]))
			return true;
	return false;
}

static void
name(struct trace_search *q, struct slice record)
{
	if (record.len == 1 || record.len >= sizeof(q->record[0]) || q->n_records == RECORDS_MAX ||
	    is_named(q, record))
		return;
	if ((q->n_records & (q->n_records - 1)) == 0) {		/* 0, 1, 2, 4 ... */
		size_t cap = q->n_records == 0 ? 1 : 2 * q->n_records;

		q->record = realloc(q->record, cap * sizeof(q->record[0]));
		if (q->record == NULL)
			abort();
	}
	assert(q->record != NULL);
	memcpy(q->record[q->n_records], record.p, record.len);
	q->record[q->n_records++][record.len] = '\0';
}

/* Such a line says which record stands for a message: another message, where the ids differ. */
static bool
names_record(struct slice event)
{
	return slice_is(event, "queued") || slice_is(event, "silent");
}

static bool
belongs(struct trace_search *q, const struct slice field[FIELDS])
{
	if (!slice_is(field[QUEUE_ID], q->queue_id) && !slice_is(field[HASH], q->hash))
		return field[RECORD].len > 1 && !names_record(field[EVENT]) && is_named(q, field[RECORD]);
	name(q, field[RECORD]);
	return true;
}

static struct slice
known(struct slice field)
{
	return slice_is(field, "-") ? SLICE_NIL : field;
}

static void
describe(const struct slice field[FIELDS], struct trace_line *out)
{
	*out = (struct trace_line){
		.event = known(field[EVENT]), .account = known(field[ACCOUNT]),
		.id = known(field[ID]), .words = field[WORDS].len == 0 ? SLICE_NIL : field[WORDS],
	};
	for (size_t i = 0; i < field[TIME].len && field[TIME].p[i] >= '0' && field[TIME].p[i] <= '9' &&
	    i < 18; i++)
		out->time_ms = out->time_ms * 10 + (field[TIME].p[i] - '0');
}

int
trace_search_next(struct trace_search *q, struct trace_line *out)
{
	struct slice field[FIELDS], line;
	const char *end;

	for (;;) {
		line = buf_all(&q->in);
		line = (struct slice){ line.p + q->used, line.len - q->used };
		end = memchr(line.p, '\n', line.len);
		if (end == NULL)
			return read_more(q) ? 0 : -1;
		line.len = (size_t)(end - line.p);
		q->used += line.len + 1;
		if (split(line, field) == 0 && belongs(q, field)) {
			describe(field, out);
			return 1;
		}
	}
}
