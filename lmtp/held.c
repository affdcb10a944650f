/*
 * Two cursors go through the list: all before `unsent` was sent on this connection, and nothing
 * before `rich` has an ENVELOPE any more.  Acknowledgements come nearly in order, so the search for
 * one starts at the oldest.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "lmtp/held.h"

#define FRAME_FULL	(64 * 1024)	/* a frame of this size gets no further recipient */

struct held {
	TAILQ_ENTRY(held) entry;
	uint64_t	seq;
	size_t		recipients;
	size_t		len;
	uint8_t		frame[];
};

TAILQ_HEAD(held_list, held);

struct held_queue {
	struct held_list list;
	struct held	*unsent, *rich;		/* NULL: none */
	uint64_t	 seq;			/* the last one given */
	size_t		 recipients, octets;
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
	TAILQ_INIT(&q->list);
	buf_init(&q->scratch, FRAME_MAX + 4);
	q->max_recipients = max_recipients;
	q->max_octets = max_octets;
	return q;
}

static size_t
size_of(const struct held *h)
{
	return sizeof(*h) + h->len;
}

static void
unlink_held(struct held_queue *q, struct held *h)
{
	if (q->unsent == h)
		q->unsent = TAILQ_NEXT(h, entry);
	if (q->rich == h)
		q->rich = TAILQ_NEXT(h, entry);
	TAILQ_REMOVE(&q->list, h, entry);
	q->recipients -= h->recipients;
	q->octets -= size_of(h);
	free(h);
}

void
held_free(struct held_queue *q)
{
	struct held *h;

	if (q == NULL)
		return;
	while ((h = TAILQ_FIRST(&q->list)) != NULL)
		unlink_held(q, h);
	buf_clear(&q->scratch);
	free(q);
}

/* What is in scratch, as an item that is in no list yet. */
static struct held *
from_scratch(struct held_queue *q, uint64_t seq, size_t recipients)
{
	struct held *h = malloc(sizeof(*h) + q->scratch.len);

	if (h == NULL)
		abort();
	h->seq = seq;
	h->recipients = recipients;
	h->len = q->scratch.len;
	memcpy(h->frame, q->scratch.data, h->len);
	q->recipients += recipients;
	q->octets += size_of(h);
	return h;
}

/* Writes h anew without its ENVELOPE; what it was stays valid until it is replaced. */
static void
write_poor(struct held_queue *q, const struct held *h)
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
	struct held *old = q->rich, *h;

	write_poor(q, old);
	h = from_scratch(q, old->seq, old->recipients);
	TAILQ_INSERT_BEFORE(old, h, entry);
	if (q->unsent == old)
		q->unsent = h;
	unlink_held(q, old);
}

static void
keep_bounds(struct held_queue *q)
{
	while (q->octets > q->max_octets && q->rich != NULL)
		impoverish(q);
	while (q->recipients > q->max_recipients || q->octets > q->max_octets) {
		struct held *oldest = TAILQ_FIRST(&q->list);

		q->lost += oldest->recipients;
		unlink_held(q, oldest);
	}
}

/* One frame with as many of the n recipients as go into it; returns how many those are. */
static size_t
put_frame(struct held_queue *q, struct wire_arrival *a, const struct wire_recipient *r, size_t n)
{
	struct held *h;
	size_t start, i;

	buf_reset(&q->scratch);
	a->seq = ++q->seq;
	start = wire_begin_arrival(&q->scratch, a);
	for (i = 0; i < n && q->scratch.len < FRAME_FULL; i++)
		wire_put_recipient(&q->scratch, &r[i]);
	wire_end_arrival(&q->scratch, start);
	h = from_scratch(q, a->seq, i);
	TAILQ_INSERT_TAIL(&q->list, h, entry);
	if (q->unsent == NULL)
		q->unsent = h;
	if (q->rich == NULL)
		q->rich = h;
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

struct slice
held_unsent(const struct held_queue *q)
{
	if (q->unsent == NULL)
		return SLICE_NIL;
	return (struct slice){ (const char *)q->unsent->frame, q->unsent->len };
}

void
held_sent(struct held_queue *q)
{
	q->unsent = TAILQ_NEXT(q->unsent, entry);
}

void
held_rewind(struct held_queue *q)
{
	q->unsent = TAILQ_FIRST(&q->list);
}

void
held_ack(struct held_queue *q, uint64_t seq)
{
	struct held *h;

	TAILQ_FOREACH(h, &q->list, entry) {
		if (h->seq == seq) {
			unlink_held(q, h);
			return;
		}
	}
}

size_t
held_recipients(const struct held_queue *q)
{
	return q->recipients;
}

size_t
held_octets(const struct held_queue *q)
{
	return q->octets;
}

uint64_t
held_take_lost(struct held_queue *q)
{
	uint64_t lost = q->lost;

	q->lost = 0;
	return lost;
}
