/*
 * clock: the two clocks.  Waits run by the monotonic one and are stored as wall-clock time.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>

int64_t	clock_mono_ms(void);
int64_t	clock_wall_ms(void);	/* since the epoch */
int64_t	clock_wall_s(void);

#endif
