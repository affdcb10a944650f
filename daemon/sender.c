/*
 * The queue says whom to look at next.  Looking reads the subscription and its due records, and ends
 * in one of four ways: nothing is left (it leaves the queue), it is to wait (a time), its origin has
 * no slot (it stands in line there), or a push starts.  After an answer it is looked at again.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/sender_int.h"
#include "daemon/silence.h"
#include "lib/clock.h"
#include "lib/log.h"

#define LOOK_AGAIN_S	3600	/* a wait is looked at again so often: the wall clock may have jumped */
#define LOOKS_A_TURN	256

/* The queue */

static void
set_count(struct sender *s, struct pending *p, size_t count)
{
	s->total += count - p->count;
	p->count = count;
}

void
sender_leave(struct sender *s, struct pending *p)
{
	set_count(s, p, 0);
	queue_remove(s->queue, p);
}

void
sender_wait_for(struct sender *s, struct pending *p, int64_t seconds)
{
	if (seconds > LOOK_AGAIN_S)
		seconds = LOOK_AGAIN_S;
	queue_set_due(s->queue, p, clock_mono_ms() + (seconds < 0 ? 0 : seconds) * 1000);
}

static void
look_now(struct sender *s, struct pending *p, int64_t delay_s)
{
	if (!p->flying && p->waiter.origin == NULL)	/* else it will be looked at anyhow */
		sender_wait_for(s, p, delay_s);
}

void
sender_added(struct sender *s, uint64_t number, size_t n)
{
	struct pending *p = queue_add(s->queue, number);

	set_count(s, p, p->count + n);
	look_now(s, p, s->daemon->config.send_delay);
}

void
sender_look(struct sender *s, uint64_t number)
{
	struct pending *p = queue_get(s->queue, number);

	if (p != NULL)
		look_now(s, p, 0);
}

void
sender_forget(struct sender *s, uint64_t number)
{
	struct pending *p = queue_get(s->queue, number);

	if (p == NULL)
		return;
	set_count(s, p, 0);
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

bool
sender_flying(const struct sender *s, uint64_t number)
{
	const struct pending *p = queue_get(s->queue, number);

	return p != NULL && p->flying;
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

/* Reads what a look needs, and cleans the outbox on the way.  1, 0 (the subscription is gone), -1. */
static int
read_all(struct sender *s, uint64_t number, int64_t now_s, struct subscription *sub,
    struct delivery *delivery, struct err *err)
{
	struct store *store = s->daemon->store;
	int rc;

	if (store_begin(store, err) < 0)
		return -1;
	rc = store_sub_number(store, number, sub, err);
	if (rc == 1)
		rc = store_delivery_get(store, number, delivery, err);
	if (rc == 0)
		memset(sub, 0, sizeof(*sub));
	if (rc < 0 || batch_gather(store, number, rc == 1 ? sub->generation : 0, now_s, s->batch,
	    err) < 0 || store_commit(store, err) < 0) {
		store_abort(store);
		return -1;
	}
	s->daemon->counters.expired += s->batch->expired;
	return rc;
}

/* Seconds to wait before the next push; 0: none. */
static int64_t
must_wait(const struct sender *s, const struct delivery *delivery, int64_t now_s)
{
	int64_t wait = delivery->wait_until - now_s;

	if (wait > 0)
		return wait;
	if (s->batch->records[0].type == OUTBOX_VERIFY)
		return 0;
	return sender_burst_wait(&s->daemon->config, delivery, clock_wall_ms());
}

static void
try_push(struct sender *s, struct pending *p, struct subscription *sub, struct delivery *delivery,
    int64_t now_s)
{
	struct guard_endpoint endpoint;
	struct origin *origin;
	const char *why;
	struct err err;

	if (guard_check(s->daemon->guard, slice_of(sub->endpoint), &endpoint, &why) < 0) {
		log_notice("user=%s, sub=%.8s: nothing is sent: %s", log_clean(slice_of(sub->account)).text,
		    log_clean(slice_of(sub->id)).text, why);
		sender_wait_for(s, p, LOOK_AGAIN_S);
		return;
	}
	origin = origin_start(s->origins, endpoint.origin, now_s, &p->waiter);
	if (origin == NULL) {
		queue_set_due(s->queue, p, QUEUE_NEVER);
		return;
	}
	if (sender_start(s, p, sub, delivery, &endpoint, origin, now_s, &err) < 0) {
		origin_end(s->origins, origin, false, now_s);
		log_warn("a push could not be made, it is tried again in 60 s: %s", err.text);
		sender_wait_for(s, p, 60);
	}
}

/* Nothing goes to what is not acknowledged but its verification. */
static bool
may_receive(const struct sender *s, const struct subscription *sub, const struct delivery *delivery)
{
	if (delivery->quieted)
		return false;
	return sub->state == SUB_ACTIVE || s->batch->records[0].type == OUTBOX_VERIFY;
}

static void
look_at(struct sender *s, struct pending *p)
{
	struct subscription sub;
	struct delivery delivery;
	int64_t now_s = clock_wall_s(), wait;
	struct err err;
	int rc;

	rc = read_all(s, p->number, now_s, &sub, &delivery, &err);
	if (rc < 0) {
		s->daemon->counters.store_errors++;
		log_warn("the outbox cannot be read, it is tried again: %s", err.text);
		sender_wait_for(s, p, 1);
		return;
	}
	set_count(s, p, s->batch->total);
	if (rc == 0 || s->batch->total == 0) {
		sender_leave(s, p);
		return;
	}
	if (s->batch->n == 0) {
		sender_wait_for(s, p, s->batch->next_due - now_s);
		return;
	}
	if (!may_receive(s, &sub, &delivery)) {
		sender_wait_for(s, p, LOOK_AGAIN_S);
		return;
	}
	wait = must_wait(s, &delivery, now_s);
	if (wait > 0)
		sender_wait_for(s, p, wait);
	else
		try_push(s, p, &sub, &delivery, now_s);
	explicit_bzero(&sub, sizeof(sub));
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
has_room(struct sender *s)
{
	return post_in_flight(s->post) < POST_MAX;
}

void
sender_run(struct sender *s, int64_t now_ms)
{
	struct pending *p;

	post_run(s->post, now_ms);
	take_answers(s);
	while (has_room(s) && (p = origin_next(s->origins, clock_wall_s())) != NULL)
		look_at(s, p);
	for (int i = 0; i < LOOKS_A_TURN && has_room(s); i++) {
		p = queue_first(s->queue);
		if (p == NULL || p->due_ms > now_ms)
			break;
		look_at(s, p);
	}
}

int64_t
sender_next(const struct sender *s)
{
	const struct pending *p = queue_first(s->queue);
	int64_t next = post_next(s->post);

	if (p != NULL && p->due_ms < next && post_in_flight(s->post) < POST_MAX)
		next = p->due_ms;
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
		sender_added(s, number, 1);
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
	s->origins = origins_new();
	s->batch = calloc(1, sizeof(*s->batch));
	if (s->batch == NULL)
		abort();
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
	for (size_t i = 0; i < POST_MAX; i++) {
		if (s->flights[i].used && s->flights[i].origin != NULL)
			origin_end(s->origins, s->flights[i].origin, false, 0);
		sender_end_flight(&s->flights[i]);
	}
	queue_free(s->queue);
	origins_free(s->origins);
	free(s->batch);
	free(s);
}
