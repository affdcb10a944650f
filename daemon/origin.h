/*
 * origin: how many pushes may be under way to each push service, and who waits for a slot.
 *
 * A service that has taken a push within the last day may have ORIGIN_TESTED in flight; all others
 * share ORIGIN_UNTESTED_ALL, ORIGIN_UNTESTED each: ten thousand dead hosts cannot starve ten good
 * ones.
 */
#ifndef DAEMON_ORIGIN_H
#define DAEMON_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORIGIN_TESTED		32
#define ORIGIN_UNTESTED		2
#define ORIGIN_UNTESTED_ALL	16
#define ORIGIN_TRUST_S		86400

struct origins;
struct origin;

/* Part of whoever waits; owner is told by origin_next. */
struct origin_waiter {
	struct origin		*origin;	/* NULL: does not wait */
	struct origin_waiter	*next, *prev;
	void			*owner;
};

struct origins	*origins_new(void);
void		 origins_free(struct origins *all);

/*
 * Takes a slot at the origin (its text, "https://host").  The origin, to be given to origin_end when
 * the push is over; or NULL: there is none now, and waiter has been put in line.
 */
struct origin	*origin_start(struct origins *all, const char *name, int64_t now_s,
		    struct origin_waiter *waiter);
/* Gives the slot back; taken: the service took the push. */
void		 origin_end(struct origins *all, struct origin *o, bool taken, int64_t now_s);
/* The owner of a waiter for whom there may be a slot now, out of its line; NULL: nobody. */
void		*origin_next(struct origins *all, int64_t now_s);
/* Leaves the line, where it is in one. */
void		 origin_forget(struct origin_waiter *waiter);

#endif
