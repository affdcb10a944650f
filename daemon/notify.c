/*
 * A notice becomes one record for each active subscription of its account, in one group of the store;
 * an account without subscriptions costs one look-up.  What cannot be stored is offered again: the
 * arrival stays unacknowledged meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/account.h"
#include "daemon/join.h"
#include "daemon/notify.h"
#include "daemon/peers.h"
#include "daemon/sender.h"
#include "daemon/silence.h"
#include "lib/clock.h"
#include "lib/envlist.h"
#include "lib/log.h"
#include "lib/msgfacts.h"

#define TTL_S		(7 * 86400)
#define WAITING_MAX	100		/* messages of one subscription; then the SYNC of their mailboxes */
#define OUTBOX_MAX	100000		/* records in all; then one SYNC for each subscription */
#define NOTICES_A_TURN	500
#define GROUP_MAX	500		/* devices rung in one group of the store */

/* What a notice has come to, before it is asked whose devices ring. */
struct news {
	struct slice	mailbox, envelope, queue_id;
	uint32_t	uidvalidity, uid;
	unsigned	kind;
	int64_t		accepted_ms, now_s;
};

/* Quiet: what was seen as it came, what is junk or trash, and what the site names. */
static bool
has_use(struct slice uses, const char *use)
{
	size_t n = strlen(use);

	for (size_t i = 0; i + n <= uses.len; i++)
		if (strncasecmp(uses.p + i, use, n) == 0)
			return true;
	return false;
}

static bool
is_quiet(const struct config *c, const struct join_notice *n)
{
	char mailbox[WIRE_MAILBOX_MAX + 1];

	if (n->seen || (n->kind & KIND_QUIET) || (c->quiet_bulk && (n->kind & KIND_BULK)))
		return true;
	if (has_use(n->special_use, "\\Junk") || has_use(n->special_use, "\\Trash"))
		return true;
	if (n->mailbox.p == NULL || n->mailbox.len >= sizeof(mailbox))
		return false;
	memcpy(mailbox, n->mailbox.p, n->mailbox.len);
	mailbox[n->mailbox.len] = '\0';
	return config_match(&c->quiet_mailboxes, mailbox);
}

static enum urgency
urgency_of(const struct news *news, bool sync)
{
	if (sync || (news->kind & KIND_BULK))
		return URGENCY_NORMAL;
	return URGENCY_HIGH;
}

/* Inside a group: whether a SYNC of this mailbox waits already and will say the same. */
static int
sync_waits(struct daemon *d, uint64_t number, struct slice mailbox, struct err *err)
{
	struct outbox_record r;
	uint64_t sequence = 0;
	int rc;

	if (sender_flying(d->sender, number))	/* the one that waits may be on its way */
		return 0;
	while ((rc = store_outbox_next(d->store, number, sequence, &r, err)) == 1 && r.number == number) {
		if (r.type == OUTBOX_SYNC && (r.mailbox.p == NULL || slice_equal(r.mailbox, mailbox)))
			return 1;
		sequence = r.sequence;
	}
	return rc < 0 ? -1 : 0;
}

/*
 * Inside a group: all mail that waits becomes the SYNC of its mailboxes, or, where the outbox as a
 * whole is full, one SYNC.  What waits is read once for each mailbox, which bounds nothing but the
 * time of a case that is rare.
 */
static int
collapse(struct daemon *d, const struct subscription *sub, const struct news *news, bool whole,
    struct err *err)
{
	struct outbox_record r, sync;
	uint64_t sequence = 0;
	char mailbox[WIRE_MAILBOX_MAX];
	int rc, waits;

