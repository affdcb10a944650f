/*
 * vapid: the key ring and the tokens of RFC 8292.
 *
 * Keys are PEM files (ID.pem, 0400) in state_dir/vapid (0700); an id is 16 hexadecimal digits of the
 * SHA-256 of the public point.  The symbolic link `current` names the one that new subscriptions
 * use.  Keys are never made by the program on its own.
 */
#ifndef DAEMON_VAPID_H
#define DAEMON_VAPID_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/slice.h"

#define VAPID_ID_LEN	16	/* characters, without the NUL */
#define VAPID_KEY_LEN	87	/* characters of the public key in base64url, without the NUL */
#define VAPID_PEM_MAX	8192	/* octets of a key's file */
#define VAPID_CONTACT_MAX	256
#define VAPID_HEADER_MAX	1024	/* of an Authorization value, with its NUL */

struct vapid;	/* the ring */

/* Makes the folder and a first key, current.  An error where the folder already has a current key. */
int	vapid_init(const char *state_dir, struct err *err);

/*
 * Reads all keys.  A file that cannot be used, or whose name is not its key's, is left out.  A ring
 * without a current key is no error: vapid_current is NULL then.  NULL only for a bad contact.
 */
struct vapid	*vapid_open(const char *state_dir, const char *contact, struct err *err);
void		 vapid_close(struct vapid *v);
/* What was wrong when the ring was read: "" for nothing; never "" where there is no current key. */
const char	*vapid_why(const struct vapid *v);

const char	*vapid_current(const struct vapid *v);			/* its id, or NULL */
const char	*vapid_public(const struct vapid *v, const char *id);	/* base64url, or NULL */
size_t		 vapid_count(const struct vapid *v);
const char	*vapid_id(const struct vapid *v, size_t i);

/*
 * For the operator's verbs; each is on the disk when it returns 0.
 * A new or imported key is not current by itself; importing one that is there is no error.
 */
int	vapid_new(struct vapid *v, char id[VAPID_ID_LEN + 1], struct err *err);
int	vapid_import(struct vapid *v, struct slice pem, char id[VAPID_ID_LEN + 1], struct err *err);
int	vapid_set_current(struct vapid *v, const char *id, struct err *err);
/* The private key in PEM, appended to out: wipe it. */
int	vapid_export(const struct vapid *v, const char *id, struct buf *out, struct err *err);
/* The current key cannot be removed. */
int	vapid_remove(struct vapid *v, const char *id, struct err *err);

/*
 * The Authorization value for pushes to an origin, signed by key id: "vapid t=..., k=...".
 * exp is now + 12 h; the token is cached per (origin, key), and made anew when half of its time is
 * over or when the clock has gone backwards.  The text is the ring's, valid until the next call.
 * NULL where the key is not in the ring or signing failed: err says which.
 */
const char	*vapid_authorization(struct vapid *v, const char *id, const char *origin, int64_t now,
	    struct err *err);
/* Drops the cached tokens: the clock has jumped. */
void	vapid_forget(struct vapid *v);

/*
 * Whether every push service takes this contact: a mailto: or https: URI, no spaces, no localhost,
 * no placeholder, nothing that Apple was seen to refuse.  0, or -1 and err says which rule.
 */
int	vapid_check_contact(const char *contact, struct err *err);

/* Whether the key signed the token (RFC 8292 section 2.4's t and k).  1 or 0. */
int	vapid_verify(const char *token, const char *public_key);

#endif
