/*
 * content: what a message that is just being saved tells of itself.
 */
#ifndef IMAP_CONTENT_H
#define IMAP_CONTENT_H

#include "lib/modconf.h"
#include "lib/wire.h"

struct mail;

/*
 * Fills the fields of saved that come from the message: seen, the ids, and with hook = dovecot the
 * ENVELOPE and the kind.  To be called while the message is still open, that is before the commit.
 * own_id is what Dovecot wrote into its own Received in this delivery; nil: it wrote none.
 * What saved then points to lives in pool.
 */
void	content_read(struct mail *mail, const struct modconf *conf, struct slice own_id, pool_t pool,
	    struct wire_saved *saved);

#endif