	while ((rc = store_outbox_next(d->store, sub->number, sequence, &r, err)) == 1 &&
	    r.number == sub->number) {
		sequence = r.sequence;
		if (r.type != OUTBOX_MAIL)
			continue;
		sync = (struct outbox_record){
			.number = sub->number, .generation = sub->generation, .type = OUTBOX_SYNC,
			.urgency = URGENCY_NORMAL, .expires = news->now_s + TTL_S,
			.accepted_ms = r.accepted_ms,
		};
		if (!whole && r.mailbox.p != NULL) {
			memcpy(mailbox, r.mailbox.p, r.mailbox.len);
			sync.mailbox = (struct slice){ mailbox, r.mailbox.len };
		}
		if (store_outbox_del(d->store, sub->number, sequence, err) < 0 ||
		    (waits = sync_waits(d, sub->number, sync.mailbox, err)) < 0 ||
		    (waits == 0 && store_outbox_put(d->store, &sync, err) < 0))
			return -1;
		d->counters.collapsed++;
	}
	return rc;
}

/* Inside a group: something was held back by a silence; one digest stands for all of it. */
static int
put_digest(struct daemon *d, const struct subscription *sub, const struct delivery *delivery,
    const struct news *news, struct err *err)
{
	struct outbox_record r = {
		.number = sub->number, .generation = sub->generation, .type = OUTBOX_DIGEST,
		.urgency = URGENCY_LOW, .due = silence_ends(d, delivery, news->now_s),
		.accepted_ms = news->accepted_ms,
	}, old;
	uint64_t sequence = 0;
	int rc;

	while ((rc = store_outbox_next(d->store, sub->number, sequence, &old, err)) == 1 &&
	    old.number == sub->number) {
		if (old.type == OUTBOX_DIGEST)
			return 0;
		sequence = old.sequence;
	}
	r.expires = (r.due == OUTBOX_NEVER ? news->now_s + SILENCE_MAX_S : r.due) + TTL_S;
	if (rc < 0 || store_outbox_put(d->store, &r, err) < 0)
		return -1;
	return 1;
}

/* A device that is away gets at most one SYNC in sync_interval, with its Topic: one message pending. */
static bool
is_away(const struct config *c, const struct delivery *delivery)
{
	return c->unseen_max > 0 && delivery->unseen >= (uint64_t)c->unseen_max;
}

static int
put_sync(struct daemon *d, const struct subscription *sub, struct delivery *delivery,
    struct outbox_record *r, const struct news *news, struct err *err)
{
	int waits = sync_waits(d, sub->number, r->mailbox, err);

	if (waits != 0)
		return waits < 0 ? -1 : 0;
	if (is_away(&d->config, delivery)) {
		r->due = delivery->unseen_sync + d->config.sync_interval;
		delivery->unseen_sync = r->due > news->now_s ? r->due : news->now_s;
		if (store_delivery_put(d->store, delivery, err) < 0)
			return -1;
	}
	return store_outbox_put(d->store, r, err) < 0 ? -1 : 1;
}

/* Inside a group: what this subscription gets.  The number of records put, or -1. */
static int
put_for(struct daemon *d, const struct subscription *sub, const struct news *news, bool content_sync,
    struct err *err)
{
	struct delivery delivery;
	struct outbox_record r = {
		.number = sub->number, .generation = sub->generation,
		.expires = news->now_s + TTL_S, .accepted_ms = news->accepted_ms,
		.mailbox = news->mailbox, .queue_id = news->queue_id,
	};
	size_t waiting = sender_waiting(d->sender, sub->number);
	bool full = sender_total(d->sender) >= OUTBOX_MAX, sync;
	int rc;

