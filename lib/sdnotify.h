/*
 * sdnotify: what systemd wants to hear from a service (sd_notify(3)).  Without systemd, nothing.
 */
#ifndef LIB_SDNOTIFY_H
#define LIB_SDNOTIFY_H

#include <stdint.h>

/* Such as "READY=1".  Never waits; that nobody listens is no error. */
void	sdnotify(const char *state);
/* How often "WATCHDOG=1" is wanted of this process, in ms; 0: never. */
int64_t	sdnotify_watchdog_ms(void);

#endif
