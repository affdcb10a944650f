/*
 * listeners: where the listening sockets come from.
 */
#ifndef LMTP_LISTENERS_H
#define LMTP_LISTENERS_H

#include "lib/config.h"
#include "lib/err.h"
#include "lmtp/kept.h"

/*
 * Fills k with what this process was handed by the program that it was before, else by systemd
 * (LISTEN_PID, LISTEN_FDS), else with new sockets for lmtp_listen.  Takes the variables out of the
 * environment; all descriptors are then non-blocking and close-on-exec.
 */
int	listeners_open(const struct config *config, struct kept *k, struct err *err);
/* Whether the settings can be used: addresses that are there and well-formed. */
int	listeners_check(const struct config *config, struct err *err);

#endif
