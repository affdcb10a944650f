/*
 * lag: how long mail takes from the backend's 2xx to the push service's 2xx, as a histogram.  Pure.
 */
#ifndef DAEMON_LAG_H
#define DAEMON_LAG_H

#include <stdint.h>

#define LAG_BUCKETS	14	/* with the last one, that has no bound */

struct lag {
	uint64_t	count[LAG_BUCKETS];	/* of each bucket alone */
	uint64_t	total;
	int64_t		sum_ms;
};

/* Upper bound of a bucket in milliseconds, itself included; INT64_MAX: the last. */
int64_t	lag_bound_ms(int bucket);
/* A clock that was set back gives 0. */
void	lag_add(struct lag *l, int64_t ms);

#endif
