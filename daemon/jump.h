/*
 * jump: the wall clock has jumped, while the daemon ran (against the monotonic clock) or before it
 * started (against what was noted last).  Then cached VAPID tokens are dropped, and ages mean nothing
 * for a day: daemon.distrust_ms.
 */
#ifndef DAEMON_JUMP_H
#define DAEMON_JUMP_H

#include <stdint.h>

#include "daemon/daemon.h"
#include "daemon/store.h"
#include "lib/err.h"

/* At the start, with the store and the keys open.  0, or -1: what was noted could not be read. */
int	jump_start(struct daemon *d, struct err *err);
/*
 * Wall less monotonic clock, of a reading of the one between two of the other.  Where these two lie apart,
 * since the process stood still between them, it cannot be told, and is what was known.
 */
int64_t	jump_offset(int64_t before_ms, int64_t wall_ms, int64_t after_ms, int64_t known);
/* Each turn. */
void	jump_watch(struct daemon *d, int64_t now_ms);
/* Notes the time, with each checkpoint. */
int	jump_note(struct store *s, struct err *err);

#endif
