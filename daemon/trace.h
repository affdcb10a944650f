/*
 * trace: what became of each message, for `mailbell trace`: lines in state_dir/trace, the older ones in
 * state_dir/trace.old, at most TRACE_FILE octets each.
 *
 * A line goes to memory, and with the others to the file when a second is over: a kill may lose that
 * second, and a disk that takes nothing loses lines, never mail.  There is no subject, no address of a
 * correspondent and no Message-ID in it: of the latter only a hash, by which who knows it can find it.
 *
 *	time in ms, queue id, hash, number.sequence of the outbox record, event, account, subscription,
 *	words: separated by tabs; "-" stands for what is not known.
 */
#ifndef DAEMON_TRACE_H
#define DAEMON_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/slice.h"

#define TRACE_FILE	((size_t)32 * 1024 * 1024)

struct trace;

/* Creates or continues the file; where it cannot, each write tries again. */
struct trace	*trace_open(const char *state_dir);
/* Writes what is in memory first. */
void		 trace_close(struct trace *t);

struct trace_event {
	int64_t		 time_ms;	/* 0: now */
	struct slice	 queue_id, message_id;	/* nil: not known */
	uint64_t	 number, sequence;	/* of the record in the outbox; 0: of none */
	const char	*event;
	struct slice	 account, id;	/* nil: of none */
};

/* Adds one event; words are for people.  t may be NULL. */
void	trace_put(struct trace *t, const struct trace_event *e, const char *words, ...)
	    __attribute__((format(printf, 3, 4)));

/* Writes what is due; trace_next says when something will be (monotonic ms, INT64_MAX: nothing). */
void	trace_run(struct trace *t, int64_t now_ms);
int64_t	trace_next(const struct trace *t);
/* Events that could not be written since the start. */
uint64_t	trace_lost(const struct trace *t);

/* One line as it was found.  Slices are valid until the next call. */
struct trace_line {
	int64_t		time_ms;
	struct slice	event, account, id, words;	/* nil where nothing is known */
};

struct trace_search;

/*
 * Everything that is known now of a queue id or a Message-ID (with or without its angle brackets), and
 * of the records that were made of it.  NULL: the files cannot be read.
 */
struct trace_search	*trace_search_new(struct trace *t, struct slice what, struct err *err);
void			 trace_search_free(struct trace_search *q);
/* 1: a line; 0: some of the file was read, nothing was found in it, go on; -1: that was all. */
int	trace_search_next(struct trace_search *q, struct trace_line *out);

#endif
