/*
 * message: what is remembered of one message while the MTA shows it: the header block, and at the end
 * what the daemon is told of it.  Pure, bounded, and of one piece: whoever has the memory for the
 * struct needs no more.
 */
#ifndef MILTER_MESSAGE_H
#define MILTER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/config.h"
#include "lib/wire.h"

struct message {
	struct buf	block;		/* in the memory below */
	bool		too_big;	/* the header block goes on beyond its bound */
	uint8_t		block_memory[ENVELOPE_HEADER_MAX];
};

/* What the end of a message is worked out in, and its ENVELOPE; one will do for all messages in turn. */
struct message_end {
	struct buf		envelope;	/* in the memory below */
	uint8_t			envelope_memory[ENVELOPE_TEXT_MAX];
	struct envelope_scratch	scratch;
};

/* The struct's memory need not be set to anything before. */
void	message_init(struct message *m);
/*
 * One header field, in the order of the message.  value has its lines parted by LF, and its leading
 * blank where the MTA leaves it there.
 */
void	message_header(struct message *m, const char *name, const char *value);
/*
 * The message has ended.  Writes the ENVELOPE into end, and fills arrival but for seq and time_ms; its
 * slices are queue_id's (NULL: none), the message's and end's.
 */
void	message_finish(const struct message *m, const char *queue_id,
	    const struct config_list *quiet_header, struct message_end *end, struct wire_arrival *arrival);
#endif
