/*
 * running: whether mailbelld runs, where its socket does not answer.
 */
#ifndef ADMIN_RUNNING_H
#define ADMIN_RUNNING_H

#include "lib/config.h"
#include "lib/err.h"

/* Nothing listens on path: err becomes what is known of the daemon, and what to do.  Returns -1. */
int	running_tell(const char *path, const struct config *c, struct err *err);

#endif
