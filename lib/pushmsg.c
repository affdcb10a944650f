/*
 * A push is built part by part: a part is one line, or a SELECT line with the line that needs it.
 * A part that would make the message longer than max is taken back and left to the next push; if it
 * was the first one, its SYNC is written instead.
 *
 * One SYNC line stands for all that needs a SYNC in its mailbox.
 */

#include "lib/imapstr.h"
#include "lib/pushmsg.h"

struct push {
	struct buf	*out;
	size_t		 start, max;
	struct slice	 mailbox;	/* selected; nil: none */
	bool		 synced;	/* a SYNC line for mailbox is there */
};

size_t
pushmsg_bucket(size_t len)
{
	return len <= 1024 ? 1024 : len <= 2641 ? 2641 : PUSHMSG_MAX;
}

static int
class_of(const struct pushmsg_item *item)
{
	return item->type == PUSHMSG_VERIFY ? 0 : item->type == PUSHMSG_VAPID ? 1 : 2;
}

static bool
is_sync(const struct pushmsg_item *item)
{
	return item->type == PUSHMSG_SYNC ||
	    (item->type == PUSHMSG_MAIL && item->envelope.p == NULL);
}

static int
compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* nil comes first. */
static int
compare_slices(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int rc;

	if (a.p == NULL || b.p == NULL)
		return (a.p != NULL) - (b.p != NULL);
	rc = len == 0 ? 0 : memcmp(a.p, b.p, len);
	return rc != 0 ? rc : compare_numbers(a.len, b.len);
}

int
pushmsg_compare(const struct pushmsg_item *a, const struct pushmsg_item *b)
{
	int rc = class_of(a) - class_of(b);

	if (rc != 0 || class_of(a) < 2)
		return rc;
	rc = compare_slices(a->mailbox, b->mailbox);
	if (rc == 0)
		rc = compare_numbers(a->uidvalidity, b->uidvalidity);
	if (rc == 0)
		rc = is_sync(b) - is_sync(a);
	if (rc == 0)
		rc = compare_numbers(a->uid, b->uid);
	return rc;
}

static void
select_mailbox(struct push *push, struct slice mailbox)
{
	if (push->mailbox.p != NULL && slice_equal(push->mailbox, mailbox))
		return;
	buf_text(push->out, "* SELECT ");
	imapstr_mailbox(push->out, mailbox);
	buf_text(push->out, "\r\n");
	push->mailbox = mailbox;
	push->synced = false;
}

static void
put_sync(struct push *push, struct slice mailbox)
{
	select_mailbox(push, mailbox);
	if (!push->synced)
		buf_text(push->out, "* SYNC\r\n");
	push->synced = true;
}

static void
put_item(struct push *push, const struct pushmsg_item *item)
{
	switch (item->type) {
	case PUSHMSG_VERIFY:
	case PUSHMSG_VAPID:
		buf_text(push->out, item->type == PUSHMSG_VERIFY ? "* ACKWEBPUSH " : "* VAPID ");
		buf_slice(push->out, item->text);
		buf_text(push->out, "\r\n");
		break;
	case PUSHMSG_MAIL:
	case PUSHMSG_SYNC:
		if (is_sync(item)) {
			put_sync(push, item->mailbox);
			break;
		}
		select_mailbox(push, item->mailbox);
		buf_printf(push->out, "* %u UIDFETCH (ENVELOPE ", (unsigned)item->uid);
		buf_slice(push->out, item->envelope);
		buf_text(push->out, ")\r\n");
		break;
	}
}

static bool
fits(const struct push *push)
{
	return !push->out->failed && push->out->len - push->start <= push->max;
}

static void
take_back(struct push *push, const struct push *before, size_t len)
{
	*push = *before;
	buf_cut(push->out, len);
	push->out->failed = false;
}

static bool
add(struct push *push, const struct pushmsg_item *item)
{
	struct push before = *push;
	size_t len = push->out->len;

	put_item(push, item);
	if (fits(push))
		return true;
	take_back(push, &before, len);
	return false;
}

/* The first item, that was too long: its SYNC, or where its mailbox's name is too long, false. */
static bool
add_as_sync(struct push *push, const struct pushmsg_item *item)
{
	struct pushmsg_item sync = { .type = PUSHMSG_SYNC, .mailbox = item->mailbox };

	return item->type == PUSHMSG_MAIL && add(push, &sync);
}

static bool
is_account_sync(const struct pushmsg_item *item)
{
	return class_of(item) == 2 && item->mailbox.p == NULL;
}

size_t
pushmsg_write(const struct pushmsg_item *items, size_t n, size_t max, struct buf *out,
    bool *with_envelope)
{
	static const char account_sync[] = "* SYNC\r\n";
	struct push push = { .out = out, .start = out->len, .max = max };
	size_t i;

	*with_envelope = false;
	for (i = 0; i < n && !is_account_sync(&items[i]); i++) {
		if (add(&push, &items[i])) {
			if (items[i].type == PUSHMSG_VERIFY)
				return 1;
			*with_envelope |= items[i].type == PUSHMSG_MAIL && !is_sync(&items[i]);
		} else if (i > 0) {
			return i;
		} else if (!add_as_sync(&push, &items[i])) {
			break;
		}
	}
	if (i == n || max - (out->len - push.start) < sizeof(account_sync) - 1)
		return i;
	buf_text(out, account_sync);
	return n;
}
