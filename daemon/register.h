/*
 * register: the life of a subscription: made, changed, deactivated, deleted.
 */
#ifndef DAEMON_REGISTER_H
#define DAEMON_REGISTER_H

#include <stdbool.h>

#include "daemon/daemon.h"
#include "daemon/store.h"

/* What a client gave. */
struct register_form {
	const char	*account;
	char		 id[SUB_ID_MAX + 1];
	char		 endpoint[GUARD_ENDPOINT_MAX + 1];
	uint8_t		 point[ECE_POINT];
	uint8_t		 auth[ECE_AUTH];
};

/* Reads and checks the three arguments.  NULL, or what is wrong with their form (static). */
const char	*register_parse(struct daemon *d, struct register_form *form, struct slice endpoint,
		    struct slice key, struct slice secret);

struct register_outcome {
	const char	*code, *refused;	/* "LIMIT" ... and why; NULL: not refused */
	struct subscription sub;
	bool		 changed;		/* the store was */
	char		 note[64];		/* "verification sent 12 s ago" */
};

/* Makes or changes a subscription, and queues its verification.  0, or -1: the store failed. */
int	register_put(struct daemon *d, const struct register_form *form, int64_t now_s,
	    struct register_outcome *out, struct err *err);
/* Makes it inactive, as if it had just been made: its client has to register and acknowledge anew. */
int	register_deactivate(struct daemon *d, struct subscription *sub, int64_t now_s, struct err *err);
/* Deletes it with all that waits for it. */
int	register_delete(struct daemon *d, const struct subscription *sub, struct err *err);

#endif
