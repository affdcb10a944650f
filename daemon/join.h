/*
 * join: arrivals (what the ENVELOPE is) and saved events (where the message lies) brought together
 * by the delivery token.  In memory, pure: it takes `now`, does no I/O, and hands its decisions to
 * one function.  Presence alone decides, absence never; the table is in docs/design.md, "Join".
 *
 * With hook = milter the content is found by queue id and Message-ID instead.
 *
 * Every message that is told of as saved leads to exactly one notice, and so does every token of an
 * arrival for which less was saved than its `end` says, or no `end` came: one SYNC.  A token that is
 * decided is remembered for arrival_timeout; until then
 *  - an arrival that comes again is acknowledged and does nothing;
 *  - a saved event that comes again does nothing; one that was not there at the decision is told as
 *    a SYNC of its mailbox, and where the token had its SYNC, the notice has user and recipient: it
 *    is superfluous where that recipient's account is that user, else nobody has told that user yet;
 *  - an arrival whose messages were told as SYNCs when nobody knew of it does nothing.
 */
#ifndef DAEMON_JOIN_H
#define DAEMON_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/wire.h"

struct join;

struct join_limits {
	bool	milter;			/* hook = milter */
	bool	locate;			/* false: locate = none */
	int64_t	locate_timeout_ms;
	int64_t	arrival_timeout_ms;
	int64_t	milter_wait_ms;
	size_t	saved_max;		/* 50,000 */
	size_t	milter_max;		/* octets, 64 MiB */
};

/* One notification.  Slices are valid during the call. */
struct join_notice {
	struct slice	user;		/* as Dovecot names it; nil: recipient has to be mapped */
	struct slice	recipient;	/* with a nil user: the address of the SYNC.  With a user: the
					 * account of this address has had its SYNC, see above */
	struct slice	mailbox;	/* nil: unknown */
	struct slice	special_use;
	bool		seen;
	uint32_t	uidvalidity, uid;	/* 0, 0: unknown */
	struct slice	envelope;	/* nil: SYNC */
	unsigned	kind;
	int64_t		accepted_ms;
	struct slice	queue_id, message_id;
	enum envelope_reason reason;	/* why envelope is nil, where an arrival said so */
	const char	*cause;		/* "joined", "no arrival", "no end" ...: for logs and traces */
};

/* Where the decisions go. */
struct join_sink {
	/*
	 * 0: taken and committed, or not worth it; -1: not now (a full disk), it is offered again in
	 * a second, and nothing else before.
	 */
	int	(*notice)(void *arg, const struct join_notice *notice);
	/* All recipients of an arrival are decided, and their notices were taken. */
	void	(*acknowledge)(void *arg, uint64_t peer, uint64_t seq);
	void	*arg;
	/* An arrival's recipient for whom nothing was saved, and who is not rung.  NULL: not of interest. */
	void	(*nothing)(void *arg, const struct join_notice *notice);
};

#define JOIN_KEY	16
#define JOIN_GROUPS_MAX	500000		/* tokens, remembered ones included */
#define JOIN_CLAIMS_MAX	200000		/* recipients of arrivals that wait */
#define JOIN_CONTENT_MAX	((size_t)256 * 1024 * 1024)	/* octets of their ENVELOPEs and ids */

/* key: random octets for the hash tables, so that nobody can choose tokens that collide. */
struct join	*join_new(const struct join_limits *limits, const uint8_t key[JOIN_KEY]);
void		 join_free(struct join *j);
void		 join_limits(struct join *j, const struct join_limits *limits);	/* on reload */

/*
 * Take in what was read.  peer is a number that is never used again: an arrival whose peer has gone
 * is finished as any other, the acknowledgement is then for nobody.  All content is copied.
 * An arrival whose tokens were all decided already is acknowledged at the next join_run.
 * join_arrival returns -1 where a bound is reached (nothing was decided for a long while): the
 * connection is to be ended, and the hook sends it again.
 */
int	join_arrival(struct join *j, uint64_t peer, const struct wire_arrival *a, int64_t now_ms);
void	join_saved(struct join *j, const struct wire_saved *s, int64_t now_ms);
void	join_end(struct join *j, const struct wire_end *e, int64_t now_ms);

/* Decides what can be decided at now_ms, at most `budget` notices in one call; now_ms is monotonic. */
void	join_run(struct join *j, int64_t now_ms, size_t budget, const struct join_sink *sink);
/* When join_run is next to be called, on the same clock (0: at once); INT64_MAX: when something comes
 * in.  It is to be asked anew after each event. */
int64_t	join_next(const struct join *j);
/* SIGTERM: everything that waits is decided now.  What the sink does not take is lost. */
void	join_finish(struct join *j, const struct join_sink *sink);

struct join_counts {
	size_t		waiting_arrivals, waiting_saved;
	size_t		held_arrivals;	/* hook = milter: kept for the deliveries to come */
	uint64_t	joined, sync_no_end, sync_no_arrival, repeated;
	uint64_t	overflow;	/* told early or, while the sink takes nothing, not at all */
};

void	join_count(const struct join *j, struct join_counts *out);

#endif
