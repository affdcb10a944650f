/*
 * An account without subscriptions costs one look-up.  What is too much for one device becomes the
 * SYNC of its mailboxes (collapse.c), which takes up what comes later.
 */
#include <string.h>

#include "daemon/collapse.h"
#include "daemon/pace.h"
#include "daemon/ring.h"
#include "daemon/sender.h"
#include "daemon/silence.h"
#include "daemon/trace.h"
#include "lib/msgfacts.h"

#define GROUP_MAX	500	/* devices rung in one group of the store */

static enum urgency
urgency_of(const struct news *news, bool sync)
{
	if (sync || (news->kind & KIND_BULK))
		return URGENCY_NORMAL;
	return URGENCY_HIGH;
}

/* What becomes of the news for one device; sequence is the record's that stands for it, 0: none. */
static void
trace_device(struct daemon *d, const struct subscription *sub, const struct news *news,
    uint64_t sequence, const char *event, const char *words)
{
	const struct trace_event e = {
		.queue_id = news->queue_id, .message_id = news->message_id,
		.number = sequence == 0 ? 0 : sub->number, .sequence = sequence, .event = event,
		.account = slice_of(sub->account), .id = slice_of(sub->id),
	};

	trace_put(d->trace, &e, "%s", words);
}

/*
 * Inside a group: something was held back by a silence; one digest stands for all of it, but none that
 * is under way already.
 */
static int
put_digest(struct daemon *d, const struct subscription *sub, const struct delivery *delivery,
    const struct news *news, struct err *err)
{
	struct outbox_record r = {
		.number = sub->number, .generation = sub->generation, .type = OUTBOX_DIGEST,
		.urgency = URGENCY_LOW, .due = silence_ends(d, delivery, news->now_s),
		.accepted_ms = news->accepted_ms,
	}, old;
	static const char held_back[] = "one SYNC when the silence ends";
	uint64_t sequence = 0;
	int rc;

	while ((rc = store_outbox_of(d->store, sub->number, sequence, &old, err)) == 1) {
		if (old.type == OUTBOX_DIGEST && !sender_covers(d->sender, sub->number, old.sequence)) {
			trace_device(d, sub, news, old.sequence, "silent", held_back);
			return 0;
		}
		sequence = old.sequence;
	}
	r.expires = silence_expires(r.due, news->now_s);
	if (rc < 0 || store_outbox_put(d->store, &r, err) < 0)
		return -1;
	trace_device(d, sub, news, r.sequence, "silent", held_back);
	return 1;
}

/* Why there is no ENVELOPE in it. */
static const char *
why_sync(const struct news *news, bool content_sync, bool much)
{
	if (news->envelope.p == NULL)
		return "a SYNC";
	if (content_sync)
		return "a SYNC (content = sync)";
	return much ? "a SYNC (too much waits)" : "a SYNC (unseen_max)";
}

enum got { GOT_NOTHING, GOT_RECORD, GOT_LESS /* what waited was collapsed */ };

/* Inside a group: what this subscription gets; -1: the store failed. */
static int
put_for(struct daemon *d, const struct subscription *sub, const struct news *news, bool content_sync,
    struct err *err)
{
	struct delivery delivery;
	struct outbox_record r = {
		.number = sub->number, .generation = sub->generation,
		.expires = news->now_s + RING_TTL_S, .accepted_ms = news->accepted_ms,
		.mailbox = news->mailbox, .queue_id = news->queue_id,
	};
	bool full = sender_total(d->sender) >= RING_OUTBOX;
	size_t waiting = sender_waiting(d->sender, sub->number);
	bool much = full || waiting >= RING_WAITING, sync;
	int rc;

