/*
 * Origins live in one circular list with a cursor, so that those with waiters take turns, and in a
 * table by name.  One that nobody uses and that has no success to remember goes when its last slot or
 * waiter does.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/origin.h"

#define SLOTS	4096

struct origin {
	char			*name;
	size_t			 in_flight;
	int64_t			 last_taken;	/* 0: never */
	bool			 untested;	/* how the slots in flight were counted */
	struct origin_waiter	 line;		/* head of a circular list */
	struct origin		*chain;		/* the table's */
	struct origin		*next, *prev;	/* the round of those that have waiters */
	struct origins		*all;
};

struct origins {
	struct origin	*table[SLOTS];
	struct origin	*turn;		/* in the round, NULL: nobody waits */
	size_t		 untested;	/* in flight at untested origins */
};

struct origins *
origins_new(void)
{
	struct origins *all = calloc(1, sizeof(*all));

	if (all == NULL)
		abort();
	return all;
}

void
origins_free(struct origins *all)
{
	struct origin *o;

	for (size_t i = 0; all != NULL && i < SLOTS; i++)
		while ((o = all->table[i]) != NULL) {
			all->table[i] = o->chain;
			free(o->name);
			free(o);
		}
	free(all);
}

static size_t
slot_of(const char *name)
{
	uint64_t h = 1469598103934665603u;

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * 1099511628211u;
	return (size_t)(h >> 20) & (SLOTS - 1);
}

static struct origin *
find_or_make(struct origins *all, const char *name)
{
	struct origin **slot = &all->table[slot_of(name)], *o;

	for (o = *slot; o != NULL; o = o->chain)
		if (strcmp(o->name, name) == 0)
			return o;
	o = calloc(1, sizeof(*o));
	if (o == NULL || (o->name = strdup(name)) == NULL)
		abort();
	o->all = all;
	o->line.next = o->line.prev = &o->line;
	o->chain = *slot;
	*slot = o;
	return o;
}

static bool
has_waiters(const struct origin *o)
{
	return o->line.next != &o->line;
}

static void
drop_if_idle(struct origin *o)
{
	struct origin **slot = &o->all->table[slot_of(o->name)];

	if (o->in_flight > 0 || has_waiters(o) || o->last_taken != 0)
		return;
	while (*slot != o)
		slot = &(*slot)->chain;
	*slot = o->chain;
	free(o->name);
	free(o);
}

static void
join_round(struct origin *o)
{
	struct origins *all = o->all;

	if (all->turn == NULL) {
		all->turn = o->next = o->prev = o;
		return;
	}
	o->next = all->turn;
	o->prev = all->turn->prev;
	o->prev->next = o->next->prev = o;
}

static void
leave_round(struct origin *o)
{
	struct origins *all = o->all;

	if (all->turn == o)
		all->turn = o->next == o ? NULL : o->next;
	o->next->prev = o->prev;
	o->prev->next = o->next;
}

static void
leave_line(struct origin_waiter *w)
{
	struct origin *o = w->origin;

	w->prev->next = w->next;
	w->next->prev = w->prev;
	w->origin = NULL;
	if (!has_waiters(o))
		leave_round(o);
}

void
origin_forget(struct origin_waiter *w)
{
	struct origin *o = w->origin;

	if (o == NULL)
		return;
	leave_line(w);
	drop_if_idle(o);
}

static void
enter_line(struct origin *o, struct origin_waiter *w)
{
	if (!has_waiters(o))
		join_round(o);
	w->origin = o;
	w->next = &o->line;
	w->prev = o->line.prev;
	w->prev->next = w->next->prev = w;
}

static bool
tested(const struct origin *o, int64_t now_s)
{
	return o->last_taken != 0 && now_s - o->last_taken < ORIGIN_TRUST_S;
}

static bool
has_slot(const struct origin *o, int64_t now_s)
{
	if (tested(o, now_s))
		return o->in_flight < ORIGIN_TESTED;
	return o->in_flight < ORIGIN_UNTESTED && o->all->untested < ORIGIN_UNTESTED_ALL;
}

/* All slots of an origin are counted alike: when it turns tested, those in flight turn, too. */
static void
count_as(struct origin *o, bool untested)
{
	if (o->untested && !untested)
		o->all->untested -= o->in_flight;
	else if (!o->untested && untested)
		o->all->untested += o->in_flight;
	o->untested = untested;
}

struct origin *
origin_start(struct origins *all, const char *name, int64_t now_s, struct origin_waiter *w)
{
	struct origin *o = find_or_make(all, name);

	if (!has_slot(o, now_s)) {
		enter_line(o, w);
		return NULL;
	}
	count_as(o, !tested(o, now_s));
	o->in_flight++;
	all->untested += o->untested;
	return o;
}

void
origin_end(struct origins *all, struct origin *o, bool taken, int64_t now_s)
{
	o->in_flight--;
	all->untested -= o->untested;
	if (taken) {
		o->last_taken = now_s;
		count_as(o, false);
	}
	drop_if_idle(o);
}

void *
origin_next(struct origins *all, int64_t now_s)
{
	struct origin *o = all->turn, *first = o;
	struct origin_waiter *w;

	if (o == NULL)
		return NULL;
	do {
		if (has_slot(o, now_s)) {
			w = o->line.next;
			all->turn = o->next;
			leave_line(w);
			return w->owner;
		}
		o = o->next;
	} while (o != first);
	return NULL;
}
