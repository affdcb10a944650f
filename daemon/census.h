/*
 * census: how many accounts have an acknowledged subscription at a push service, as far as it matters.
 */
#ifndef DAEMON_CENSUS_H
#define DAEMON_CENSUS_H

#include <stdint.h>

#include "daemon/store.h"

#define CENSUS_ENOUGH	3
#define CENSUS_LOOKS	1000	/* subscriptions */
#define CENSUS_KEEP_S	60
#define CENSUS_NOBODY_S	1	/* "nobody" holds verifications up: it is soon asked again */

struct census;

struct census	*census_new(void);
void		 census_free(struct census *c);

struct census_count {
	unsigned	accounts;	/* at most CENSUS_ENOUGH */
	bool		whole;		/* there are no more; else there may be */
};

/*
 * Counts at an origin ("https://host").  The store is read no further than CENSUS_LOOKS, and what was
 * counted is believed for CENSUS_KEEP_S, or CENSUS_NOBODY_S (of a clock that does not jump).  Where
 * the store fails nothing is known.
 */
struct census_count	census_take(struct census *c, struct store *s, const char *origin, int64_t now);

#endif
