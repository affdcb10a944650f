/*
 * A hash table finds a subscription by its number, a binary heap the one that is due first.  Numbers
 * are given out in sequence by the store, so they spread by themselves.
 */
#include <assert.h>
#include <stdlib.h>

#include "daemon/queue.h"

struct queue {
	struct pending	**table;
	size_t		  slots;	/* a power of two */
	struct pending	**heap;
	size_t		  n, cap;
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
	for (size_t i = 0; i < q->n; i++)
		free(q->heap[i]);
	free(q->heap);
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
place(struct queue *q, size_t i, struct pending *p)
{
	q->heap[i] = p;
	p->place = i;
}

static void
sift_up(struct queue *q, size_t i)
{
	struct pending *p = q->heap[i];

	while (i > 0 && q->heap[(i - 1) / 2]->due_ms > p->due_ms) {
		place(q, i, q->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(q, i, p);
}

static void
sift_down(struct queue *q, size_t i)
{
	struct pending *p = q->heap[i];
	size_t child;

	while ((child = 2 * i + 1) < q->n) {
		if (child + 1 < q->n && q->heap[child + 1]->due_ms < q->heap[child]->due_ms)
			child++;
		if (q->heap[child]->due_ms >= p->due_ms)
			break;
		place(q, i, q->heap[child]);
		i = child;
	}
	place(q, i, p);
}

static void
grow_table(struct queue *q)
{
	free(q->table);
	q->slots *= 2;
	q->table = calloc(q->slots, sizeof(*q->table));
	if (q->table == NULL)
		abort();
	for (size_t i = 0; i < q->n; i++) {
		q->heap[i]->next = *bucket(q, q->heap[i]->number);
		*bucket(q, q->heap[i]->number) = q->heap[i];
	}
}

struct pending *
queue_add(struct queue *q, uint64_t number)
{
	struct pending *p = queue_get(q, number);

	if (p != NULL)
		return p;
	if (q->n == q->cap) {
		q->cap = q->cap == 0 ? 64 : q->cap * 2;
		q->heap = realloc(q->heap, q->cap * sizeof(*q->heap));
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL || q->heap == NULL)
		abort();
	if (q->n >= q->slots)
		grow_table(q);
	p->number = number;
	p->due_ms = QUEUE_NEVER;
	p->waiter.owner = p;
	p->next = *bucket(q, number);
	*bucket(q, number) = p;
	place(q, q->n++, p);
	return p;
}

void
queue_remove(struct queue *q, struct pending *p)
{
	struct pending **link = bucket(q, p->number), *last = q->heap[--q->n];
	size_t i = p->place;

	assert(!p->flying);
	origin_forget(&p->waiter);
	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	if (last != p) {
		place(q, i, last);
		sift_up(q, i);
		sift_down(q, last->place);
	}
	free(p);
}

void
queue_set_due(struct queue *q, struct pending *p, int64_t due_ms)
{
	p->due_ms = due_ms;
	sift_up(q, p->place);
	sift_down(q, p->place);
}

struct pending *
queue_first(const struct queue *q)
{
	return q->n == 0 ? NULL : q->heap[0];
}

size_t
queue_length(const struct queue *q)
{
	return q->n;
}

struct pending *
queue_at(const struct queue *q, size_t i)
{
	return q->heap[i];
}
