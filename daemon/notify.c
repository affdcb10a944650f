/*
 * Who rings is decided here, with what is ring.c's.  What cannot be stored is offered again: the
 * arrival stays unacknowledged meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/account.h"
#include "daemon/join.h"
#include "daemon/notify.h"
#include "daemon/peers.h"
#include "daemon/ring.h"
#include "lib/clock.h"
#include "lib/envlist.h"
#include "lib/log.h"
#include "lib/msgfacts.h"

#define NOTICES_A_TURN	500

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
	if (ring_account(d, name, &news, &err) < 0) {
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
