/*
 * The header block is read once, into static memory, and scanned by the code that the other hooks
 * use; the ENVELOPE is Dovecot's own, which the daemon reads and writes anew.
 *
 * A message that cannot be read is told without content: it becomes a SYNC, and the delivery's own
 * error handling is not ours to replace.
 */
#include "lib.h"
#include "istream.h"
#include "mail-storage.h"

#include "lib/envelope.h"
#include "lib/msgfacts.h"
#include "imap/content.h"

static char block[ENVELOPE_HEADER_MAX];

/*
 * The header block of mail as far as it is kept.  *whole: nothing of it is missing.
 * The stream of a message goes on into its body, so the end is looked for as the octets come.
 */
static struct slice
read_block(struct mail *mail, bool *whole)
{
	struct istream *input;
	const unsigned char *data;
	size_t size, len = 0, end = 0;
	int rc = -1;

	*whole = false;
	if (mail_get_hdr_stream(mail, NULL, &input) < 0)
		return SLICE_NIL;
	while (len < sizeof(block) && (rc = i_stream_read_more(input, &data, &size)) > 0) {
		if (size > sizeof(block) - len)
			size = sizeof(block) - len;
		memcpy(block + len, data, size);
		i_stream_skip(input, size);
		len += size;
		end = envelope_header_end((struct slice){ block, len });
		if (end > 0)
			break;
	}
	*whole = end > 0 || (rc == -1 && input->stream_errno == 0);
	return (struct slice){ block, end > 0 ? end : len };
}

static struct slice
keep(pool_t pool, struct slice s)
{
	if (s.p == NULL || s.len > WIRE_ID_MAX)
		return SLICE_NIL;
	return (struct slice){ p_memdup(pool, s.p, s.len), s.len };
}

/* Dovecot gives the ten members; a list has parentheses around them. */
static void
read_envelope(struct mail *mail, pool_t pool, struct wire_saved *saved)
{
	const char *members;

	saved->reason = ENVELOPE_NONE;
	if (mail_get_special(mail, MAIL_FETCH_IMAP_ENVELOPE, &members) < 0)
		return;
	if (strlen(members) > ENVELOPE_HEADER_MAX) {
		saved->reason = ENVELOPE_TOO_LONG;
		return;
	}
	saved->envelope = slice_of(p_strconcat(pool, "(", members, ")", NULL));
	saved->reason = ENVELOPE_OK;
}

void
content_read(struct mail *mail, const struct modconf *conf, struct slice own_id, pool_t pool,
    struct wire_saved *saved)
{
	struct msgfacts facts;
	struct slice header;
	bool whole;

	saved->seen = (mail_get_flags(mail) & MAIL_SEEN) != 0;
	header = read_block(mail, &whole);
	msgfacts_scan(header, conf->quiet, conf->n, own_id, &facts);
	saved->queue_id = keep(pool, facts.queue_id);
	saved->message_id = keep(pool, facts.message_id);
	saved->has_content = conf->hook_dovecot;
	if (!saved->has_content)
		return;
	saved->kind = facts.kind;
	if (header.p != NULL && !whole)
		saved->reason = ENVELOPE_HEADER_TOO_BIG;
	else
		read_envelope(mail, pool, saved);
}
