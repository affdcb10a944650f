/*
 * News for a device, from the header blocks of any messages, put into as many pushes as it takes.
 * Every push is bounded, reads as the IMAP that docs/protocol.md names, and says of each item that it
 * stands for what it may say, and nothing else.
 */
#include "lib/envelope.h"
#include "lib/frame.h"
#include "lib/pushmsg.h"
#include "tests/fuzz/imapread.h"

#define ITEMS_MAX	24
#define MAX_MIN		100

struct news {
	struct pushmsg_item	items[ITEMS_MAX];
	bool			told[ITEMS_MAX];	/* in this push, */
	bool			shown[ITEMS_MAX];	/* by a line of its own */
	size_t			n;
	char			*envelopes[ITEMS_MAX];
};

static const char token[] = "585078c5-fb8b-4ed0-8e77-474ab08f0a30";
static const char key[] = "BOniQ9xHBPNY9gnQW4o-16vHqOb40pEIMifyUdFsxAgyzVkFMguxw0QrdbZcq8hR";

static struct slice
envelope_of(struct news *news, struct slice header)
{
	static uint8_t memory[ENVELOPE_TEXT_MAX];
	struct buf out;

	buf_fixed(&out, memory, sizeof(memory));
	if (envelope_write(header, &out) != ENVELOPE_OK)
		return SLICE_NIL;
	news->envelopes[news->n] = malloc(out.len);
	must(news->envelopes[news->n] != NULL);
	memcpy(news->envelopes[news->n], out.data, out.len);
	return (struct slice){ news->envelopes[news->n], out.len };
}

/* Kind and UID, the mailbox, the header: as long as the input says. */
static void
add_item(struct news *news, struct input *in)
{
	struct pushmsg_item *item = &news->items[news->n];
	uint8_t kind = input_octet(in);

	memset(item, 0, sizeof(*item));
	item->uid = 1u + kind / 8 * 0x1234567u;
	item->uidvalidity = 1 + kind / 64;
	item->mailbox = input_string(in);
	if (!utf8_valid(item->mailbox))
		item->mailbox = SLICE_NIL;
	switch (kind % 8) {
	case 0:
		item->type = PUSHMSG_SYNC;
		break;
	case 1:
		item->type = PUSHMSG_VERIFY;
		item->text = slice_of(token);
		break;
	case 2:
		item->type = PUSHMSG_VAPID;
		item->text = slice_of(key);
		break;
	default:
		item->type = PUSHMSG_MAIL;
		item->envelope = envelope_of(news, input_octets(in, 4u * input_octet(in)));
		if (item->mailbox.p == NULL)	/* mail is in a mailbox */
			item->mailbox = slice_of("INBOX");
	}
	news->n++;
}

static int
compare(const void *a, const void *b)
{
	return pushmsg_compare(a, b);
}

static bool
is_mail(const struct pushmsg_item *item)
{
	return item->type == PUSHMSG_MAIL && item->envelope.p != NULL;
}

static bool
is_news(const struct pushmsg_item *item)
{
	return item->type == PUSHMSG_MAIL || item->type == PUSHMSG_SYNC;
}

/* The lines of one push, and which of the first n items they tell. */

static void
tell_mail(struct news *news, size_t n, struct slice mailbox, unsigned long uid, struct slice envelope)
{
	bool found = false;

	for (size_t i = 0; i < n && !found; i++) {
		const struct pushmsg_item *item = &news->items[i];

		found = !news->shown[i] && is_mail(item) && item->uid == uid &&
		    slice_equal(item->mailbox, mailbox) && slice_equal(item->envelope, envelope);
		news->shown[i] |= found;
		news->told[i] |= found;
	}
	must(found);
}

/* A SYNC tells what is in its mailbox; without one (mailbox nil) everything. */
static void
tell_sync(struct news *news, size_t n, struct slice mailbox)
{
	bool found = false;

	for (size_t i = 0; i < n; i++)
		if (mailbox.p == NULL || (is_news(&news->items[i]) &&
		    news->items[i].mailbox.p != NULL &&
		    slice_equal(news->items[i].mailbox, mailbox)))
			news->told[i] = found = true;
	must(found);
}

static void
tell_text(struct news *news, size_t n, enum pushmsg_type type)
{
	bool found = false;

	for (size_t i = 0; i < n && !found; i++) {
		found = !news->shown[i] && news->items[i].type == type;
		news->shown[i] |= found;
		news->told[i] |= found;
	}
	must(found);
}

