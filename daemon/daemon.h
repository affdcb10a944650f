/*
 * daemon: the parts of mailbelld, made by main.c and used by the modules that tie them together
 * (peers, verbs, notify, sender, operate).  The modules that decide or store do not know it.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lag.h"
#include "daemon/visitors.h"
#include "lib/config.h"
#include "lib/loop.h"

/* How pushes ended, by cause. */
enum answer {
	ANSWER_TAKEN, ANSWER_KEY_REFUSED, ANSWER_GONE, ANSWER_TOO_LARGE, ANSWER_TOO_MANY, ANSWER_4XX,
	ANSWER_503, ANSWER_5XX, ANSWER_TIMEOUT, ANSWER_DNS, ANSWER_CONNECT, ANSWER_TLS, ANSWER_BROKEN,
	ANSWER_GUARD, ANSWERS
};

/* What happened since the start; shown by `mailbell status`. */
struct counters {
	uint64_t	saved, arrivals, notifications;
	uint64_t	silent, quiet, no_subscription;
	uint64_t	sent, later, dropped, gone, expired, collapsed;
	uint64_t	answers[ANSWERS];
	struct lag	lag;		/* of mail that was pushed */
	uint64_t	wrong_hook, lost_by_hooks, bad_frames, refused_peers, store_errors;
};

struct daemon {
	struct config	 config;
	struct loop	*loop;
	struct store	*store;
	struct ece	*ece;
	struct vapid	*vapid;
	struct guard	*guard;
	struct join	*join;
	struct sender	*sender;
	struct silences	*silences;
	struct peers	*peers;
	struct sweep	*sweep;
	struct trace	*trace;
	struct reach	*reach;		/* NULL: nobody asks */
	struct counters	 counters;
	struct visitors	 visitors;
	int64_t		 started;	/* seconds since the epoch */
	int64_t		 wall_less_mono_ms;	/* wall clock less monotonic clock, at the last look */
	int64_t		 distrust_ms;	/* the clock has jumped: ages mean nothing until then (monotonic) */
	size_t		 mail_told;	/* frames of hooks and modules in this turn */
	bool		 want_flush;	/* somebody is to be answered only after store_flush */
};

#endif
