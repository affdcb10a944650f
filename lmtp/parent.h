/*
 * parent: the process that holds the listening sockets and keeps workers alive.
 */
#ifndef LMTP_PARENT_H
#define LMTP_PARENT_H

#include "lib/config.h"
#include "lmtp/kept.h"

struct parent_args {
	const struct config	*config;
	const char		*config_path;
	const char		*program;	/* the path to run again at SIGHUP */
	const struct kept	*kept;		/* listeners; workers that an earlier program left */
};

/*
 * Starts the workers, tells those that were left to drain, and returns an exit status when SIGTERM
 * or SIGINT has ended all of them.  SIGHUP: `program --check`, and where that succeeds the process
 * becomes `program`, listening sockets and all.
 */
int	parent_run(const struct parent_args *args);

#endif
