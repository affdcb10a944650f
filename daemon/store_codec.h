/*
 * store_codec: the store's records as octets.  Pure: no database, no I/O.
 *
 * A value is one frame (lib/frame.h), so a version octet stands in front; its type names the record.
 * A member that is zero or empty is not written, an unknown tag is skipped: what a later version
 * adds is harmless to this one.  A change that is not harmless raises FRAME_VERSION, or takes a new type.
 *
 *	subscription	account, NUL, id
 *	delivery	number (8 octets, big-endian)
 *	outbox		number, sequence
 *	meta		one of STORE_META_*, name
 */
#ifndef DAEMON_STORE_CODEC_H
#define DAEMON_STORE_CODEC_H

#include "daemon/store.h"
#include "lib/buf.h"
#include "lib/slice.h"

enum store_type { STORE_SUB = 1, STORE_DELIVERY, STORE_OUTBOX, STORE_ACCOUNT, STORE_NUMBER };

#define STORE_META_ACCOUNT	'a'
#define STORE_META_NUMBER	'n'
#define STORE_META_OWN		's'	/* the store's own numbers */

#define STORE_VALUE_MAX	((size_t)32 * 1024)	/* octets of any value that this version writes */

/* One octet more than the longest key: room for its successor. */
struct store_key {
	char	octets[WIRE_USER_MAX + 1 + SUB_ID_MAX + 1];
	size_t	len;
};

void		store_u64(char out[8], uint64_t value);
uint64_t	store_u64_of(const char in[8]);

/* Texts that are too long for a key: -1. */
int	store_key_sub(struct store_key *k, const char *account, const char *id);
void	store_key_delivery(struct store_key *k, uint64_t number);
void	store_key_outbox(struct store_key *k, uint64_t number, uint64_t sequence);
int	store_key_meta(struct store_key *k, char kind, const char *name);
/* Makes k the next possible key. */
void	store_key_after(struct store_key *k);
static inline struct slice
store_key_slice(const struct store_key *k)
{
	return (struct slice){ k->octets, k->len };
}

/* The parts of a key that was read; -1: not such a key. */
int	store_unkey_sub(struct slice key, char account[WIRE_USER_MAX + 1], char id[SUB_ID_MAX + 1]);
int	store_unkey_delivery(struct slice key, uint64_t *number);
int	store_unkey_outbox(struct slice key, uint64_t *number, uint64_t *sequence);

/* Appends the value; what is in the key is not in it. */
void	store_encode_sub(struct buf *b, const struct subscription *sub);
void	store_encode_delivery(struct buf *b, const struct delivery *d);
void	store_encode_outbox(struct buf *b, const struct outbox_record *r);
void	store_encode_account(struct buf *b, const struct account *a);
void	store_encode_number(struct buf *b, int64_t value);

/*
 * 0, or -1: this version cannot read it.  out is filled whole, with what the key said too; slices
 * point into value.
 */
int	store_decode_sub(struct slice key, struct slice value, struct subscription *out);
int	store_decode_delivery(struct slice key, struct slice value, struct delivery *out);
int	store_decode_outbox(struct slice key, struct slice value, struct outbox_record *out);
int	store_decode_account(struct slice key, struct slice value, struct account *out);
int	store_decode_number(struct slice value, int64_t *out);

/* Whether a newer version wrote the value. */
bool	store_value_newer(struct slice value);

#endif
