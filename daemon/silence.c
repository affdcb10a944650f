/*
 * The set of (subscription, connection) pairs is small: one for each device that is connected and
 * asked for it.  A table by subscription answers "is it silent?", which is asked for each mail.
 */
#include <stdlib.h>

#include "daemon/ring.h"
#include "daemon/sender.h"
#include "daemon/silence.h"
#include "lib/clock.h"
#include "lib/log.h"

#define SLOTS	4096

struct hold {
	uint64_t	 number, peer;
	struct hold	*next;
};

struct silences {
	struct hold	*table[SLOTS];
};

struct silences *
silences_new(void)
{
	struct silences *all = calloc(1, sizeof(*all));

	if (all == NULL)
		abort();
	return all;
}

/* Removes one hold with this number and this peer (0: any) and returns its number; 0: there is none. */
static uint64_t
remove_one(struct silences *all, uint64_t number, uint64_t peer)
{
	struct hold **link, *h;
	uint64_t found;

	for (size_t i = 0; i < SLOTS; i++)
		for (link = &all->table[i]; (h = *link) != NULL; link = &h->next) {
			if ((number != 0 && h->number != number) || (peer != 0 && h->peer != peer))
				continue;
			*link = h->next;
			found = h->number;
			free(h);
			return found;
		}
	return 0;
}

void
silences_free(struct silences *all)
{
	if (all == NULL)
		return;
	while (remove_one(all, 0, 0) != 0)
		;
	free(all);
}

static bool
is_held(const struct silences *all, uint64_t number)
{
	const struct hold *h = all->table[number % SLOTS];

	while (h != NULL && h->number != number)
		h = h->next;
	return h != NULL;
}

bool
silence_holds(const struct daemon *d, const struct delivery *delivery, int64_t now_s)
{
	return delivery->silent_until > now_s || is_held(d->silences, delivery->number);
}

int64_t
silence_field(const struct daemon *d, const struct delivery *delivery, int64_t now_s)
{
	if (is_held(d->silences, delivery->number))
		return SILENCE_SESSION;
	return delivery->silent_until > now_s ? delivery->silent_until - now_s : 0;
}

int64_t
silence_ends(const struct daemon *d, const struct delivery *delivery, int64_t now_s)
{
	if (is_held(d->silences, delivery->number))
		return OUTBOX_NEVER;
	return delivery->silent_until > now_s ? delivery->silent_until : now_s;
}

/* The digest of a subscription behind this sequence, if there is one.  1, 0, -1. */
static int
next_digest(struct store *s, uint64_t number, uint64_t sequence, struct outbox_record *out,
    struct err *err)
{
	int rc;

	while ((rc = store_outbox_of(s, number, sequence, out, err)) == 1) {
		if (out->type == OUTBOX_DIGEST)
			return 1;
		sequence = out->sequence;
	}
	return rc < 0 ? -1 : 0;
}

int64_t
silence_expires(int64_t due, int64_t now_s)
{
	return (due == OUTBOX_NEVER ? now_s + SILENCE_MAX_S : due) + RING_TTL_S;
}

/*
 * Inside a group: the digest, if there is one, becomes due at `due`, and outlives the wait.  There are
 * two where one was under way as mail came.
 */
static int
move_digest(struct store *s, uint64_t number, int64_t due, int64_t now_s, struct err *err)
{
	struct outbox_record r = { .sequence = 0 };
	int rc;

	while ((rc = next_digest(s, number, r.sequence, &r, err)) == 1) {
		r.due = due;
		r.expires = silence_expires(due, now_s);
		if (store_outbox_put(s, &r, err) < 0)
			return -1;
	}
	return rc;
}

/* Inside a group. */
static int
set_time(struct daemon *d, uint64_t number, int64_t seconds, int64_t now_s, struct err *err)
{
	int64_t due = now_s + seconds;
	struct delivery delivery;
	int rc = store_delivery_get(d->store, number, &delivery, err);

	if (rc != 1)
		return rc < 0 ? -1 : err_set(err, "the subscription has no delivery record");
	delivery.silent_until = seconds == 0 ? 0 : due;
	if (seconds != 0 && is_held(d->silences, number))
		due = OUTBOX_NEVER;
	if (store_delivery_put(d->store, &delivery, err) < 0)
		return -1;
	return move_digest(d->store, number, due, now_s, err);
}

int
silence_timed(struct daemon *d, uint64_t number, int64_t seconds, int64_t now_s, struct err *err)
{
	if (store_begin(d->store, err) < 0)
		return -1;
	if (set_time(d, number, seconds, now_s, err) < 0 || store_commit(d->store, err) < 0) {
		store_abort(d->store);
		return -1;
	}
	if (seconds == 0)
		silence_forget(d, number);
	sender_look(d->sender, number);
	return 0;
}

static void
add_hold(struct silences *all, uint64_t number, uint64_t peer)
{
	struct hold **slot = &all->table[number % SLOTS], *h;

	for (h = *slot; h != NULL; h = h->next)
		if (h->number == number && h->peer == peer)
			return;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		abort();
	h->number = number;
	h->peer = peer;
	h->next = *slot;
	*slot = h;
}

int
silence_hold(struct daemon *d, uint64_t number, uint64_t peer, int64_t now_s, struct err *err)
{
	if (store_begin(d->store, err) < 0)
		return -1;
	if (move_digest(d->store, number, OUTBOX_NEVER, now_s, err) < 0 ||
	    store_commit(d->store, err) < 0) {
		store_abort(d->store);
		return -1;
	}
	add_hold(d->silences, number, peer);
	return 0;
}

/* The last connection has let go: what was held back is due now, or when the timed silence ends. */
static int
settle(struct daemon *d, uint64_t number, bool owed, struct err *err)
{
	struct delivery delivery;
	struct outbox_record digest = { .sequence = 0 };
	int64_t now_s = clock_wall_s();
	int rc;

	rc = store_delivery_get(d->store, number, &delivery, err);
	if (rc != 1)
		return rc;
	if (owed || delivery.silent_until > now_s)
		return move_digest(d->store, number, silence_ends(d, &delivery, now_s), now_s, err);
	while ((rc = next_digest(d->store, number, digest.sequence, &digest, err)) == 1)
		if (store_outbox_del(d->store, number, digest.sequence, err) < 0)
			return -1;
	return rc;
}

void
silence_drop(struct daemon *d, uint64_t peer, bool owed)
{
	struct err err;
	uint64_t number;

	while ((number = remove_one(d->silences, 0, peer)) != 0) {
		if (is_held(d->silences, number))
			continue;
		if (store_begin(d->store, &err) < 0)
			log_warn("the end of a silence was not recorded: %s", err.text);
		else if (settle(d, number, owed, &err) < 0 || store_commit(d->store, &err) < 0) {
			store_abort(d->store);
			log_warn("the end of a silence was not recorded: %s", err.text);
		}
		sender_look(d->sender, number);
	}
}

void
silence_forget(struct daemon *d, uint64_t number)
{
	while (remove_one(d->silences, number, 0) != 0)
		;
}
