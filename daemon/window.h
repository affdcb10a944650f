/*
 * window: what an account may ask for in an hour and in a day: verification pushes, which can be aimed
 * at others, and guesses at tokens.  Pure; the counts are stored with the account.
 */
#ifndef DAEMON_WINDOW_H
#define DAEMON_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store.h"

#define WINDOW_VERIFY_HOUR	10
#define WINDOW_VERIFY_DAY	30
#define WINDOW_WRONG_HOUR	10

/* Seconds until the account may have another verification push; 0: now. */
int64_t	window_verify_wait(struct account *a, int64_t now_s);
void	window_verify_count(struct account *a);
/* Whether no more tokens of this account are looked at, within the hour. */
bool	window_wrong_full(struct account *a, int64_t now_s);
void	window_wrong_count(struct account *a);

#endif
