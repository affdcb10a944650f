/*
 * What was told to whom stands in the delivery record, so that a sweep that is cut off by a restart
 * goes on with the next one.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/notify.h"
#include "daemon/register.h"
#include "daemon/ring.h"
#include "daemon/sender.h"
#include "daemon/silence.h"
#include "daemon/sweep.h"
#include "lib/clock.h"
#include "lib/log.h"

#define EVERY_MS	(3600 * 1000)
#define FIRST_MS	(60 * 1000)	/* after the start */
#define HOLD_MS		(10 * 1000)
#define SLICE		200
#define UNACKNOWLEDGED_S	86400

#define TELL_TIMES	2
#define TELL_APART_S	(7 * 86400)
#define TELL_OUTBOX	(RING_OUTBOX / 2)	/* what is told of a key leaves room for mail */

struct sweep {
	char	account[WIRE_USER_MAX + 1], id[SUB_ID_MAX + 1];	/* behind which to go on */
	int64_t	next_ms;	/* monotonic */
};

struct sweep *
sweep_new(void)
{
	struct sweep *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->next_ms = clock_mono_ms() + FIRST_MS;
	return s;
}

void
sweep_free(struct sweep *s)
{
	free(s);
}

int64_t
sweep_next(const struct sweep *s)
{
	return s->next_ms;
}

void
sweep_soon(struct sweep *s)
{
	s->next_ms = clock_mono_ms();
	s->account[0] = s->id[0] = '\0';
}

/* Why it has to go; NULL: it stays. */
static const char *
verdict(const struct config *c, const struct subscription *sub, const struct delivery *delivery,
    int64_t now_s)
{
	if (sub->state == SUB_UNACKNOWLEDGED && now_s - sub->inactive_since >= UNACKNOWLEDGED_S)
		return "not acknowledged for a day";
	if (delivery->failing_since != 0 && delivery->failures >= 3 &&
	    now_s - delivery->failing_since >= c->dead_after)
		return "dead";
	return NULL;
}

/* Whether this device is to hear of the current key. */
static bool
is_to_be_told(struct daemon *d, const struct subscription *sub, const struct delivery *delivery,
    int64_t now_s)
{
	const char *current = vapid_current(d->vapid);

	if (current == NULL || sub->state != SUB_ACTIVE || strcmp(sub->key, current) == 0 ||
	    silence_holds(d, delivery, now_s))
		return false;
	if (delivery->told_key != strtoull(current, NULL, 16))
		return true;
	return delivery->told_count < TELL_TIMES && now_s - delivery->told_time >= TELL_APART_S;
}

/* 1, 0 the outbox is too full for it, -1. */
static int
tell_key(struct daemon *d, const struct subscription *sub, struct delivery *delivery, int64_t now_s,
    struct err *err)
{
	const char *current = vapid_current(d->vapid);
	uint64_t key = strtoull(current, NULL, 16);

	if (sender_total(d->sender) >= TELL_OUTBOX)
		return 0;
	delivery->told_count = delivery->told_key == key ? delivery->told_count + 1 : 1;
	delivery->told_key = key;
	delivery->told_time = now_s;
	if (store_begin(d->store, err) < 0)
		return -1;
	if (store_delivery_put(d->store, delivery, err) < 0 ||
	    notify_put(d, sub, OUTBOX_VAPID, URGENCY_NORMAL, RING_TTL_S, slice_of(current), err) < 0 ||
	    store_commit(d->store, err) < 0) {
		store_abort(d->store);
		return -1;
	}
	sender_added(d->sender, sub->number, 1);
	return 1;
}

/* By their ages; true: it is gone, or inactive. */
static int
age_out(struct daemon *d, struct subscription *sub, const struct delivery *delivery, int64_t now_s,
    struct err *err)
{
	const char *why = verdict(&d->config, sub, delivery, now_s);

	if (why != NULL) {
		log_info("user=%s, sub=%.8s, status=removed (%s)", log_clean(slice_of(sub->account)).text,
		    log_clean(slice_of(sub->id)).text, why);
		return register_delete(d, sub, err) < 0 ? -1 : 1;
	}
	if (d->config.refresh_max > 0 && sub->state == SUB_ACTIVE &&
	    now_s - sub->refreshed >= d->config.refresh_max)
		return register_deactivate(d, sub, now_s, err) < 0 ? -1 : 1;
	return 0;
}

/* 1 done, 0 the sweep is to wait here, -1. */
static int
sweep_one(struct daemon *d, struct subscription *sub, int64_t now_s, struct err *err)
{
	struct delivery delivery;
	int rc = store_delivery_get(d->store, sub->number, &delivery, err);

	if (rc != 1)
		return rc < 0 ? -1 : 1;
	if (clock_mono_ms() >= d->distrust_ms) {
		rc = age_out(d, sub, &delivery, now_s, err);
		if (rc != 0)
			return rc;
	}
	if (is_to_be_told(d, sub, &delivery, now_s))
		return tell_key(d, sub, &delivery, now_s, err);
	return 1;
}

void
sweep_run(struct daemon *d, int64_t now_ms)
{
	struct sweep *s = d->sweep;
	struct subscription sub;
	int64_t now_s = clock_wall_s();
	struct err err;
	int rc = 1, done = 1;

	if (now_ms < s->next_ms)
		return;
	for (int i = 0; i < SLICE && rc == 1; i++) {
		rc = store_sub_next(d->store, s->account, s->id, &sub, &err);
		if (rc != 1)
			break;
		done = sub.state == SUB_NEWER ? 1 : sweep_one(d, &sub, now_s, &err);
		if (done != 1)
			break;
		memcpy(s->account, sub.account, sizeof(s->account));
		memcpy(s->id, sub.id, sizeof(s->id));
	}
	explicit_bzero(&sub, sizeof(sub));
	if (rc < 0 || done < 0)
		log_warn("the sweep stops, it goes on in %d s: %s", HOLD_MS / 1000, err.text);
	if (rc < 0 || done != 1)
		s->next_ms = now_ms + HOLD_MS;
	else if (rc == 0) {
		s->account[0] = s->id[0] = '\0';
		s->next_ms = now_ms + EVERY_MS;
	}
}
