/*
 * One pass over what waits erases the mail and notes its mailboxes, another one puts their SYNCs.
 * Where the mailboxes are too many, the SYNC of the account stands for all of them.
 */
#include <string.h>

#include "daemon/collapse.h"
#include "daemon/sender.h"
#include "daemon/trace.h"

#define MAILBOXES	16

struct mailboxes {
	char	name[MAILBOXES][WIRE_MAILBOX_MAX];
	size_t	len[MAILBOXES];
	size_t	n;
	bool	account;	/* the whole of it */
	int64_t	accepted_ms;	/* the oldest's */
};

/* The next record that no push under way stands for.  1, 0, -1. */
static int
next_free(struct daemon *d, uint64_t number, uint64_t sequence, struct outbox_record *r,
    struct err *err)
{
	int rc;

	while ((rc = store_outbox_of(d->store, number, sequence, r, err)) == 1) {
		if (!sender_covers(d->sender, number, r->sequence))
			return 1;
		sequence = r->sequence;
	}
	return rc < 0 ? -1 : 0;
}

int
collapse_takes(struct daemon *d, struct outbox_record *r, bool sync, struct err *err)
{
	struct outbox_record old;
	uint64_t sequence = 0;
	int rc;

	while ((rc = next_free(d, r->number, sequence, &old, err)) == 1) {
		sequence = old.sequence;
		if (old.type == OUTBOX_SYNC && (sync || old.text.len > 0) &&
		    (old.mailbox.p == NULL || slice_equal(old.mailbox, r->mailbox))) {
			r->sequence = sequence;
			return 1;
		}
	}
	return rc;
}

static void
note_mailbox(struct mailboxes *m, const struct outbox_record *r)
{
	if (m->accepted_ms == 0 || r->accepted_ms < m->accepted_ms)
		m->accepted_ms = r->accepted_ms;
	for (size_t i = 0; i < m->n; i++)
		if (slice_equal((struct slice){ m->name[i], m->len[i] }, r->mailbox))
			return;
	if (r->mailbox.p == NULL || m->n == MAILBOXES || r->mailbox.len > sizeof(m->name[0])) {
		m->account = true;
		return;
	}
	memcpy(m->name[m->n], r->mailbox.p, r->mailbox.len);
	m->len[m->n++] = r->mailbox.len;
}

static int
put_sync(struct daemon *d, const struct subscription *sub, const struct mailboxes *m,
    struct slice mailbox, int64_t expires, struct err *err)
{
	struct outbox_record r = {
		.number = sub->number, .generation = sub->generation, .type = OUTBOX_SYNC,
		.urgency = URGENCY_NORMAL, .expires = expires, .accepted_ms = m->accepted_ms,
		.mailbox = mailbox, .text = slice_of(COLLAPSED),
	};

	return store_outbox_put(d->store, &r, err);
}

static void
trace_erased(struct daemon *d, const struct subscription *sub, const struct outbox_record *r)
{
	const struct trace_event e = {
		.queue_id = r->queue_id, .number = r->number, .sequence = r->sequence,
		.event = "collapsed", .account = slice_of(sub->account), .id = slice_of(sub->id),
	};

	trace_put(d->trace, &e, "too much waits: the SYNC of its mailbox stands for it");
}

int
collapse_all(struct daemon *d, const struct subscription *sub, int64_t expires, bool whole,
    struct err *err)
{
	struct mailboxes m = { .account = whole };
	struct outbox_record r;
	uint64_t sequence = 0, erased = 0;
	int rc;

	while ((rc = next_free(d, sub->number, sequence, &r, err)) == 1) {
		sequence = r.sequence;
		if (r.type != OUTBOX_MAIL && (r.type != OUTBOX_SYNC || !whole))
			continue;
		note_mailbox(&m, &r);
		trace_erased(d, sub, &r);
		erased++;
		if (store_outbox_del(d->store, sub->number, sequence, err) < 0)
			return -1;
	}
	if (rc < 0)
		return -1;
	d->counters.collapsed += erased;
	if (m.account)
		return erased == 0 ? 0 : put_sync(d, sub, &m, SLICE_NIL, expires, err);
	for (size_t i = 0; i < m.n; i++)
		if (put_sync(d, sub, &m, (struct slice){ m.name[i], m.len[i] }, expires, err) < 0)
			return -1;
	return 0;
}
