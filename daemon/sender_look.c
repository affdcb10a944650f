/*
 * Looking at a subscription reads it and its due records, and ends in one of four ways: nothing is
 * left (it leaves the queue), it is to wait (a time), its origin has no slot (it stands in line there),
 * or a push starts.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/pace.h"
#include "daemon/sender_int.h"
#include "lib/clock.h"
#include "lib/log.h"

#define COMPLAIN_MS	(60 * 1000)

/* Reads what is due, and cleans the outbox on the way.  0, -1. */
static int
gather(struct sender *s, uint64_t number, uint64_t generation, int64_t now_s, struct err *err)
{
	struct store *store = s->daemon->store;

	if (store_begin(store, err) < 0)
		return -1;
	if (batch_gather(store, number, generation, now_s, s->batch, err) < 0 ||
	    store_commit_later(store, err) < 0) {
		store_abort(store);
		return -1;
	}
	s->daemon->counters.expired += s->batch->expired;
	return 0;
}

/* The subscription's pushes are known to be taken there. */
static void
vouch(struct origin *o, int64_t last_success)
{
	int64_t age = clock_wall_s() - last_success;

	if (last_success != 0 && age >= 0 && age < ORIGIN_TRUST_S)
		origin_vouch(o, sender_now() - age);
}

/*
 * Whether it can only stand in line, as most do in a burst: then its records are not read.  Not where it
 * is to wait for itself anyhow, where it may be a verification, whose line is another one, or where
 * the number of its records is to be found out.
 */
static bool
must_wait(struct sender *s, struct pending *p, const struct subscription *sub,
    const struct delivery *delivery, int64_t now_ms)
{
	char name[GUARD_ORIGIN_MAX];
	struct origin *o;
	bool waits;

	if (p->recount || sub->state != SUB_ACTIVE || delivery->quieted ||
	    pace_wait_ms(&s->daemon->config, delivery, now_ms) > 0)
		return false;
	waits = crowd_wait(s->crowds, sub->account, &p->turn);
	guard_origin(sub->normal, name);
	if (!waits && (o = origin_find(s->origins, name)) != NULL) {
		vouch(o, delivery->last_success);
		p->waiter.behind = p->behind;
		waits = origin_wait(o, sender_now(), &p->waiter);
	}
	if (waits)
		queue_set_due(s->queue, p, QUEUE_NEVER);	/* a line brings it back */
	return waits;
}

/* What is not due yet may be due never. */
static int64_t
until_due_ms(const struct batch *b, int64_t now_ms)
{
	return b->next_due == OUTBOX_NEVER ? SENDER_LOOK_AGAIN_MS : b->next_due * 1000 - now_ms;
}

/*
 * A line at its origin, or a slot there.  That the service has taken pushes, and what it has asked
 * for, an earlier process may have learnt.
 */
static enum origin_start
take_slot(struct sender *s, struct pending *p, const char *name, int64_t last_success,
    struct origin **o)
{
	int64_t until, now = sender_now();
	char key[GUARD_ORIGIN_MAX + 8];
	bool made;
	struct err err;

	*o = origin_open(s->origins, name, now, &made);
	snprintf(key, sizeof(key), "pause %s", name);
	if (made && store_number_get(s->daemon->store, key, &until, &err) == 1) {
		until -= clock_wall_s();
		if (until > 0 && until <= BREAKER_ASKED_MAX_S + BREAKER_ASKED_MAX_S / 10)
			origin_restore(*o, BREAKER_BUSY, now + until);
	}
	vouch(*o, last_success);
	return origin_start(*o, now, &p->waiter);
}

/* Not once for each of a million devices. */
static void
complain(struct sender *s, const struct err *err)
{
	int64_t now_ms = clock_mono_ms();

	if (s->said_ms != 0 && now_ms - s->said_ms < COMPLAIN_MS)
		return;
	s->said_ms = now_ms;
	log_warn("a push could not be made, it is tried again in 60 s: %s", err->text);
}

