/*
 * hash: FNV-1a of a text, for tables in memory.  Not for what an attacker gains by a collision.
 */
#ifndef DAEMON_HASH_H
#define DAEMON_HASH_H

#include <stdint.h>

static inline uint64_t
hash_text(const char *text)
{
	uint64_t h = 1469598103934665603u;

	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * 1099511628211u;
	return h ^ h >> 29;
}

#endif
