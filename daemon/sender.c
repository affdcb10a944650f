/*
 * The queue says whom to look at next (sender_look.c); an answer (sender_answer.c) puts its
 * subscription back into the queue.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/sender_int.h"
#include "daemon/silence.h"
#include "lib/clock.h"
#include "lib/log.h"

#define LOOKS_A_TURN	256

int64_t
sender_now(void)
{
	return clock_mono_ms() / 1000;
}

/* The queue */

void
sender_set_count(struct sender *s, struct pending *p, size_t count)
{
	s->total += count - p->count;
	p->count = count;
}

void
sender_leave(struct sender *s, struct pending *p)
{
	sender_set_count(s, p, 0);
	queue_remove(s->queue, p);
}

void
sender_wait_for(struct sender *s, struct pending *p, int64_t ms)
{
	if (ms > SENDER_LOOK_AGAIN_MS)
		ms = SENDER_LOOK_AGAIN_MS;
	p->held_ms = 0;
	queue_set_due(s->queue, p, clock_mono_ms() + (ms < 0 ? 0 : ms));
}

/* Nothing is sent before, whatever comes. */
void
sender_hold_for(struct sender *s, struct pending *p, int64_t ms)
{
	sender_wait_for(s, p, ms);
	p->held_ms = p->due_ms;
}

/* Sooner than it would be looked at, never later. */
static void
look_within(struct sender *s, struct pending *p, int64_t ms)
{
	int64_t at = clock_mono_ms() + ms;

	/* Then it will be looked at anyhow. */
	if (p->flying || p->turn.crowd != NULL || p->waiter.origin != NULL)
		return;
	if (at < p->held_ms)
		at = p->held_ms;
	if (at < p->due_ms)
		queue_set_due(s->queue, p, at);
}

static void
add(struct sender *s, uint64_t number, size_t n, int64_t accepted_ms)
{
	struct pending *p = queue_add(s->queue, number);

	p->changed = true;
	if (p->count == 0)
		p->oldest_ms = accepted_ms;
	sender_set_count(s, p, p->count + n);
	look_within(s, p, s->daemon->config.send_delay * 1000);
}

void
sender_added(struct sender *s, uint64_t number, size_t n)
{
	add(s, number, n, clock_wall_ms());
}

void
sender_look(struct sender *s, uint64_t number)
{
	struct pending *p = queue_get(s->queue, number);

	if (p == NULL)
		return;
	p->changed = p->recount = true;
	p->held_ms = 0;
	look_within(s, p, 0);
}

void
sender_forget(struct sender *s, uint64_t number)
{
	struct pending *p = queue_get(s->queue, number);

	if (p == NULL)
		return;
	p->changed = true;
	sender_set_count(s, p, 0);
	if (!p->flying)		/* else the answer finds no subscription and ends it */
		queue_remove(s->queue, p);
}

size_t
sender_waiting(const struct sender *s, uint64_t number)
{
	const struct pending *p = queue_get(s->queue, number);

	return p == NULL ? 0 : p->count;
}

size_t
sender_total(const struct sender *s)
{
	return s->total;
}

int64_t
sender_oldest(const struct sender *s)
{
	int64_t oldest = 0;

	for (size_t i = 0; i < queue_length(s->queue); i++) {
		const struct pending *p = queue_at(s->queue, i);

		if (p->count > 0 && (oldest == 0 || p->oldest_ms < oldest))
			oldest = p->oldest_ms;
	}
	return oldest;
}

size_t
sender_in_flight(const struct sender *s)
{
	return post_in_flight(s->post);
}

const struct origins *
sender_origins(const struct sender *s)
{
	return s->origins;
}

bool
sender_covers(const struct sender *s, uint64_t number, uint64_t sequence)
{
	const struct pending *p = queue_get(s->queue, number);

	if (p == NULL || !p->flying)
		return false;
	for (size_t i = 0; i < POST_MAX; i++) {
		const struct flight *f = &s->flights[i];

		for (size_t k = 0; f->used && f->number == number && k < f->n; k++)
			if (f->records[k].sequence == sequence)
				return true;
	}
	return false;
}

