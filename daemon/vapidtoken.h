/*
 * vapidtoken: signed VAPID tokens, kept for as long as they are good.  Push services remember the
 * tokens that they have verified, so that the same one again costs them nothing (RFC 8292 section 5).
 */
#ifndef DAEMON_VAPIDTOKEN_H
#define DAEMON_VAPIDTOKEN_H

#include <stdint.h>

#include "daemon/vapidkey.h"
#include "lib/err.h"

struct vapidtokens;

/* contact has passed vapid_check_contact; it is copied. */
struct vapidtokens	*vapidtokens_new(const char *contact);
void			 vapidtokens_free(struct vapidtokens *t);
void			 vapidtokens_forget(struct vapidtokens *t);

/* As vapid_authorization. */
const char	*vapidtokens_get(struct vapidtokens *t, const struct vapidkey *key,
		    const char *origin, int64_t now, struct err *err);

#endif
