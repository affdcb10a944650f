/*
 * Origins live in a table by name; those with waiters form one circular list with a cursor, so that
 * they take turns.  One that nobody uses and that has nothing to remember goes when its last slot or
 * waiter does, or when a new one comes to its place in the table.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/origin.h"
#include "daemon/hash.h"

#define SLOTS	4096
#define NEVER	INT64_MIN

enum line { FRONT, BEHIND, LINES };

struct origin {
	char			*name;
	size_t			 in_flight, waiting;
	int64_t			 last_taken;	/* NEVER: never */
	bool			 untested;	/* how the slots in flight were counted */
	size_t			 ramp;		/* slots after a pause, 0: all */
	struct breaker		 breaker;
	struct origin_waiter	 line[LINES];	/* heads of circular lists */
	struct origin		*chain;		/* the table's */
	struct origin		*next, *prev;	/* the round of those that have waiters */
	struct origins		*all;
};

struct origins {
	struct origin	*table[SLOTS];
	struct origin	*turn;		/* in the round, NULL: nobody waits */
	size_t		 untested;	/* in flight at untested origins */
	size_t		 paused;
};

struct origins *
origins_new(void)
{
	struct origins *all = calloc(1, sizeof(*all));

	if (all == NULL)
		abort();
	return all;
}

static size_t
slot_of(const char *name)
{
	return (size_t)(hash_text(name) % SLOTS);
}

static void
free_origin(struct origin *o)
{
	free(o->name);
	free(o);
}

void
origins_free(struct origins *all)
{
	struct origin *o;

	for (size_t i = 0; all != NULL && i < SLOTS; i++)
		while ((o = all->table[i]) != NULL) {
			all->table[i] = o->chain;
			free_origin(o);
		}
	free(all);
}

static bool
tested(const struct origin *o, int64_t now)
{
	return o->last_taken != NEVER && now - o->last_taken < ORIGIN_TRUST_S;
}

static bool
is_idle(const struct origin *o, int64_t now)
{
	return o->in_flight == 0 && o->waiting == 0 && !tested(o, now) &&
	    breaker_idle(&o->breaker, now);
}

/* Frees what is idle in one place of the table. */
static void
tidy(struct origin **slot, int64_t now)
{
	struct origin *o;

	while ((o = *slot) != NULL) {
		if (!is_idle(o, now)) {
			slot = &o->chain;
			continue;
		}
		*slot = o->chain;
		free_origin(o);
	}
}

struct origin *
origin_find(const struct origins *all, const char *name)
{
	struct origin *o = all->table[slot_of(name)];

	while (o != NULL && strcmp(o->name, name) != 0)
		o = o->chain;
	return o;
}

struct origin *
origin_open(struct origins *all, const char *name, int64_t now, bool *made)
{
	struct origin *o = origin_find(all, name), **slot;

	*made = o == NULL;
	if (o != NULL)
		return o;
	slot = &all->table[slot_of(name)];
	tidy(slot, now);
	o = calloc(1, sizeof(*o));
	if (o == NULL || (o->name = strdup(name)) == NULL)
		abort();
	o->all = all;
	o->last_taken = NEVER;
	for (int i = 0; i < LINES; i++)
		o->line[i].next = o->line[i].prev = &o->line[i];
	o->chain = *slot;
	*slot = o;
	return o;
}

void
origin_drop(struct origin *o, int64_t now)
{
	tidy(&o->all->table[slot_of(o->name)], now);
}

/* Lines */

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
	if (--o->waiting == 0)
		leave_round(o);
}

void
origin_forget(struct origin_waiter *w)
{
	if (w->origin != NULL)
		leave_line(w);
}

static void
enter_line(struct origin *o, struct origin_waiter *w)
{
	struct origin_waiter *head = &o->line[w->behind ? BEHIND : FRONT];

	if (o->waiting++ == 0)
		join_round(o);
	w->origin = o;
	w->next = head;
	w->prev = head->prev;
	w->prev->next = w->next->prev = w;
}

static struct origin_waiter *
first_of(const struct origin *o, enum line line)
{
	return o->line[line].next == &o->line[line] ? NULL : o->line[line].next;
}

/* Slots */

