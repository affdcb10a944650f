/*
 * The queue's mark stands on the oldest arrival that still has its ENVELOPE: nothing before it has
 * one any more.
 */
#include <stdlib.h>

#include "lmtp/held.h"

#define FRAME_FULL	(64 * 1024)	/* a frame of this size gets no further recipient */

struct held_queue {
	struct frameq	 frames;
	uint64_t	 seq;			/* the last one given */
	size_t		 max_recipients, max_octets;
	uint64_t	 lost;
	struct buf	 scratch;
};

struct held_queue *
held_new(size_t max_recipients, size_t max_octets)
{
	struct held_queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		abort();
	frameq_init(&q->frames);
	buf_init(&q->scratch, FRAME_MAX + 4);
	q->max_recipients = max_recipients;
	q->max_octets = max_octets;
	return q;
}

void
held_free(struct held_queue *q)
{
	if (q == NULL)
		return;
	frameq_clear(&q->frames);
	buf_clear(&q->scratch);
	free(q);
}

/* Writes h anew without its ENVELOPE; what it was stays valid until it is replaced. */
static void
write_poor(struct held_queue *q, const struct frameq_item *h)
{
	struct wire_recipient r;
	struct wire_arrival a;
	struct frame f;
	size_t used, start, pos = 0;

	buf_reset(&q->scratch);
	if (frame_next(h->frame, h->len, FRAME_MAX, &f, &used) != 1 || wire_get_arrival(&f, &a) < 0)
		abort();	/* it was written by us */
	if (a.reason == ENVELOPE_OK) {
		a.envelope = SLICE_NIL;
		a.reason = ENVELOPE_NONE;
	}
	start = wire_begin_arrival(&q->scratch, &a);
	while (wire_recipient(&a, &pos, &r) == 1)
		wire_put_recipient(&q->scratch, &r);
	wire_end_arrival(&q->scratch, start);
}

/* Takes the ENVELOPE off the oldest that has one. */
static void
impoverish(struct held_queue *q)
{
	struct frameq_item *old = q->frames.mark;

	write_poor(q, old);
	if (frameq_replace(&q->frames, old, buf_all(&q->scratch)) == NULL)
		abort();
}

static void
drop_oldest(struct held_queue *q)
{
	struct frameq_item *oldest = TAILQ_FIRST(&q->frames.list);

	q->lost += oldest->weight;
	frameq_drop(&q->frames, oldest);
}

static void
keep_bounds(struct held_queue *q)
{
	while (q->frames.octets > q->max_octets && q->frames.mark != NULL)
		impoverish(q);
	while (q->frames.weight > q->max_recipients || q->frames.octets > q->max_octets)
		drop_oldest(q);
}

/* One frame with as many of the n recipients as go into it; returns how many those are. */
static size_t
put_frame(struct held_queue *q, struct wire_arrival *a, const struct wire_recipient *r, size_t n)
{
	struct frameq_item *item;
	size_t start, i;

	buf_reset(&q->scratch);
	a->seq = ++q->seq;
	start = wire_begin_arrival(&q->scratch, a);
	for (i = 0; i < n && q->scratch.len < FRAME_FULL; i++)
		wire_put_recipient(&q->scratch, &r[i]);
	wire_end_arrival(&q->scratch, start);
	item = frameq_put(&q->frames, a->seq, i, buf_all(&q->scratch));
	if (item == NULL)
		abort();
	if (q->frames.mark == NULL)
		q->frames.mark = item;
	return i;
}

void
held_put(struct held_queue *q, const struct wire_arrival *a, const struct wire_recipient *r, size_t n)
{
	struct wire_arrival copy = *a;
	size_t done = 0;

	while (done < n)
		done += put_frame(q, &copy, r + done, n - done);
	keep_bounds(q);
}

struct frameq *
held_frames(struct held_queue *q)
{
	return &q->frames;
}

size_t
held_recipients(const struct held_queue *q)
{
	return q->frames.weight;
}

uint64_t
held_take_lost(struct held_queue *q)
{
	uint64_t lost = q->lost;

	q->lost = 0;
	return lost;
}
