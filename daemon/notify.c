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
#include "daemon/trace.h"
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

static const char *
why_quiet(const struct config *c, const struct join_notice *n)
{
	char mailbox[WIRE_MAILBOX_MAX + 1];

	if (n->seen)
		return "it was saved as seen";
	if (n->kind & KIND_QUIET)
		return "quiet_header";
	if (c->quiet_bulk && (n->kind & KIND_BULK))
		return "quiet_bulk";
	if (has_use(n->special_use, "\\Junk") || has_use(n->special_use, "\\Trash"))
		return "the mailbox is for junk or trash";
	if (n->mailbox.p == NULL || n->mailbox.len >= sizeof(mailbox))
		return NULL;
	memcpy(mailbox, n->mailbox.p, n->mailbox.len);
	mailbox[n->mailbox.len] = '\0';
	return config_match(&c->quiet_mailboxes, mailbox) ? "quiet_mailboxes" : NULL;
}

/* The trace */

static void
trace_notice(struct daemon *d, const struct join_notice *n, const char *event, const char *words,
    const char *more)
{
	const struct trace_event e = {
		.queue_id = n->queue_id, .message_id = n->message_id, .event = event,
		.account = n->user.p != NULL ? n->user : n->recipient,
	};

	trace_put(d->trace, &e, "%s%s%s", words, more == NULL ? "" : ": ", more == NULL ? "" : more);
}

static void
trace_decision(struct daemon *d, const struct join_notice *n)
{
	if (n->envelope.p != NULL)
		trace_notice(d, n, "decided", n->cause, "its ENVELOPE");
	else if (n->reason != ENVELOPE_OK)
		trace_notice(d, n, "decided", n->cause, envelope_reason_text(n->reason));
	else
		trace_notice(d, n, "decided", n->cause, "a SYNC");
}

static void
trace_arrival(struct daemon *d, const struct wire_arrival *a)
{
	static const char *const said[] = { "lmtp", "milter", "dovecot" };
	struct trace_event e = {
		.time_ms = (int64_t)a->time_ms, .queue_id = a->queue_id, .message_id = a->message_id,
		.event = d->config.hook == HOOK_LMTP ? "accepted" : "seen",
	};
	const char *kind = a->kind & KIND_BULK ? ", bulk" : "";
	struct wire_recipient r;
	size_t pos = 0;

	if (d->config.hook != HOOK_LMTP)
		trace_put(d->trace, &e, "by the hook %s%s", said[d->config.hook], kind);
	else
		while (wire_recipient(a, &pos, &r) == 1) {
			e.account = r.address;
			trace_put(d->trace, &e, "by the mail server, %s%s",
			    r.token.len > 0 ? "with a token" : "without a token", kind);
		}
}

static void
trace_saved(struct daemon *d, const struct wire_saved *s)
{
	const struct trace_event e = {
		.time_ms = (int64_t)s->time_ms, .queue_id = s->queue_id, .message_id = s->message_id,
		.event = "saved", .account = s->user,
	};

	trace_put(d->trace, &e, "in %.*s, UID %u", (int)s->mailbox.len, s->mailbox.p, s->uid);
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
		.message_id = n->message_id,
		.uidvalidity = n->uidvalidity, .uid = n->uid, .kind = n->kind,
		.accepted_ms = n->accepted_ms, .now_s = clock_wall_s(),
	};
	char name[WIRE_USER_MAX + 1];
	const char *quiet;
	struct err err;

	trace_decision(d, n);
	quiet = why_quiet(&d->config, n);
	if (quiet != NULL) {
		d->counters.quiet++;
		trace_notice(d, n, "quiet", "nobody is rung", quiet);
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
on_nothing(void *arg, const struct join_notice *notice)
{
	trace_notice(arg, notice, "decided", notice->cause, "discarded, redirected or refused by Sieve");
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
	struct join_sink sink = { on_notice, on_acknowledge, d, on_nothing };

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
	struct join_sink sink = { on_notice, on_acknowledge, d, on_nothing };

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
	trace_saved(d, saved);
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

	trace_arrival(d, arrival);
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
