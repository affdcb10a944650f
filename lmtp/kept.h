/*
 * kept: what a process hands to the program that it becomes: listening sockets and children.  As
 * text, for one environment variable: "PID L3 L4 W101 W102", PID being the process's own.
 */
#ifndef LMTP_KEPT_H
#define LMTP_KEPT_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/buf.h"

#define KEPT_VARIABLE		"MAILBELL_LMTP_KEPT"
#define KEPT_LISTENERS_MAX	16
#define KEPT_WORKERS_MAX	1024

struct kept {
	int	listener[KEPT_LISTENERS_MAX];
	size_t	n_listeners;
	pid_t	worker[KEPT_WORKERS_MAX];
	size_t	n_workers;
};

/* Appends the text, with a NUL behind it. */
void	kept_write(const struct kept *k, pid_t self, struct buf *out);
/* 1; or 0 where text (NULL, too) is not meant for this process or makes no sense: k is empty then. */
int	kept_parse(const char *text, pid_t self, struct kept *k);

#endif