/* The SYNC of the account is the last line, and some item asks for it or was too long. */
static bool
is_account_sync(const struct imapread *r, const struct news *news, size_t n)
{
	struct imapread rest = *r;

	if (!imapread_take(&rest, "* SYNC\r\n") || rest.p != rest.end)
		return false;
	for (size_t i = 0; i < n; i++)
		if (is_news(&news->items[i]) && news->items[i].mailbox.p == NULL)
			return true;
	return n == news->n && (size_t)(r->end - r->p) == 8;
}

static size_t
read_line(struct imapread *r, struct news *news, size_t n, struct buf *mailbox, bool *selected)
{
	struct slice name;
	unsigned long uid;

	if (imapread_take(r, "* SELECT ")) {
		buf_reset(mailbox);
		imapread_mailbox(r, mailbox);
		*selected = true;
		imapread_expect(r, "\r\n");
		must(imapread_is(r, "* "));	/* nobody selects for nothing */
		return 0;
	}
	if (imapread_take(r, "* ACKWEBPUSH ")) {
		imapread_expect(r, token);
		imapread_expect(r, "\r\n");
		must(r->p == r->end && n == 1);
		tell_text(news, n, PUSHMSG_VERIFY);
		return 0;
	}
	if (imapread_take(r, "* VAPID ")) {
		imapread_expect(r, key);
		imapread_expect(r, "\r\n");
		tell_text(news, n, PUSHMSG_VAPID);
		return 0;
	}
	name = *selected ? buf_all(mailbox) : SLICE_NIL;
	if (is_account_sync(r, news, n))
		name = SLICE_NIL;
	if (imapread_take(r, "* SYNC\r\n")) {
		tell_sync(news, n, name);
		return 0;
	}
	imapread_expect(r, "* ");
	uid = imapread_number(r);
	imapread_expect(r, " UIDFETCH (ENVELOPE ");
	must(*selected);
	tell_mail(news, n, name, uid, imapread_envelope(r));
	imapread_expect(r, ")\r\n");
	return 1;
}

static void
read_push(struct news *news, size_t n, struct slice text, bool with_envelope)
{
	static uint8_t memory[1 << 12];
	struct imapread r = { text.p, text.p + text.len };
	struct buf mailbox;
	bool selected = false;
	size_t envelopes = 0;

	buf_fixed(&mailbox, memory, sizeof(memory));
	memset(news->told, 0, sizeof(news->told));
	memset(news->shown, 0, sizeof(news->shown));
	while (r.p < r.end)
		envelopes += read_line(&r, news, n, &mailbox, &selected);
	must((envelopes > 0) == with_envelope);
	for (size_t i = 0; i < n; i++)
		must(news->told[i]);
}

/* Pushes until all is said, as the sender does; what one stands for leaves the front. */
static void
push_all(struct news *news, size_t max)
{
	static uint8_t memory[PUSHMSG_MAX];
	struct news left = *news;
	bool with_envelope;
	struct buf out;
	size_t n;

	while (left.n > 0) {
		buf_fixed(&out, memory, sizeof(memory));
		n = pushmsg_write(left.items, left.n, max, &out, &with_envelope);
		must(n >= 1 && n <= left.n && out.len <= max && !out.failed);
		must(pushmsg_bucket(out.len) >= out.len && pushmsg_bucket(out.len) <= PUSHMSG_MAX);
		read_push(&left, n, buf_all(&out), with_envelope);
		left.n -= n;
		memmove(left.items, left.items + n, left.n * sizeof(left.items[0]));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct news news;
	struct input in = { data, size };
	size_t max = MAX_MIN + 16u * input_octet(&in);

	memset(&news, 0, sizeof(news));
	while (in.n > 0 && news.n < ITEMS_MAX)
		add_item(&news, &in);
	for (size_t i = 0; i < news.n; i++)
		for (size_t k = 0; k < news.n; k++) {
			int ab = pushmsg_compare(&news.items[i], &news.items[k]);
			int ba = pushmsg_compare(&news.items[k], &news.items[i]);

			must((ab < 0) == (ba > 0) && (ab == 0) == (ba == 0));
		}
	qsort(news.items, news.n, sizeof(news.items[0]), compare);
	push_all(&news, max < PUSHMSG_MAX ? max : PUSHMSG_MAX);
	for (size_t i = 0; i < ITEMS_MAX; i++)
		free(news.envelopes[i]);
	return 0;
}
