#include "daemon/lag.h"

static const int64_t bounds[LAG_BUCKETS] = {
	100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 900000, 3600000, 86400000, INT64_MAX
};

int64_t
lag_bound_ms(int bucket)
{
	return bounds[bucket];
}

void
lag_add(struct lag *l, int64_t ms)
{
	int i = 0;

	if (ms < 0)
		ms = 0;
	while (ms > bounds[i])
		i++;
	l->count[i]++;
	l->total++;
	l->sum_ms += ms;
}
