/*
 * token: randomness, verification tokens and their hashes.
 */
#ifndef DAEMON_TOKEN_H
#define DAEMON_TOKEN_H

#include <stdint.h>

#include "lib/slice.h"

#define TOKEN_LEN	36	/* characters of a UUID */
#define TOKEN_HASH	32
#define TOKEN_TOPIC	24	/* characters of a Topic; RFC 8030 allows 32 */

/* Aborts where the system has no randomness: nothing here may go on without. */
void	token_random(void *out, size_t len);
/* A version 4 UUID (122 random bits) with its NUL. */
void	token_make(char out[TOKEN_LEN + 1]);
/* 0, or -1 where text is no UUID; upper case is taken as lower case. */
int	token_hash(struct slice text, uint8_t hash[TOKEN_HASH]);
/* In constant time: 1 equal, 0 not. */
int	token_equal(const uint8_t a[TOKEN_HASH], const uint8_t b[TOKEN_HASH]);
void	token_topic(char out[TOKEN_TOPIC + 1]);

#endif
