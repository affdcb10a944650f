/*
 * hangup: SIGHUP is "read the settings anew" to a program that runs, and death to one that only starts.
 */
#ifndef LIB_HANGUP_H
#define LIB_HANGUP_H

/* The first thing that a program does: a SIGHUP from then on waits until it is taken as usual. */
void	hangup_hold(void);

#endif
