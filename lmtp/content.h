/*
 * content: what is remembered of a message while it passes: a bounded copy of its header block, and
 * at the end what the daemon is told of it.
 */
#ifndef LMTP_CONTENT_H
#define LMTP_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/config.h"
#include "lib/wire.h"

struct content {
	struct buf	header;		/* the copy, its dots unstuffed; at most ENVELOPE_HEADER_MAX */
	size_t		line;		/* octets of the line that is being read */
	bool		after_crlf;	/* the next octet begins a line that may be stuffed */
	bool		whole;		/* the empty line was seen: nothing more is taken */
	bool		too_big;
	/* After content_finish: */
	struct buf	envelope;
	enum envelope_reason reason;
	struct buf	ids;		/* the queue id, then the Message-ID */
	size_t		queue_id_len;
	bool		has_queue_id, has_message_id;
	unsigned	kind;
};

void	content_init(struct content *c);
void	content_clear(struct content *c);
/* The next octets of the message, as they are relayed. */
void	content_put(struct content *c, const uint8_t *p, size_t n);
/* The message has ended: writes the ENVELOPE, reads the facts, frees the copy. */
void	content_finish(struct content *c, const struct config_list *quiet_header);
struct slice	content_queue_id(const struct content *c);	/* nil: none */
/* Fills what an arrival says of the message; its slices are the content's. */
void	content_describe(const struct content *c, struct wire_arrival *arrival);

#endif
