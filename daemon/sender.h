/*
 * sender: from the outbox to the push services and back (docs/protocol.md, "The POST").
 *
 * One push per subscription is under way at a time.  What the answer means is decided by retry.h; what
 * follows is committed to the store.
 */
#ifndef DAEMON_SENDER_H
#define DAEMON_SENDER_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/daemon.h"
#include "daemon/origin.h"
#include "daemon/store.h"
#include "lib/err.h"

struct sender;

/* Reads the outbox: what a killed daemon left is sent. */
struct sender	*sender_new(struct daemon *d, struct err *err);
void		 sender_free(struct sender *s);
/* The guard has changed (reload). */
void		 sender_reload(struct sender *s);

/* n records were committed to the outbox of this subscription. */
void	sender_added(struct sender *s, uint64_t number, size_t n);
/* Something else about its outbox has changed: it is to be looked at. */
void	sender_look(struct sender *s, uint64_t number);
/* The subscription was deleted with its records. */
void	sender_forget(struct sender *s, uint64_t number);
/* Records of one subscription, and of all. */
size_t	sender_waiting(const struct sender *s, uint64_t number);
size_t	sender_total(const struct sender *s);
/* When the oldest of all was accepted (milliseconds since the epoch); 0: nothing waits. */
int64_t	sender_oldest(const struct sender *s);
size_t	sender_in_flight(const struct sender *s);
const struct origins	*sender_origins(const struct sender *s);
/* Whether a push that is under way stands for this record. */
bool	sender_covers(const struct sender *s, uint64_t number, uint64_t sequence);
/* Seconds until the subscription's next try, 0: now, -1: nothing waits. */
int64_t	sender_wait(const struct sender *s, uint64_t number);

/*
 * `mailbell test`: a SYNC to this subscription now, whatever waits; the outcome is told to
 * operate_tested(peer).  0 started, -1 and *why (static).
 */
int	sender_test(struct sender *s, struct subscription *sub, uint64_t peer, const char **why);

void	sender_run(struct sender *s, int64_t now_ms);
int64_t	sender_next(const struct sender *s);

#endif
