/*
 * trace_int: what trace.c, which writes, and trace_search.c share.
 */
#ifndef DAEMON_TRACE_INT_H
#define DAEMON_TRACE_INT_H

#include "daemon/trace.h"

/* The file and the older one, opened for reading; -1: it is not there. */
void	trace_files(const struct trace *t, int *old, int *now);
/* Writes what is in memory. */
void	trace_flush(struct trace *t);
/* What stands for a Message-ID. */
uint64_t	trace_hash(struct slice message_id);

#endif