	rc = store_delivery_get(d->store, sub->number, &delivery, err);
	if (rc != 1)
		return rc;
	if (silence_holds(d, &delivery, news->now_s)) {
		d->counters.silent++;
		return put_digest(d, sub, &delivery, news, err);
	}
	if ((full || waiting >= WAITING_MAX) && collapse(d, sub, news, full, err) < 0)
		return -1;
	if (full)
		r.mailbox = SLICE_NIL;
	sync = news->envelope.p == NULL || content_sync || full || waiting >= WAITING_MAX ||
	    is_away(&d->config, &delivery);
	r.type = sync ? OUTBOX_SYNC : OUTBOX_MAIL;
	r.urgency = urgency_of(news, sync);
	if (sync)
		return put_sync(d, sub, &delivery, &r, news, err);
	r.uidvalidity = news->uidvalidity;
	r.uid = news->uid;
	r.envelope = news->envelope;
	return store_outbox_put(d->store, &r, err) < 0 ? -1 : 1;
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

/* The devices that got a record in the group that is open. */
struct rung {
	uint64_t	number[GROUP_MAX];
	size_t		n;
};

/* Commits the group; the sender hears of it only then. */
static int
commit_group(struct daemon *d, struct rung *rung, struct err *err)
{
	if (store_commit(d->store, err) < 0)
		return -1;
	for (size_t i = 0; i < rung->n; i++)
		sender_added(d->sender, rung->number[i], 1);
	d->counters.notifications += rung->n;
	rung->n = 0;
	return 0;
}

/* Inside a group: one active subscription.  A full group is committed, and a new one begun. */
static int
ring(struct daemon *d, const struct subscription *sub, const struct news *news, bool content_sync,
    struct rung *rung, struct err *err)
{
	int n = put_for(d, sub, news, content_sync, err);

	if (n < 0)
		return -1;
	if (n > 0)
		rung->number[rung->n++] = sub->number;
	if (rung->n < GROUP_MAX)
		return 0;
	return commit_group(d, rung, err) < 0 ? -1 : store_begin(d->store, err);
}

/* Inside a group: all active devices of the account.  0, or -1. */
static int
ring_active(struct daemon *d, const char *name, const struct news *news, struct rung *rung,
    struct err *err)
{
	struct subscription sub;
	bool content_sync;
	char id[SUB_ID_MAX + 1] = "";
	int rc;

