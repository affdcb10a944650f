/*
 * flood: how many verification pushes go to a host that has no acknowledged subscription: somebody
 * may have named it as an endpoint who wants it flooded (docs/protocol.md, WEBPUSH).
 */
#ifndef DAEMON_FLOOD_H
#define DAEMON_FLOOD_H

#include <stdint.h>

#define FLOOD_A_MINUTE	30

struct flood;

struct flood	*flood_new(void);
void		 flood_free(struct flood *f);
/* Seconds until one more may go to the host, 0: now.  now is in seconds of a clock that does not jump. */
int64_t		 flood_wait(const struct flood *f, const char *host, int64_t now);
/* One goes. */
void		 flood_count(struct flood *f, const char *host, int64_t now);

#endif
