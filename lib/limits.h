/*
 * limits: what the kernel gives this process.
 */
#ifndef LIB_LIMITS_H
#define LIB_LIMITS_H

#include <stddef.h>

/* The soft limit of descriptors becomes the hard one.  How many may be open; 0: it cannot be found out. */
size_t	limits_descriptors(void);
/*
 * SCHED_BATCH: who runs is not put aside for what comes in here.  Where CPUs are busy, a turn of the loop
 * finds more to do, and Postfix and Dovecot go on meanwhile; where one is idle, nothing waits.  A policy
 * that is not the usual one is the operator's, and stays.
 */
void	limits_be_patient(void);

#endif