	if (wants_sync(d, name, &content_sync, err) < 0)
		return -1;
	while ((rc = store_sub_next(d->store, name, id, &sub, err)) == 1 &&
	    strcmp(sub.account, name) == 0) {
		memcpy(id, sub.id, sizeof(id));
		if (sub.state == SUB_ACTIVE && ring(d, &sub, news, content_sync, rung, err) < 0)
			return -1;
	}
	explicit_bzero(&sub, sizeof(sub));
	return rc < 0 ? -1 : 0;
}

/* The account's devices, all or none (up to GROUP_MAX of them).  0, or -1: not now. */
static int
ring_all(struct daemon *d, const char *name, const struct news *news, struct err *err)
{
	struct subscription sub;
	struct rung rung = { .n = 0 };
	int rc = store_sub_next(d->store, name, "", &sub, err);

	if (rc < 0)
		return -1;
	if (rc == 0 || strcmp(sub.account, name) != 0) {	/* the usual case: one look-up */
		d->counters.no_subscription++;
		return 0;
	}
	if (store_begin(d->store, err) < 0)
		return -1;
	if (ring_active(d, name, news, &rung, err) < 0 || commit_group(d, &rung, err) < 0) {
		store_abort(d->store);
		return -1;
	}
	return 0;
}

/*
 * The account of a notice.  false: nobody is to be rung.  A saved event whose recipient has had a SYNC
 * already, since its other half was late, rings only where the two are different accounts.
 */
static bool
account_of(const struct config *c, const struct join_notice *n, char name[WIRE_USER_MAX + 1])
{
	char rung[WIRE_USER_MAX + 1];

	if (n->user.p == NULL)
		return account_of_recipient(c, n->recipient, name) == 0;
	if (account_name(n->user, name) < 0)
		return false;
	return n->recipient.p == NULL || account_of_recipient(c, n->recipient, rung) < 0 ||
	    strcmp(name, rung) != 0;
}

static int
take_notice(struct daemon *d, const struct join_notice *n)
{
	struct news news = {
		.mailbox = n->mailbox, .envelope = n->envelope, .queue_id = n->queue_id,
		.uidvalidity = n->uidvalidity, .uid = n->uid, .kind = n->kind,
		.accepted_ms = n->accepted_ms, .now_s = clock_wall_s(),
	};
	char name[WIRE_USER_MAX + 1];
	struct err err;

	if (is_quiet(&d->config, n)) {
		d->counters.quiet++;
		return 0;
	}
	if (!account_of(&d->config, n, name))
		return 0;
	if (n->uid == 0)
		news.envelope = SLICE_NIL;
	if (ring_all(d, name, &news, &err) < 0) {
		d->counters.store_errors++;
		log_warn("a notification cannot be stored, it is tried again: %s", err.text);
		return -1;
	}
	return 0;
}

/* The join's side */

static int
on_notice(void *arg, const struct join_notice *notice)
{
	return take_notice(arg, notice);
}

static void
on_acknowledge(void *arg, uint64_t peer, uint64_t seq)
{
	struct daemon *d = arg;
	struct peer *p = peers_find(d->peers, PEER_ARRIVAL, peer);

	if (p == NULL)
		return;
	wire_put_ack(&p->out, seq);
	peer_touch(p);
}

void
notify_run(struct daemon *d, int64_t now_ms)
{
	struct join_sink sink = { on_notice, on_acknowledge, d };

	join_run(d->join, now_ms, NOTICES_A_TURN, &sink);
}

int64_t
notify_next(const struct daemon *d)
{
	return join_next(d->join);
}

void
notify_finish(struct daemon *d)
{
	struct join_sink sink = { on_notice, on_acknowledge, d };

	join_finish(d->join, &sink);
}

/* The daemon believes no list: it reads it, and what it cannot read is no ENVELOPE. */
static enum envelope_reason
read_envelope(struct slice list, enum envelope_reason said, struct buf *out)
{
	enum envelope_reason reason;
	struct err err;

	if (list.p == NULL)
		return said;
	if (envlist_rewrite(list, out, &reason, &err) < 0) {
		log_warn("an ENVELOPE could not be read: %s", log_clean(slice_of(err.text)).text);
		return ENVELOPE_NONE;
	}
	return reason;
}

void
notify_saved(struct daemon *d, const struct wire_saved *saved)
{
	uint8_t memory[ENVELOPE_TEXT_MAX];
	struct join_notice notice = {
		.user = saved->user, .mailbox = saved->mailbox, .special_use = saved->special_use,
		.seen = saved->seen, .uidvalidity = saved->uidvalidity, .uid = saved->uid,
		.kind = saved->kind, .accepted_ms = (int64_t)saved->time_ms,
		.queue_id = saved->queue_id, .message_id = saved->message_id, .cause = "saved",
	};
	struct buf list;

	d->counters.saved++;
	if (d->config.hook != HOOK_DOVECOT) {
		join_saved(d->join, saved, clock_mono_ms());
		return;
	}
	buf_fixed(&list, memory, sizeof(memory));
	notice.reason = read_envelope(saved->envelope, saved->reason, &list);
	if (notice.reason == ENVELOPE_OK)
		notice.envelope = buf_all(&list);
	take_notice(d, &notice);	/* best effort by design: what cannot be stored is lost, and logged */
}

int
notify_arrival(struct daemon *d, uint64_t peer, const struct wire_arrival *arrival)
{
	uint8_t memory[ENVELOPE_TEXT_MAX];
	struct wire_arrival checked = *arrival;
	struct buf list;

	buf_fixed(&list, memory, sizeof(memory));
	checked.reason = read_envelope(arrival->envelope, arrival->reason, &list);
	checked.envelope = checked.reason == ENVELOPE_OK ? buf_all(&list) : SLICE_NIL;
	return join_arrival(d->join, peer, &checked, clock_mono_ms());
}

int
notify_put(struct daemon *d, const struct subscription *sub, enum outbox_type type,
    enum urgency urgency, int64_t ttl_s, struct slice text, struct err *err)
{
	int64_t now_ms = clock_wall_ms();
	struct outbox_record r = {
		.number = sub->number, .generation = sub->generation, .type = type,
		.urgency = urgency, .expires = now_ms / 1000 + ttl_s, .accepted_ms = now_ms,
		.text = text,
	};

	return store_outbox_put(d->store, &r, err);
}
