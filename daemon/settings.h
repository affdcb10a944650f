/*
 * settings: what mailbelld makes of mailbell.conf beyond single values, at the start and on SIGHUP.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include "daemon/daemon.h"
#include "daemon/join.h"
#include "lib/err.h"

/* What mailbelld alone cannot do without. */
int	settings_check(const struct config *c, struct err *err);
struct join_limits	settings_limits(const struct config *c);
/* 0, or -1: everything is as before, unless run_dir alone could not be written. */
int	settings_reload(struct daemon *d, const char *path, struct err *err);

#endif
