/*
 * sender_int: what the sender's files share: sender.c (whom to look at, and when), sender_look.c (what
 * is to be done), sender_push.c (making a push), sender_answer.c (what follows from its answer for the
 * subscription) and sender_judge.c (and for the origin).
 */
#ifndef DAEMON_SENDER_INT_H
#define DAEMON_SENDER_INT_H

#include "daemon/batch.h"
#include "daemon/census.h"
#include "daemon/flood.h"
#include "daemon/guard.h"
#include "daemon/origin.h"
#include "daemon/post.h"
#include "daemon/queue.h"
#include "daemon/sender.h"

#define SENDER_LOOK_AGAIN_MS	(3600 * 1000)	/* no wait is longer without a look: clocks jump */

/* A push under way. */
struct flight {
	bool		 used;
	uint64_t	 number;
	char		 account[WIRE_USER_MAX + 1], id[SUB_ID_MAX + 1];
	char		 host[256];
	struct crowd	*crowd;		/* NULL: a test, which takes no slots */
	struct origin	*origin;	/* as well */
	char		 origin_name[GUARD_ORIGIN_MAX];
	bool		 probe;		/* of an origin that was paused */
	uint64_t	 generation;	/* of the subscription: what was sent to */
	bool		 worked;	/* the subscription has had a 2xx under this key */
	uint64_t	 test_peer;	/* 0: no test */
	size_t		 n;
	struct batch_record *records;	/* those that it stands for */
	size_t		 bucket;
	bool		 with_envelope, verify, acknowledged, high;
	int64_t		 expires;
	char		 key[VAPID_ID_LEN + 1];
};

struct sender {
	struct daemon	*daemon;
	struct queue	*queue;
	struct crowds	*crowds;
	struct origins	*origins;
	struct post	*post;
	struct flood	*flood;
	struct census	*census;
	struct batch	*batch;		/* scratch */
	struct flight	 flights[POST_MAX];
	size_t		 total;		/* records in the outbox */
	int64_t		 ran_s;		/* monotonic: when lines were last looked through */
	bool		 looked_enough;	/* in the last turn: there may be more to look at */
	int64_t		 said_ms;	/* monotonic: the last complaint that a push cannot be made */
};

/* Monotonic seconds, in which origins count. */
int64_t	sender_now(void);

/* The subscription is looked at again after so long, or at once where something new comes. */
void	sender_wait_for(struct sender *s, struct pending *p, int64_t ms);
/* Nothing is sent before, whatever comes. */
void	sender_hold_for(struct sender *s, struct pending *p, int64_t ms);
void	sender_set_count(struct sender *s, struct pending *p, size_t count);
/* It is its turn. */
void	sender_look_at(struct sender *s, struct pending *p);
/* Nothing waits for it any more. */
void	sender_leave(struct sender *s, struct pending *p);

/*
 * Starts a push of what the scratch batch holds, in the slot that was taken at its origin.  The
 * flight; NULL: it was not started, err says why.
 */
struct flight	*sender_start(struct sender *s, struct pending *p, struct subscription *sub,
		    const struct delivery *delivery, const struct guard_endpoint *endpoint,
		    int64_t now_s, struct err *err);
void	sender_end_flight(struct flight *f);
/* The answer of a flight is in: the store, the counters, the log, the queue. */
void	sender_answer(struct sender *s, struct flight *f, const struct post_answer *a);

/* What the answer says of its origin; gives the slot back. */
void	sender_judge(struct sender *s, struct flight *f, const struct post_answer *a);

#endif
