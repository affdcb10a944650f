/*
 * parent: holds the listening socket, and keeps one worker alive.
 */
#ifndef MILTER_PARENT_H
#define MILTER_PARENT_H

#include "lib/config.h"

/*
 * To be called behind listen_open and privs_drop.  Returns the exit status: at SIGTERM and SIGINT, and
 * where a worker has ended by itself.
 */
int	parent_run(const char *config_path, struct config *config);

#endif
