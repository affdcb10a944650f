#include <sched.h>
#include <sys/resource.h>

#include "lib/limits.h"

size_t
limits_descriptors(void)
{
	struct rlimit limit;
	rlim_t soft;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	soft = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	return (size_t)(setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : soft);
}

void
limits_be_patient(void)
{
	const struct sched_param none = { .sched_priority = 0 };

	if (sched_getscheduler(0) == SCHED_OTHER)
		(void)sched_setscheduler(0, SCHED_BATCH, &none);	/* refused: it goes without */
}