	rc = store_delivery_get(d->store, sub->number, &delivery, err);
	if (rc != 1)
		return rc;
	if (silence_holds(d, &delivery, news->now_s)) {
		d->counters.silent++;
		return put_digest(d, sub, &delivery, news, err);
	}
	if (full)
		r.mailbox = SLICE_NIL;
	sync = news->envelope.p == NULL || content_sync || much || pace_is_away(&d->config, &delivery);
	rc = waiting == 0 ? 0 : collapse_takes(d, &r, sync, err);
	if (rc == 1)
		trace_device(d, sub, news, r.sequence, "queued", "a SYNC that waits says it already");
	if (rc != 0)
		return rc < 0 ? -1 : GOT_NOTHING;
	if (much && collapse_all(d, sub, news->now_s + RING_TTL_S, full, err) < 0)
		return -1;
	r.type = sync ? OUTBOX_SYNC : OUTBOX_MAIL;
	r.urgency = urgency_of(news, sync);
	if (much) {
		r.text = slice_of(COLLAPSED);
		rc = collapse_takes(d, &r, true, err);
		if (rc == 1)
			trace_device(d, sub, news, r.sequence, "queued", "a SYNC (too much waits)");
		if (rc != 0)
			return rc < 0 ? -1 : GOT_LESS;
	} else if (!sync) {
		r.uidvalidity = news->uidvalidity;
		r.uid = news->uid;
		r.envelope = news->envelope;
	}
	if (store_outbox_put(d->store, &r, err) < 0)
		return -1;
	trace_device(d, sub, news, r.sequence, "queued",
	    sync ? why_sync(news, content_sync, much) : "its ENVELOPE");
	return GOT_RECORD;
}

static int
wants_sync(struct daemon *d, const char *name, bool *sync, struct err *err)
{
	struct account account;

	if (store_account_get(d->store, name, &account, err) < 0)
		return -1;
	*sync = (account.content < 0 ? d->config.content : account.content) == CONTENT_SYNC;
	return 0;
}

/* Of an account: the devices that got a record in the group that is open. */
struct rung {
	const char	*account;
	uint64_t	number[GROUP_MAX];
	enum got	got[GROUP_MAX];
	size_t		n;
};

/* Commits the group; the sender hears of it only then.  Whoever is told is told when it is written. */
static int
commit_group(struct daemon *d, struct rung *rung, struct err *err)
{
	if (store_commit_later(d->store, err) < 0)
		return -1;
	for (size_t i = 0; i < rung->n; i++)
		if (rung->got[i] == GOT_RECORD)
			sender_added(d->sender, rung->number[i], 1);
		else
			sender_look(d->sender, rung->number[i]);
	d->counters.notifications += rung->n;
	rung->n = 0;
	return 0;
}

/* Inside a group: one active subscription.  A full group is committed, and a new one begun. */
static int
ring(struct daemon *d, const struct subscription *sub, const struct news *news, bool content_sync,
    struct rung *rung, struct err *err)
{
	int got = put_for(d, sub, news, content_sync, err);

	if (got < 0)
		return -1;
	if (got != GOT_NOTHING) {
		rung->number[rung->n] = sub->number;
		rung->got[rung->n++] = (enum got)got;
	}
	if (rung->n < GROUP_MAX)
		return 0;
	return commit_group(d, rung, err) < 0 ? -1 : store_begin(d->store, err);
}

/* Inside a group: all active devices of the account, from this one on.  0, or -1. */
static int
ring_active(struct daemon *d, struct subscription *sub, const struct news *news, struct rung *rung,
    struct err *err)
{
	bool content_sync;
	int rc;

	if (wants_sync(d, rung->account, &content_sync, err) < 0)
		return -1;
	do {
		if (sub->state != SUB_ACTIVE)
			trace_device(d, sub, news, 0, "inactive", sub->state == SUB_NEWER ? "newer format" :
			    "its client has not acknowledged it");
		else if (ring(d, sub, news, content_sync, rung, err) < 0)
			return -1;
	} while ((rc = store_sub_of(d->store, rung->account, sub->id, sub, err)) == 1);
	return rc;
}

static void
trace_nobody(struct daemon *d, const char *name, const struct news *news)
{
	const struct trace_event e = {
		.queue_id = news->queue_id, .message_id = news->message_id, .event = "no subscription",
		.account = slice_of(name),
	};

	trace_put(d->trace, &e, "no device of this account has subscribed");
}

int
ring_account(struct daemon *d, const char *name, const struct news *news, struct err *err)
{
	struct subscription sub;
	struct rung rung = { .account = name };
	int rc = store_sub_of(d->store, name, "", &sub, err);

	if (rc < 0)
		return -1;
	if (rc == 0) {	/* the usual case: one look-up */
		d->counters.no_subscription++;
		trace_nobody(d, name, news);
		return 0;
	}
	if (store_begin(d->store, err) < 0)
		return -1;
	if (ring_active(d, &sub, news, &rung, err) == 0 && commit_group(d, &rung, err) == 0)
		rc = 0;
	else {
		rc = -1;
		store_abort(d->store);
	}
	explicit_bzero(&sub, sizeof(sub));
	return rc;
}
