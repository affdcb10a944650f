/*
 * sender_int: what the sender's three files share: sender.c (whom to look at, and when),
 * sender_push.c (making a push) and sender_answer.c (what follows from its answer).
 */
#ifndef DAEMON_SENDER_INT_H
#define DAEMON_SENDER_INT_H

#include "daemon/batch.h"
#include "daemon/origin.h"
#include "daemon/post.h"
#include "daemon/queue.h"
#include "daemon/sender.h"

/* A push under way. */
struct flight {
	bool		 used;
	uint64_t	 number;
	char		 account[WIRE_USER_MAX + 1], id[SUB_ID_MAX + 1];
	char		 host[256];
	struct origin	*origin;	/* NULL: a test, which takes no slot */
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
	struct origins	*origins;
	struct post	*post;
	struct batch	*batch;		/* scratch */
	struct flight	 flights[POST_MAX];
	size_t		 total;		/* records in the outbox */
};

/* The subscription is looked at again after so many seconds. */
void	sender_wait_for(struct sender *s, struct pending *p, int64_t seconds);
/* Nothing waits for it any more. */
void	sender_leave(struct sender *s, struct pending *p);

/*
 * Starts a push of what the scratch batch holds, in the slot that was taken at its origin.  0 started;
 * -1 not, err says why.
 */
int	sender_start(struct sender *s, struct pending *p, struct subscription *sub,
	    struct delivery *delivery, const struct guard_endpoint *endpoint, struct origin *origin,
	    int64_t now_s, struct err *err);
void	sender_end_flight(struct flight *f);
/* The answer of a flight is in: the store, the counters, the log, the queue. */
void	sender_answer(struct sender *s, struct flight *f, const struct post_answer *a);

/* The allowance of `burst` pushes at once, then one each burst_interval. */
int64_t	sender_burst_wait(const struct config *c, const struct delivery *delivery, int64_t now_ms);
void	sender_burst_use(const struct config *c, struct delivery *delivery, int64_t now_ms);

#endif