int64_t
sender_wait(const struct sender *s, uint64_t number)
{
	const struct pending *p = queue_get(s->queue, number);
	int64_t left;

	if (p == NULL)
		return -1;
	left = p->due_ms == QUEUE_NEVER ? 0 : (p->due_ms - clock_mono_ms()) / 1000;
	return left < 0 ? 0 : left;
}

/* The loop's side */

static void
take_answers(struct sender *s)
{
	struct post_answer answer;

	while (post_take(s->post, &answer) == 1)
		sender_answer(s, answer.owner, &answer);
}

static bool
may_look(const struct sender *s, int looks)
{
	return looks < LOOKS_A_TURN && post_in_flight(s->post) < POST_MAX;
}

/* The next to be looked at: verifications come behind everybody else. */
static struct pending *
next_due(struct sender *s, int64_t now_ms)
{
	struct pending *p = queue_first(s->queue, false);

	if (p != NULL && p->due_ms <= now_ms)
		return p;
	p = queue_first(s->queue, true);
	return p != NULL && p->due_ms <= now_ms ? p : NULL;
}

void
sender_run(struct sender *s, int64_t now_ms)
{
	struct pending *p;
	int looks = 0;

	post_run(s->post, now_ms);
	take_answers(s);
	s->ran_s = sender_now();
	while (may_look(s, looks) && (p = origin_next(s->origins, s->ran_s)) != NULL) {
		sender_look_at(s, p);
		looks++;
	}
	while (may_look(s, looks) &&
	    ((p = crowd_next(s->crowds)) != NULL || (p = next_due(s, now_ms)) != NULL)) {
		sender_look_at(s, p);
		looks++;
	}
	s->looked_enough = looks == LOOKS_A_TURN;
}

int64_t
sender_next(const struct sender *s)
{
	const struct pending *p;
	int64_t next = post_next(s->post), wake = origin_wake(s->origins);

	if (post_in_flight(s->post) == POST_MAX)
		return next;
	if (s->looked_enough || crowd_due(s->crowds))
		return 0;
	if (wake > s->ran_s && wake < ORIGIN_NEVER && wake * 1000 < next)
		next = wake * 1000;
	for (int behind = 0; behind < 2; behind++) {
		p = queue_first(s->queue, behind);
		if (p != NULL && p->due_ms < next)
			next = p->due_ms;
	}
	return next;
}

/* What a killed daemon left: a digest whose silence hung on a connection is owed now. */
static int
load(struct sender *s, struct err *err)
{
	struct store *store = s->daemon->store;
	struct outbox_record r;
	struct delivery delivery;
	uint64_t number = 0, sequence = 0;
	int rc;

	while ((rc = store_outbox_next(store, number, sequence, &r, err)) == 1) {
		number = r.number;
		sequence = r.sequence;
		add(s, number, 1, r.accepted_ms);
		if (r.due != OUTBOX_NEVER)
			continue;
		rc = store_delivery_get(store, number, &delivery, err);
		if (rc < 0 || store_begin(store, err) < 0)
			return -1;
		r.due = rc == 0 ? 0 : silence_ends(s->daemon, &delivery, clock_wall_s());
		if (store_outbox_put(store, &r, err) < 0 || store_commit(store, err) < 0) {
			store_abort(store);
			return -1;
		}
	}
	return rc;
}

struct sender *
sender_new(struct daemon *d, struct err *err)
{
	struct sender *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->daemon = d;
	s->queue = queue_new();
	s->crowds = crowds_new();
	s->origins = origins_new();
	s->flood = flood_new();
	s->census = census_new();
	s->batch = calloc(1, sizeof(*s->batch));
	if (s->batch == NULL)
		abort();
	s->batch->trace = d->trace;
	s->post = post_new(d->loop, d->guard, &d->config, err);
	if (s->post == NULL || load(s, err) < 0) {
		sender_free(s);
		return NULL;
	}
	return s;
}

void
sender_reload(struct sender *s)
{
	post_guard(s->post, s->daemon->guard);
}

void
sender_free(struct sender *s)
{
	if (s == NULL)
		return;
	post_free(s->post);
	for (size_t i = 0; i < POST_MAX; i++)
		sender_end_flight(&s->flights[i]);
	queue_free(s->queue);
	origins_free(s->origins);
	crowds_free(s->crowds);
	flood_free(s->flood);
	census_free(s->census);
	free(s->batch);
	free(s);
}
