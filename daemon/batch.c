#include <stdlib.h>
#include <string.h>

#include "daemon/batch.h"
#include "daemon/trace.h"

/* Copies text into the batch's memory.  false: it is full. */
static bool
keep(struct batch *b, struct slice s, struct slice *out)
{
	*out = SLICE_NIL;
	if (s.p == NULL)
		return true;
	if (s.len > sizeof(b->memory) - b->used)
		return false;
	memcpy(b->memory + b->used, s.p, s.len);
	*out = (struct slice){ b->memory + b->used, s.len };
	b->used += s.len;
	return true;
}

static enum pushmsg_type
type_of(const struct outbox_record *r)
{
	switch (r->type) {
	case OUTBOX_MAIL:
		return PUSHMSG_MAIL;
	case OUTBOX_VERIFY:
		return PUSHMSG_VERIFY;
	case OUTBOX_VAPID:
		return PUSHMSG_VAPID;
	default:
		return PUSHMSG_SYNC;
	}
}

static bool
alone(enum outbox_type type)
{
	return type == OUTBOX_VERIFY || type == OUTBOX_VAPID;
}

/* Takes the record in; false: it has to wait for the next push. */
static bool
take(struct batch *b, const struct outbox_record *r)
{
	struct pushmsg_item *item = &b->items[b->n];
	struct batch_record *record = &b->records[b->n];
	size_t len = r->queue_id.len;

	if (b->n == BATCH_MAX || (b->n > 0 && alone(b->records[0].type)))
		return false;
	if (alone(r->type))
		b->n = 0, item = &b->items[0], record = &b->records[0];
	memset(item, 0, sizeof(*item));
	memset(record, 0, sizeof(*record));
	item->type = type_of(r);
	item->uidvalidity = r->uidvalidity;
	item->uid = r->uid;
	if (!keep(b, r->mailbox, &item->mailbox) || !keep(b, r->envelope, &item->envelope) ||
	    !keep(b, r->text, &item->text))
		return false;
	record->sequence = r->sequence;
	record->type = r->type;
	record->urgency = r->urgency;
	record->expires = r->expires;
	record->accepted_ms = r->accepted_ms;
	record->tries = r->tries;
	if (len <= BATCH_ID_MAX)
		memcpy(record->queue_id, r->queue_id.p == NULL ? "" : r->queue_id.p, len);
	b->n++;
	return true;
}

/* An insertion sort of both arrays: records come nearly in order. */
static void
sort(struct batch *b)
{
	struct pushmsg_item item;
	struct batch_record record;
	size_t j;

	for (size_t i = 1; i < b->n; i++) {
		item = b->items[i];
		record = b->records[i];
		for (j = i; j > 0 && pushmsg_compare(&b->items[j - 1], &item) > 0; j--) {
			b->items[j] = b->items[j - 1];
			b->records[j] = b->records[j - 1];
		}
		b->items[j] = item;
		b->records[j] = record;
	}
}

static void
trace_gone(struct trace *t, const struct outbox_record *r, uint64_t generation)
{
	const struct trace_event e = {
		.queue_id = r->queue_id, .number = r->number, .sequence = r->sequence,
		.event = r->generation == generation ? "expired" : "dropped",
	};

	if (!alone(r->type))
		trace_put(t, &e, "%s", r->generation == generation ? "it waited for too long" :
		    "the subscription has changed or is gone");
}

int
batch_gather(struct store *s, uint64_t number, uint64_t generation, int64_t now_s, struct batch *b,
    struct err *err)
{
	struct outbox_record r;
	uint64_t sequence = 0;
	int rc;

	b->n = b->total = b->expired = b->used = 0;
	b->oldest_ms = 0;
	b->next_due = OUTBOX_NEVER;
	while ((rc = store_outbox_of(s, number, sequence, &r, err)) == 1) {
		sequence = r.sequence;
		if (r.expires <= now_s || r.generation != generation) {
			b->expired += r.generation == generation;
			trace_gone(b->trace, &r, generation);
			if (store_outbox_del(s, number, sequence, err) < 0)
				return -1;
			continue;
		}
		b->total++;
		if (b->oldest_ms == 0 || r.accepted_ms < b->oldest_ms)
			b->oldest_ms = r.accepted_ms;
		if (r.due > now_s)
			b->next_due = r.due < b->next_due ? r.due : b->next_due;
		else if (!take(b, &r))
			b->next_due = now_s;
	}
	sort(b);
	return rc < 0 ? -1 : 0;
}

static enum sub_topic
topic_of(enum outbox_type type)
{
	if (type == OUTBOX_VERIFY)
		return TOPIC_VERIFY;
	return type == OUTBOX_VAPID ? TOPIC_VAPID : TOPIC_SYNC;
}

void
batch_write(struct batch *b, size_t max, bool as_sync, struct slice token, struct slice key,
    struct batch_push *out)
{
	struct buf text;

	for (size_t i = 0; i < b->n; i++) {
		if (as_sync)
			b->items[i].envelope = SLICE_NIL;
		if (b->items[i].type == PUSHMSG_VERIFY)
			b->items[i].text = token;
		if (b->items[i].type == PUSHMSG_VAPID)
			b->items[i].text = key;
	}
	memset(out, 0, sizeof(*out));
	buf_fixed(&text, out->plain, sizeof(out->plain));
	out->covers = pushmsg_write(b->items, b->n, max, &text, &out->with_envelope);
	out->len = text.len;
	out->bucket = pushmsg_bucket(text.len);
	out->topic = topic_of(b->records[0].type);
	for (size_t i = 0; i < out->covers; i++) {
		if (b->records[i].urgency > out->urgency)
			out->urgency = b->records[i].urgency;
		if (b->records[i].expires > out->expires)
			out->expires = b->records[i].expires;
	}
}
