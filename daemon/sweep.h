/*
 * sweep: once an hour, in slices, through all subscriptions: what was not acknowledged for a day goes,
 * so does what has failed for dead_after; what was not refreshed for refresh_max becomes inactive; who
 * was acknowledged under an older VAPID key is told of the current one, and once more a week later.
 */
#ifndef DAEMON_SWEEP_H
#define DAEMON_SWEEP_H

#include <stdint.h>

#include "daemon/daemon.h"

struct sweep;

struct sweep	*sweep_new(void);
void		 sweep_free(struct sweep *s);
/* One slice, where one is due. */
void		 sweep_run(struct daemon *d, int64_t now_ms);
int64_t		 sweep_next(const struct sweep *s);
/* From the beginning, now: another VAPID key is current. */
void		 sweep_soon(struct sweep *s);

#endif
