/*
 * The copy alone is unstuffed, where RFC 5321 section 4.5.2 says: behind a CRLF, a dot that begins a
 * line goes.
 */
#include <string.h>

#include "lib/msgfacts.h"
#include "lmtp/content.h"

void
content_init(struct content *c)
{
	memset(c, 0, sizeof(*c));
	buf_init(&c->header, ENVELOPE_HEADER_MAX);
	buf_init(&c->envelope, ENVELOPE_TEXT_MAX);
	buf_init(&c->ids, 2 * WIRE_ID_MAX);
	c->after_crlf = true;
	c->reason = ENVELOPE_NONE;
}

void
content_clear(struct content *c)
{
	buf_clear(&c->header);
	buf_clear(&c->envelope);
	buf_clear(&c->ids);
	content_init(c);
}

static bool
ends_in_cr(const struct content *c)
{
	return c->line > 0 && c->header.len > 0 && c->header.data[c->header.len - 1] == '\r';
}

static void
put_octet(struct content *c, uint8_t octet)
{
	bool cr = ends_in_cr(c);

	if (octet == '.' && c->after_crlf) {
		c->after_crlf = false;
		return;
	}
	buf_octet(&c->header, octet);
	c->after_crlf = octet == '\n' && cr;
	if (octet != '\n') {
		c->line++;
		return;
	}
	c->whole = c->line == 0 || (c->line == 1 && cr);
	c->line = 0;
}

void
content_put(struct content *c, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n && !c->whole && !c->too_big; i++) {
		if (c->header.len == c->header.max)
			c->too_big = true;
		else
			put_octet(c, p[i]);
	}
}

static bool
keep_id(struct content *c, struct slice id)
{
	if (id.p == NULL || id.len > WIRE_ID_MAX)
		return false;
	buf_slice(&c->ids, id);
	return true;
}

void
content_finish(struct content *c, const struct config_list *quiet_header)
{
	struct slice block = buf_all(&c->header);
	struct msgfacts facts;

	msgfacts_scan(block, (const char *const *)quiet_header->v, quiet_header->n, SLICE_NIL, &facts);
	c->kind = facts.kind;
	c->has_queue_id = keep_id(c, facts.queue_id);
	c->queue_id_len = c->ids.len;
	c->has_message_id = keep_id(c, facts.message_id);
	c->reason = c->too_big ? ENVELOPE_HEADER_TOO_BIG : envelope_write(block, &c->envelope);
	buf_clear(&c->header);
}

struct slice
content_queue_id(const struct content *c)
{
	if (!c->has_queue_id)
		return SLICE_NIL;
	return (struct slice){ buf_all(&c->ids).p, c->queue_id_len };
}

void
content_describe(const struct content *c, struct wire_arrival *arrival)
{
	struct slice ids = buf_all(&c->ids);

	arrival->queue_id = content_queue_id(c);
	arrival->message_id = SLICE_NIL;
	if (c->has_message_id)
		arrival->message_id = (struct slice){ ids.p + c->queue_id_len, ids.len - c->queue_id_len };
	arrival->reason = c->reason;
	arrival->envelope = c->reason == ENVELOPE_OK ? buf_all(&c->envelope) : SLICE_NIL;
	arrival->kind = c->kind;
}
