/*
 * The header block is put together from its fields, with a colon behind the name and a LF at the end,
 * and then read by the same code that reads a block which the proxy saw pass: so ENVELOPE, Message-ID
 * and kind are the same.
 */
#include <string.h>

#include "lib/msgfacts.h"
#include "milter/message.h"

void
message_init(struct message *m)
{
	buf_fixed(&m->block, m->block_memory, sizeof(m->block_memory));
	m->too_big = false;
}

/* Line ends behind a value would look like the empty line that ends a header block. */
static struct slice
without_line_ends(struct slice s)
{
	while (s.len > 0 && (s.p[s.len - 1] == '\n' || s.p[s.len - 1] == '\r'))
		s.len--;
	return s;
}

void
message_header(struct message *m, const char *name, const char *value)
{
	struct slice n = slice_of(name), v = without_line_ends(slice_of(value));

	if (m->too_big)
		return;
	if (n.len + v.len + 2 > m->block.max - m->block.len) {
		m->too_big = true;
		return;
	}
	buf_slice(&m->block, n);
	buf_octet(&m->block, ':');
	buf_slice(&m->block, v);
	buf_octet(&m->block, '\n');
}

void
message_finish(const struct message *m, const char *queue_id, const struct config_list *quiet_header,
    struct message_end *end, struct wire_arrival *arrival)
{
	struct slice block = buf_all(&m->block);
	struct msgfacts facts;

	msgfacts_scan(block, (const char *const *)quiet_header->v, quiet_header->n, SLICE_NIL, &facts);
	*arrival = (struct wire_arrival){
		.queue_id = slice_of(queue_id), .message_id = facts.message_id, .kind = facts.kind,
		.reason = ENVELOPE_HEADER_TOO_BIG,
	};
	buf_fixed(&end->envelope, end->envelope_memory, sizeof(end->envelope_memory));
	if (!m->too_big)
		arrival->reason = envelope_write_with(&end->scratch, block, &end->envelope);
	if (arrival->reason == ENVELOPE_OK)
		arrival->envelope = buf_all(&end->envelope);
}
