/*
 * vapid: the key ring and the tokens of RFC 8292.
 *
 * Keys are PEM files (0400) in state_dir/vapid, named by their id (16 hexadecimal digits of the
 * SHA-256 of the public point); the symbolic link `current` names the one that new subscriptions
 * use.  Keys are never made by the program on its own.
 */
#ifndef DAEMON_VAPID_H
#define DAEMON_VAPID_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define VAPID_ID_LEN	16	/* characters, without the NUL */
#define VAPID_KEY_LEN	87	/* characters of the public key in base64url, without the NUL */
#define VAPID_HEADER_MAX	1024	/* of an Authorization value */

struct vapid;	/* the ring */

/* Makes the folder and a first key, current.  An error where the folder already has a current key. */
int	vapid_init(const char *state_dir, struct err *err);

/*
 * Reads all keys.  A ring without a current key is no error: vapid_current is NULL then, and *why
 * (owned by the ring, never NULL) says what is wrong.
 */
struct vapid	*vapid_open(const char *state_dir, const char *contact, struct err *err);
void		 vapid_close(struct vapid *v);
const char	*vapid_why(const struct vapid *v);

const char	*vapid_current(const struct vapid *v);			/* its id, or NULL */
const char	*vapid_public(const struct vapid *v, const char *id);	/* base64url, or NULL */
size_t		 vapid_count(const struct vapid *v);
const char	*vapid_id(const struct vapid *v, size_t i);

/*
 * The Authorization value for pushes to an origin, signed by key id: "vapid t=..., k=...".
 * exp is now + 12 h; the token is cached per (origin, key), and made anew when half of its time is
 * over or when the clock has gone backwards.  The text is the ring's, valid until the next call.
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

/* Verifies "t=..., k=..." as a push service would (RFC 8292 section 2.4's vector).  1 or 0. */
int	vapid_verify(const char *token, const char *public_key);

#endif
