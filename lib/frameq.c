/*
 * Acknowledgements come nearly in order, so the search for one starts at the oldest.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/frameq.h"

void
frameq_init(struct frameq *q)
{
	TAILQ_INIT(&q->list);
	q->unsent = q->mark = NULL;
	q->weight = q->octets = 0;
}

void
frameq_clear(struct frameq *q)
{
	struct frameq_item *item;

	while ((item = TAILQ_FIRST(&q->list)) != NULL)
		frameq_drop(q, item);	/* NOLINT(clang-analyzer-unix.Malloc): it unlinks the item */
}

static size_t
size_of(const struct frameq_item *item)
{
	return sizeof(*item) + item->len;
}

/* In no list yet, but counted. */
static struct frameq_item *
new_item(struct frameq *q, uint64_t seq, size_t weight, struct slice frame)
{
	struct frameq_item *item = malloc(sizeof(*item) + frame.len);

	if (item == NULL)
		return NULL;
	item->seq = seq;
	item->weight = weight;
	item->len = frame.len;
	memcpy(item->frame, frame.p, frame.len);
	q->weight += weight;
	q->octets += size_of(item);
	return item;
}

struct frameq_item *
frameq_put(struct frameq *q, uint64_t seq, size_t weight, struct slice frame)
{
	struct frameq_item *item = new_item(q, seq, weight, frame);

	if (item == NULL)
		return NULL;
	TAILQ_INSERT_TAIL(&q->list, item, entry);
	if (q->unsent == NULL)
		q->unsent = item;
	return item;
}

struct frameq_item *
frameq_replace(struct frameq *q, struct frameq_item *old, struct slice frame)
{
	struct frameq_item *item = new_item(q, old->seq, old->weight, frame);

	if (item == NULL)
		return NULL;
	TAILQ_INSERT_BEFORE(old, item, entry);
	if (q->unsent == old)
		q->unsent = item;
	frameq_drop(q, old);
	return item;
}

void
frameq_drop(struct frameq *q, struct frameq_item *item)
{
	if (q->unsent == item)
		q->unsent = TAILQ_NEXT(item, entry);
	if (q->mark == item)
		q->mark = TAILQ_NEXT(item, entry);
	TAILQ_REMOVE(&q->list, item, entry);
	q->weight -= item->weight;
	q->octets -= size_of(item);
	free(item);
}

struct frameq_item *
frameq_find(const struct frameq *q, uint64_t seq)
{
	struct frameq_item *item;

	TAILQ_FOREACH(item, &q->list, entry)
		if (item->seq == seq)
			return item;
	return NULL;
}

struct slice
frameq_unsent(const struct frameq *q)
{
	if (q->unsent == NULL)
		return SLICE_NIL;
	return (struct slice){ (const char *)q->unsent->frame, q->unsent->len };
}

void
frameq_sent(struct frameq *q)
{
	q->unsent = TAILQ_NEXT(q->unsent, entry);
}

void
frameq_rewind(struct frameq *q)
{
	q->unsent = TAILQ_FIRST(&q->list);
}
