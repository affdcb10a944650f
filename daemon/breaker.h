/*
 * breaker: whether a push service as a whole is to be left alone for a while.  Pure.
 *
 * An answer is evidence about one subscription; about an origin it speaks only together with those of
 * others, since any account holder can have an endpoint made to fail (docs/protocol.md).  Witnesses
 * are acknowledged subscriptions of three accounts, or of all that have one there, where there are
 * fewer:
 *
 *	unreachable	5 failures in a row (DNS, connect, TLS, timeout)
 *	busy		429, or 503 with Retry-After, within a minute
 *	key refused	401 or 403 to subscriptions that had a 2xx under this key, with no 2xx between
 *
 * Then the origin is paused, probed with one push, and paused anew or sent to again.
 */
#ifndef DAEMON_BREAKER_H
#define DAEMON_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_WITNESSES	3
#define BREAKER_FAILURES	5	/* in a row */
#define BREAKER_WINDOW_S	60	/* of busy */
#define BREAKER_PAUSE_MIN_S	60
#define BREAKER_PAUSE_MAX_S	600
#define BREAKER_ASKED_MAX_S	86400	/* of Retry-After, for an origin */
#define BREAKER_PROBES		8	/* accounts whose failed probe is remembered */

enum breaker_cause { BREAKER_UNREACHABLE, BREAKER_BUSY, BREAKER_KEY_REFUSED, BREAKER_CAUSES };

enum breaker_outcome {
	BREAKER_TAKEN,		/* a 2xx */
	BREAKER_ANSWERED,	/* any other answer that blames nothing but the subscription */
	BREAKER_FAILED,		/* cause says what it blames the origin for */
	BREAKER_NOTHING		/* nothing was learnt */
};

struct breaker_event {
	enum breaker_outcome outcome;
	enum breaker_cause cause;	/* of BREAKER_FAILED */
	uint64_t	account;	/* a hash; 0: not acknowledged, which is no witness */
	int64_t		retry_after;	/* seconds, 0 or less: none */
	bool		probe;		/* this push was the probe */
};

struct breaker_witness {
	uint64_t	account;
	int64_t		at;
	int64_t		asked;		/* Retry-After, 0: none */
};

/* All zero: closed. */
struct breaker {
	struct breaker_witness witness[BREAKER_CAUSES][BREAKER_WITNESSES];
	unsigned	row;		/* failures to reach it */
	bool		paused, probing;
	enum breaker_cause why;
	int64_t		until;		/* of the pause */
	int64_t		length;		/* of the last pause */
	uint64_t	probed[BREAKER_PROBES];	/* accounts whose probes failed, in this outage */
	unsigned	n_probed;
};

enum breaker_change { BREAKER_SAME, BREAKER_OPENED, BREAKER_LONGER, BREAKER_CLOSED };

/*
 * Takes in how a push ended.  need: how many accounts have to agree (1 to BREAKER_WITNESSES).  now is
 * in seconds of any clock that does not jump; random is for the jitter.
 */
enum breaker_change	breaker_note(struct breaker *b, const struct breaker_event *e, unsigned need,
			    int64_t now, uint32_t random);
/* Whether one more push may start.  Where the origin is paused, and its time is over: as the probe. */
bool	breaker_allows(const struct breaker *b, int64_t now);
/* A push starts; true: it is the probe. */
bool	breaker_start(struct breaker *b);
/* Paused until then: what an earlier process knew. */
void	breaker_restore(struct breaker *b, enum breaker_cause why, int64_t until);
/* Whether nothing has to be remembered. */
bool	breaker_idle(const struct breaker *b, int64_t now);
/* "unreachable", "busy", "key refused". */
const char	*breaker_cause_text(enum breaker_cause cause);

#endif
