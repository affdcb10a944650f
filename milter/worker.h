/*
 * worker: the process that serves the MTA.
 */
#ifndef MILTER_WORKER_H
#define MILTER_WORKER_H

#include "lib/config.h"

#define WORKER_RELOAD	'r'	/* on the pipe of commands: read the configuration anew */

/*
 * Serves on the socket of listen_open.  The pipe's end is the worker's; where libmilter ends by
 * itself, the exit status is EX_UNAVAILABLE.  Does not return.
 */
void	worker_run(const char *config_path, struct config *config, int commands)
    __attribute__((noreturn));
/* The configuration, checked, to be freed with worker_unload; NULL: err says why not. */
struct config	*worker_load(const char *config_path, struct err *err);
void		 worker_unload(struct config *config);

#endif
