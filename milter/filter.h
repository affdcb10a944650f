/*
 * filter: the milter itself: libmilter's callbacks, from the MTA's messages to arrivals.
 *
 * It has no opinion about mail: every step is answered with "go on", or with nothing where the MTA
 * agreed to that.
 */
#ifndef MILTER_FILTER_H
#define MILTER_FILTER_H

#include "lib/config.h"
#include "lib/err.h"
#include "milter/link.h"

/* Makes libmilter know the callbacks: the first thing to be done with it. */
int	filter_register(struct err *err);
/* What the callbacks work with.  It stays the caller's, and has to outlive filter_run's threads. */
void	filter_use(const struct config *config, struct link *l);
/* Serves on the socket of listen_open; returns only where libmilter gives up. */
int	filter_run(struct err *err);
/*
 * Another configuration from now on, the log's settings included; when it returns, the one before is
 * no longer used.
 */
void	filter_configure(const struct config *config);

#endif
