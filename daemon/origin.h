/*
 * origin: how many pushes may be under way to each push service, who waits for a slot, and which
 * service is left alone for a while (daemon/breaker.h).
 *
 * A service that has taken a push within the last day may have ORIGIN_TESTED in flight; all others
 * share ORIGIN_UNTESTED_ALL, ORIGIN_UNTESTED each: ten thousand dead hosts cannot starve ten good
 * ones.  After a pause the slots come back one by one.  Times are seconds of the monotonic clock.
 */
#ifndef DAEMON_ORIGIN_H
#define DAEMON_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/breaker.h"

#define ORIGIN_TESTED		32
#define ORIGIN_UNTESTED		2
#define ORIGIN_UNTESTED_ALL	16
#define ORIGIN_TRUST_S		86400
#define ORIGIN_NEVER		INT64_MAX

struct origins;
struct origin;

/* Part of whoever waits; owner is told by origin_next. */
struct origin_waiter {
	struct origin		*origin;	/* NULL: does not wait */
	struct origin_waiter	*next, *prev;
	void			*owner;
	bool			 behind;	/* a verification: comes when nobody else can use the slot */
};

struct origins	*origins_new(void);
void		 origins_free(struct origins *all);

/*
 * The origin of this name ("https://host").  *made: it was not known.  It lives while it is of use:
 * one of origin_start and origin_drop is to follow.
 */
struct origin	*origin_open(struct origins *all, const char *name, int64_t now, bool *made);
void		 origin_drop(struct origin *o, int64_t now);

/* The one that is known by this name, or NULL. */
struct origin	*origin_find(const struct origins *all, const char *name);
/* Whether it has no slot now: then the waiter was put in line. */
bool		 origin_wait(struct origin *o, int64_t now, struct origin_waiter *waiter);

enum origin_start { ORIGIN_WAIT, ORIGIN_STARTED, ORIGIN_PROBE };

/* Takes a slot, to be given back by origin_end; or there is none now, and the waiter is put in line. */
enum origin_start	origin_start(struct origin *o, int64_t now, struct origin_waiter *waiter);

/* What became of the origin by the end of a push. */
struct origin_news {
	enum breaker_change	 change;
	enum breaker_cause	 why;
	int64_t			 pause;		/* seconds from now, of BREAKER_OPENED and _LONGER */
};

/* Gives the slot back.  need: how many accounts have to agree before it is paused. */
struct origin_news	origin_end(struct origin *o, const struct breaker_event *event, unsigned need,
			    int64_t now, uint32_t random);
/* It has taken a push then, as is known from elsewhere: an earlier process. */
void	origin_vouch(struct origin *o, int64_t taken);
/* An earlier process has paused it. */
void	origin_restore(struct origin *o, enum breaker_cause why, int64_t until);

/* The owner of a waiter for whom there may be a slot now, out of its line; NULL: nobody. */
void	*origin_next(struct origins *all, int64_t now);
/* When somebody in line is to be asked about again, since a pause ends; ORIGIN_NEVER. */
int64_t	 origin_wake(const struct origins *all);
/* Leaves the line, where it is in one. */
void	 origin_forget(struct origin_waiter *waiter);

/* For the operator. */
struct origin_view {
	const char	*name;
	size_t		 in_flight, waiting;
	bool		 was_taken;	/* it took a push, last_taken is when */
	int64_t		 last_taken;
	bool		 paused, probing;
	int64_t		 until;		/* of the pause */
	const char	*why;		/* NULL: not paused */
};

/* The origin after o in no order (NULL: the first), or NULL. */
const struct origin	*origin_walk(const struct origins *all, const struct origin *o);
void	origin_show(const struct origin *o, struct origin_view *view);
size_t	origins_paused(const struct origins *all);

#endif
