/*
 * crowd: how many pushes of one account may be under way, and who waits for one of them to end: one
 * account, with a thousand endpoints that hang, leaves the others their slots.
 */
#ifndef DAEMON_CROWD_H
#define DAEMON_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#define CROWD_MAX	8

struct crowds;
struct crowd;

/* Part of whoever waits; owner is told by crowd_next. */
struct crowd_waiter {
	struct crowd		*crowd;		/* NULL: does not wait */
	TAILQ_ENTRY(crowd_waiter) entry;
	void			*owner;
};

struct crowds	*crowds_new(void);
void		 crowds_free(struct crowds *all);

/*
 * Takes a slot of the account's, to be given back by crowd_leave.  NULL: there is none now, and the
 * waiter, which did not wait, is put in line.
 */
struct crowd	*crowd_enter(struct crowds *all, const char *account, struct crowd_waiter *waiter);
void		 crowd_leave(struct crowd *c);
/* Whether the account has no slot now: then the waiter was put in line. */
bool		 crowd_wait(struct crowds *all, const char *account, struct crowd_waiter *waiter);

/*
 * The owner of the first in line of an account that has a slot now, out of its line; accounts take
 * turns.  NULL: nobody.  The slot is not taken by that.
 */
void	*crowd_next(struct crowds *all);
/* Whether crowd_next has somebody. */
bool	 crowd_due(const struct crowds *all);
/* Leaves the line, where it is in one. */
void	 crowd_forget(struct crowd_waiter *waiter);

/* Accounts that are known: those with a push under way, or somebody in line. */
size_t	 crowds_count(const struct crowds *all);

#endif