static bool
has_slot(const struct origin *o, int64_t now)
{
	bool known = tested(o, now);
	size_t limit = known ? ORIGIN_TESTED : ORIGIN_UNTESTED;

	if (o->ramp > 0 && o->ramp < limit)
		limit = o->ramp;
	return o->in_flight < limit && (known || o->all->untested < ORIGIN_UNTESTED_ALL) &&
	    breaker_allows(&o->breaker, now);
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

bool
origin_wait(struct origin *o, int64_t now, struct origin_waiter *w)
{
	if (has_slot(o, now))
		return false;
	enter_line(o, w);
	return true;
}

enum origin_start
origin_start(struct origin *o, int64_t now, struct origin_waiter *w)
{
	if (origin_wait(o, now, w))
		return ORIGIN_WAIT;
	count_as(o, !tested(o, now));
	o->in_flight++;
	o->all->untested += o->untested;
	return breaker_start(&o->breaker) ? ORIGIN_PROBE : ORIGIN_STARTED;
}

/* After a pause: one slot, and one more for each push that is taken. */
static void
note_ramp(struct origin *o, enum breaker_change change, bool taken)
{
	if (change == BREAKER_CLOSED)
		o->ramp = 1;
	if (o->ramp > 0 && taken && ++o->ramp >= ORIGIN_TESTED)
		o->ramp = 0;
}

struct origin_news
origin_end(struct origin *o, const struct breaker_event *event, unsigned need, int64_t now,
    uint32_t random)
{
	struct origin_news news = { .why = o->breaker.why };
	bool taken = event->outcome == BREAKER_TAKEN, paused = o->breaker.paused;

	o->in_flight--;
	o->all->untested -= o->untested;
	if (taken) {
		o->last_taken = now;
		count_as(o, false);
	}
	news.change = breaker_note(&o->breaker, event, need, now, random);
	if (o->breaker.paused) {
		news.why = o->breaker.why;
		news.pause = o->breaker.until - now;
	}
	o->all->paused += (size_t)o->breaker.paused - (size_t)paused;
	note_ramp(o, news.change, taken);
	origin_drop(o, now);
	return news;
}

void
origin_vouch(struct origin *o, int64_t taken)
{
	if (taken > o->last_taken)
		o->last_taken = taken;
}

void
origin_restore(struct origin *o, enum breaker_cause why, int64_t until)
{
	o->all->paused += !o->breaker.paused;
	breaker_restore(&o->breaker, why, until);
}

/* Who comes next in this kind of line; the cursor moves on, so that origins take turns. */
static void *
next_in(struct origins *all, enum line line, int64_t now)
{
	struct origin *o = all->turn, *first = o;
	struct origin_waiter *w;

	if (o == NULL)
		return NULL;
	do {
		w = first_of(o, line);
		if (w != NULL && has_slot(o, now)) {
			all->turn = o->next;
			leave_line(w);
			return w->owner;
		}
		o = o->next;
	} while (o != first);
	return NULL;
}

void *
origin_next(struct origins *all, int64_t now)
{
	void *owner = next_in(all, FRONT, now);

	return owner != NULL ? owner : next_in(all, BEHIND, now);
}

int64_t
origin_wake(const struct origins *all)
{
	const struct origin *o = all->turn, *first = o;
	int64_t wake = ORIGIN_NEVER;

	if (o == NULL || all->paused == 0)
		return wake;
	do {
		if (o->breaker.paused && !o->breaker.probing && o->in_flight == 0 &&
		    o->breaker.until < wake)
			wake = o->breaker.until;
		o = o->next;
	} while (o != first);
	return wake;
}

/* For the operator */

const struct origin *
origin_walk(const struct origins *all, const struct origin *o)
{
	size_t i = 0;

	if (o != NULL) {
		if (o->chain != NULL)
			return o->chain;
		i = slot_of(o->name) + 1;
	}
	for (; i < SLOTS; i++)
		if (all->table[i] != NULL)
			return all->table[i];
	return NULL;
}

void
origin_show(const struct origin *o, struct origin_view *view)
{
	*view = (struct origin_view){
		.name = o->name, .in_flight = o->in_flight, .waiting = o->waiting,
		.was_taken = o->last_taken != NEVER, .last_taken = o->last_taken, .paused = o->breaker.paused,
		.probing = o->breaker.probing, .until = o->breaker.until,
		.why = o->breaker.paused ? breaker_cause_text(o->breaker.why) : NULL,
	};
}

size_t
origins_paused(const struct origins *all)
{
	return all->paused;
}
