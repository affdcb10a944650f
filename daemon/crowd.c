/*
 * Accounts live in a table while they have a push under way or somebody in line.  Those that have both
 * somebody in line and a slot are in a round, so that the next one is found without a search.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/crowd.h"
#include "daemon/hash.h"

#define SLOTS	4096

TAILQ_HEAD(line, crowd_waiter);
TAILQ_HEAD(round, crowd);

struct crowd {
	struct crowds	*all;
	char		*account;
	size_t		 under_way;
	struct line	 line;
	bool		 ready;		/* in the round */
	TAILQ_ENTRY(crowd) entry;	/* the round's */
	struct crowd	*chain;		/* the table's */
};

struct crowds {
	struct crowd	*table[SLOTS];
	struct round	 round;
	size_t		 count;
};

struct crowds *
crowds_new(void)
{
	struct crowds *all = calloc(1, sizeof(*all));

	if (all == NULL)
		abort();
	TAILQ_INIT(&all->round);
	return all;
}

static struct crowd **
place_of(struct crowds *all, const char *account)
{
	struct crowd **place = &all->table[hash_text(account) % SLOTS];

	while (*place != NULL && strcmp((*place)->account, account) != 0)
		place = &(*place)->chain;
	return place;
}

static void
erase(struct crowd **place)
{
	struct crowd *c = *place;

	assert(c != NULL);
	*place = c->chain;
	c->all->count--;
	free(c->account);
	free(c);
}

void
crowds_free(struct crowds *all)
{
	for (size_t i = 0; all != NULL && i < SLOTS; i++)
		while (all->table[i] != NULL)
			erase(&all->table[i]);
	free(all);
}

static struct crowd *
add(struct crowds *all, struct crowd **place, const char *account)
{
	struct crowd *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->account = strdup(account)) == NULL)
		abort();
	c->all = all;
	TAILQ_INIT(&c->line);
	*place = c;
	all->count++;
	return c;
}

/* After each change: whether it is in the round, and whether it is remembered at all. */
static void
settle(struct crowd *c)
{
	bool ready = c->under_way < CROWD_MAX && !TAILQ_EMPTY(&c->line);

	if (ready && !c->ready)
		TAILQ_INSERT_TAIL(&c->all->round, c, entry);
	else if (!ready && c->ready)
		TAILQ_REMOVE(&c->all->round, c, entry);
	c->ready = ready;
	if (c->under_way == 0 && TAILQ_EMPTY(&c->line))
		erase(place_of(c->all, c->account));
}

bool
crowd_wait(struct crowds *all, const char *account, struct crowd_waiter *w)
{
	struct crowd *c = *place_of(all, account);

	if (c == NULL || c->under_way < CROWD_MAX)
		return false;
	TAILQ_INSERT_TAIL(&c->line, w, entry);
	w->crowd = c;
	return true;
}

struct crowd *
crowd_enter(struct crowds *all, const char *account, struct crowd_waiter *w)
{
	struct crowd **place;
	struct crowd *c;

	if (crowd_wait(all, account, w))
		return NULL;
	place = place_of(all, account);
	c = *place != NULL ? *place : add(all, place, account);
	c->under_way++;
	settle(c);
	return c;
}

void
crowd_leave(struct crowd *c)
{
	c->under_way--;
	settle(c);
}

void
crowd_forget(struct crowd_waiter *w)
{
	struct crowd *c = w->crowd;

	if (c == NULL)
		return;
	TAILQ_REMOVE(&c->line, w, entry);
	w->crowd = NULL;
	settle(c);
}

void *
crowd_next(struct crowds *all)
{
	struct crowd *c = TAILQ_FIRST(&all->round);
	struct crowd_waiter *w;

	if (c == NULL)
		return NULL;
	TAILQ_REMOVE(&all->round, c, entry);
	TAILQ_INSERT_TAIL(&all->round, c, entry);
	w = TAILQ_FIRST(&c->line);
	crowd_forget(w);
	return w->owner;
}

bool
crowd_due(const struct crowds *all)
{
	return !TAILQ_EMPTY(&all->round);
}

size_t
crowds_count(const struct crowds *all)
{
	return all->count;
}