static void
try_push(struct sender *s, struct pending *p, struct subscription *sub,
    const struct delivery *delivery, const struct guard_endpoint *endpoint, int64_t now_s)
{
	struct breaker_event nothing = { .outcome = BREAKER_NOTHING };
	struct origin *origin;
	struct flight *f;
	enum origin_start start;
	struct crowd *crowd;
	struct err err;

	queue_set_due(s->queue, p, QUEUE_NEVER);	/* a line or an answer brings it back */
	crowd = crowd_enter(s->crowds, sub->account, &p->turn);
	if (crowd == NULL)
		return;
	p->waiter.behind = p->behind;
	start = take_slot(s, p, endpoint->origin, delivery->last_success, &origin);
	if (start == ORIGIN_WAIT) {
		crowd_leave(crowd);
		return;
	}
	f = sender_start(s, p, sub, delivery, endpoint, now_s, &err);
	if (f != NULL) {
		f->crowd = crowd;
		f->origin = origin;
		f->probe = start == ORIGIN_PROBE;
		if (f->verify)
			flood_count(s->flood, endpoint->host, sender_now());
		return;
	}
	crowd_leave(crowd);
	nothing.probe = start == ORIGIN_PROBE;
	origin_end(origin, &nothing, BREAKER_WITNESSES, sender_now(), 0);
	complain(s, &err);
	sender_hold_for(s, p, 60 * 1000);
}

/* Nothing goes to what is not acknowledged but its verification. */
static bool
may_receive(const struct subscription *sub, const struct delivery *delivery, bool verify)
{
	return !delivery->quieted && (verify || sub->state == SUB_ACTIVE);
}

/* Milliseconds that a verification waits for the sake of a host that nobody has acknowledged. */
static int64_t
flood_wait_ms(struct sender *s, const struct guard_endpoint *endpoint)
{
	int64_t now = sender_now(), wait = flood_wait(s->flood, endpoint->host, now);

	if (wait == 0 ||
	    census_take(s->census, s->daemon->store, endpoint->origin, now).accounts > 0)
		return 0;
	return wait * 1000;
}

/* What was read is to be sent, if nothing is in its way. */
static void
consider(struct sender *s, struct pending *p, struct subscription *sub, struct delivery *delivery,
    int64_t now_ms)
{
	bool verify = s->batch->records[0].type == OUTBOX_VERIFY;
	struct guard_endpoint endpoint;
	const char *why;
	int64_t wait;

	if (!may_receive(sub, delivery, verify)) {
		sender_wait_for(s, p, SENDER_LOOK_AGAIN_MS);
		return;
	}
	wait = verify ? pace_verify_wait_ms(delivery, now_ms) :
	    pace_wait_ms(&s->daemon->config, delivery, now_ms);
	if (wait > 0) {
		sender_hold_for(s, p, wait);
		return;
	}
	if (verify != p->behind) {	/* its turn comes when nobody else's does */
		queue_set_behind(s->queue, p, verify);
		sender_wait_for(s, p, 0);
		return;
	}
	if (guard_check(s->daemon->guard, slice_of(sub->endpoint), &endpoint, &why) < 0) {
		log_warn("user=%s, sub=%.8s: nothing is sent: %s", log_clean(slice_of(sub->account)).text,
		    log_clean(slice_of(sub->id)).text, why);
		sender_hold_for(s, p, SENDER_LOOK_AGAIN_MS);
		return;
	}
	wait = verify ? flood_wait_ms(s, &endpoint) : 0;
	if (wait > 0)
		sender_hold_for(s, p, wait);
	else
		try_push(s, p, sub, delivery, &endpoint, now_ms / 1000);
}

void
sender_look_at(struct sender *s, struct pending *p)
{
	struct subscription sub;
	struct delivery delivery = { .number = 0 };
	int64_t now_ms = clock_wall_ms();
	struct err err;
	int rc;

	rc = store_delivery_both(s->daemon->store, p->number, &delivery, &sub, &err);
	if (rc == 1 && must_wait(s, p, &sub, &delivery, now_ms))
		goto out;
	if (rc < 0 || gather(s, p->number, rc == 1 ? sub.generation : 0, now_ms / 1000, &err) < 0) {
		s->daemon->counters.store_errors++;
		log_warn("the outbox cannot be read, it is tried again: %s", err.text);
		sender_hold_for(s, p, 1000);
		goto out;
	}
	p->changed = p->recount = false;
	sender_set_count(s, p, s->batch->total);
	p->oldest_ms = s->batch->oldest_ms;
	if (rc == 0 || s->batch->total == 0)
		sender_leave(s, p);
	else if (s->batch->n == 0)
		sender_wait_for(s, p, until_due_ms(s->batch, now_ms));
	else
		consider(s, p, &sub, &delivery, now_ms);
out:
	explicit_bzero(&sub, sizeof(sub));
}
