/*
 * A whole conversation: each record of the input is a side and up to 255 octets that it says, then
 * perhaps its end.  What must hold at each step: bounds; no octet to either side after the end; a
 * recipient's outcome only where one was due; nothing to the backend that ends DATA loosely.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lmtp/dialog.h"
#include "lmtp/reply.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct party {
	struct buf	said;	/* and not taken yet */
	bool		eof;
};

struct talk {
	struct dialog	d;
	struct party	front, back;
	size_t		outcomes;
	uint8_t		last[5];	/* octets that went to the backend */
};

static const struct config_list no_quiet;

static void
check(bool claim)
{
	if (!claim)
		abort();
}

/* No dot line with a bare LF goes to the backend: commands end in CRLF in any case. */
static void
follow(struct talk *t, const struct buf *out)
{
	for (size_t i = 0; i < out->len; i++) {
		memmove(t->last, t->last + 1, 4);
		t->last[4] = out->data[i];
		check(memcmp(t->last + 2, "\n.\n", 3) != 0);
		check(memcmp(t->last + 1, "\n.\r\n", 4) != 0 || t->last[0] == '\r');
	}
}

static void
settle(struct talk *t)
{
	struct dialog *d = &t->d;

	check(!d->to_front.failed && !d->to_back.failed && !d->content.header.failed);
	check(d->rcpt_octets <= DIALOG_RCPT_MAX + 9000);
	check(!d->ended || (d->state == DIALOG_OVER && d->to_back.len == 0));
	if (d->state == DIALOG_DATA || d->state == DIALOG_DOT)
		for (size_t i = 0; i < d->due.n; i++)
			check(d->due.v[d->due.first + i].kind == EXPECT_RECIPIENT);
	t->outcomes += d->n_outcomes;
	for (size_t i = 0; i < d->n_outcomes; i++)
		check(d->outcome[i].address != NULL && d->outcome[i].code >= 200);
	dialog_clear_outcomes(d);
	follow(t, &d->to_back);
	buf_reset(&d->to_back);
	buf_reset(&d->to_front);
}

static void
go_on(struct talk *t)
{
	struct slice back = buf_all(&t->back.said), front = buf_all(&t->front.said);
	size_t used;

	used = dialog_back(&t->d, (const uint8_t *)back.p, back.len, t->back.eof);
	check(used <= back.len);
	buf_drop(&t->back.said, used);
	used = dialog_front(&t->d, (const uint8_t *)front.p, front.len, t->front.eof);
	check(used <= front.len);
	buf_drop(&t->front.said, used);
	settle(t);
}

/* One record; returns its length. */
static size_t
record(struct talk *t, const uint8_t *data, size_t size)
{
	struct party *p = data[0] & 1 ? &t->back : &t->front;
	size_t len = size < 2 ? 0 : data[1];

	if (len > size - 2)
		len = size < 2 ? 0 : size - 2;
	if (!p->eof && size > 2)
		buf_put(&p->said, data + 2, len);
	p->eof |= (data[0] & 0xfe) == 0xfe;
	go_on(t);
	return size < 2 ? size : 2 + len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct talk t = { .outcomes = 0 };

	dialog_init(&t.d, &no_quiet);
	buf_init(&t.front.said, 1 << 20);
	buf_init(&t.back.said, 1 << 20);
	for (size_t pos = 0; pos < size;)
		pos += record(&t, data + pos, size - pos);
	t.front.eof = true;
	go_on(&t);
	t.back.eof = true;
	go_on(&t);
	go_on(&t);
	check(t.d.ended);
	dialog_clear(&t.d);
	buf_clear(&t.front.said);
	buf_clear(&t.back.said);
	return 0;
}
