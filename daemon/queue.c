/*
 * A hash table finds a subscription by its number, two binary heaps those that are due first: one for
 * who waits for a verification, one for everybody else.  Numbers are given out in sequence by the
 * store, so they spread by themselves.
 */
#include <assert.h>
#include <stdlib.h>

#include "daemon/queue.h"

struct heap {
	struct pending	**v;
	size_t		  n, cap;
};

struct queue {
	struct pending	**table;
	size_t		  slots;	/* a power of two */
	struct heap	  heap[2];	/* by pending.behind */
};

struct queue *
queue_new(void)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		abort();
	q->slots = 1024;
	q->table = calloc(q->slots, sizeof(*q->table));
	if (q->table == NULL)
		abort();
	return q;
}

void
queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	for (int side = 0; side < 2; side++) {
		for (size_t i = 0; i < q->heap[side].n; i++)
			free(q->heap[side].v[i]);
		free(q->heap[side].v);
	}
	free(q->table);
	free(q);
}

static struct pending **
bucket(const struct queue *q, uint64_t number)
{
	return &q->table[number & (q->slots - 1)];
}

struct pending *
queue_get(const struct queue *q, uint64_t number)
{
	struct pending *p = *bucket(q, number);

	while (p != NULL && p->number != number)
		p = p->next;
	return p;
}

static void
place(struct heap *h, size_t i, struct pending *p)
{
	h->v[i] = p;
	p->place = i;
}

static void
sift_up(struct heap *h, size_t i)
{
	struct pending *p = h->v[i];

	while (i > 0 && h->v[(i - 1) / 2]->due_ms > p->due_ms) {
		place(h, i, h->v[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(h, i, p);
}

static void
sift_down(struct heap *h, size_t i)
{
	struct pending *p = h->v[i];
	size_t child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && h->v[child + 1]->due_ms < h->v[child]->due_ms)
			child++;
		if (h->v[child]->due_ms >= p->due_ms)
			break;
		place(h, i, h->v[child]);
		i = child;
	}
	place(h, i, p);
}

static void
heap_add(struct heap *h, struct pending *p)
{
	if (h->n == h->cap) {
		h->cap = h->cap == 0 ? 64 : h->cap * 2;
		h->v = realloc(h->v, h->cap * sizeof(*h->v));
		if (h->v == NULL)
			abort();
	}
	place(h, h->n++, p);
	sift_up(h, p->place);
}

static void
heap_remove(struct heap *h, struct pending *p)
{
	struct pending *last = h->v[--h->n];
	size_t i = p->place;

	if (last == p)
		return;
	place(h, i, last);
	sift_up(h, i);
	sift_down(h, last->place);
}

static void
grow_table(struct queue *q)
{
	struct pending **link;

	free(q->table);
	q->slots *= 2;
	q->table = calloc(q->slots, sizeof(*q->table));
	if (q->table == NULL)
		abort();
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < q->heap[side].n; i++) {
			link = bucket(q, q->heap[side].v[i]->number);
			q->heap[side].v[i]->next = *link;
			*link = q->heap[side].v[i];
		}
}

struct pending *
queue_add(struct queue *q, uint64_t number)
{
	struct pending *p = queue_get(q, number);

	if (p != NULL)
		return p;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		abort();
	if (queue_length(q) >= q->slots)
		grow_table(q);
	p->number = number;
	p->due_ms = QUEUE_NEVER;
	p->turn.owner = p;
	p->waiter.owner = p;
	p->next = *bucket(q, number);
	*bucket(q, number) = p;
	heap_add(&q->heap[0], p);
	return p;
}

void
queue_remove(struct queue *q, struct pending *p)
{
	struct pending **link = bucket(q, p->number);

	assert(!p->flying);
	crowd_forget(&p->turn);
	origin_forget(&p->waiter);
	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	heap_remove(&q->heap[p->behind], p);
	free(p);
}

void
queue_set_due(struct queue *q, struct pending *p, int64_t due_ms)
{
	struct heap *h = &q->heap[p->behind];

	p->due_ms = due_ms;
	sift_up(h, p->place);
	sift_down(h, p->place);
}

void
queue_set_behind(struct queue *q, struct pending *p, bool behind)
{
	if (p->behind == behind)
		return;
	heap_remove(&q->heap[p->behind], p);
	p->behind = behind;
	heap_add(&q->heap[behind], p);
}

struct pending *
queue_first(const struct queue *q, bool behind)
{
	return q->heap[behind].n == 0 ? NULL : q->heap[behind].v[0];
}

size_t
queue_length(const struct queue *q)
{
	return q->heap[0].n + q->heap[1].n;
}

const struct pending *
queue_at(const struct queue *q, size_t i)
{
	return i < q->heap[0].n ? q->heap[0].v[i] : q->heap[1].v[i - q->heap[0].n];
}
