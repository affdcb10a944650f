/*
 * store: what must last: subscriptions, their deliveries, the outbox, a few facts.
 *
 * One process opens it (an exclusive lock on state_dir/lock), one thread uses it.  No type of the
 * database engine shows here, so that another engine can replace store.c.
 *
 * A group of changes stands between store_begin and store_commit; reads inside see them.  A commit
 * survives the death of the process, and so do all before it; store_flush makes all commits so far
 * survive a power cut, too (subscriptions are flushed before a client is told OK).  What nobody is told
 * of before the turn of the loop is over may end with store_commit_later: it is there or not, as a whole,
 * when the process dies, and survives that after store_write.  Look-ups return 1 found, 0 not there, -1
 * error; changes 0 or -1.  After an error inside a group the group can only be aborted; a commit of
 * it fails, and a commit that fails has aborted.  So a group is there whole or not at all.
 * A full disk is an error like any other and heals by itself; store_broken tells when it is not.
 *
 * What this version cannot read (a newer one wrote it) is kept as it is: subscriptions are shown as
 * SUB_NEWER, deliveries and outbox records are passed over, and a put over any of them is an error.
 */
#ifndef DAEMON_STORE_H
#define DAEMON_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/ece.h"
#include "daemon/guard.h"
#include "daemon/token.h"
#include "daemon/vapid.h"
#include "lib/err.h"
#include "lib/wire.h"

#define SUB_ID_MAX	64
#define SUB_TOKENS	10
#define STORE_ENVELOPE_MAX	4096	/* octets of any text in an outbox record */

struct store;

/*
 * Makes state_dir (0700) and an empty store in it (mailbelld --init).  An existing store is an error.
 * Killed half-way it leaves no store; a second call makes it.
 */
int		 store_init(const char *state_dir, struct err *err);
/* Recovery, then open.  NULL: err says why (another daemon runs, no store, wrong rights ...). */
struct store	*store_open(const char *state_dir, struct err *err);
void		 store_close(struct store *s);

int	store_begin(struct store *s, struct err *err);
int	store_commit(struct store *s, struct err *err);
int	store_commit_later(struct store *s, struct err *err);
void	store_abort(struct store *s);
int	store_write(struct store *s, struct err *err);
int	store_flush(struct store *s, struct err *err);
/* Housekeeping, once a minute and when 16 MB of log have come: 0, or -1. */
int	store_checkpoint(struct store *s, struct err *err);
bool	store_checkpoint_due(const struct store *s);
/* The environment is lost for this process (DB_RUNRECOVERY): exit and be started again. */
bool	store_broken(const struct store *s);
/* Reads every record of every database; 0, or -1 with the first fault (mailbelld --verify).  What a
 * newer version wrote is no fault. */
int	store_verify(struct store *s, struct err *err);

enum sub_state { SUB_UNACKNOWLEDGED, SUB_ACTIVE, SUB_NEWER /* written by a newer version: only shown */ };
enum sub_topic { TOPIC_SYNC, TOPIC_VERIFY, TOPIC_VAPID, TOPICS };

struct sub_token {
	uint8_t	hash[TOKEN_HASH];
	int64_t	expires;
};

/* What the client gave and was told.  Key: account, id. */
struct subscription {
	char		account[WIRE_USER_MAX + 1];
	char		id[SUB_ID_MAX + 1];
	uint64_t	number;		/* unique for ever; 0: to be given by store_sub_put */
	uint64_t	generation;	/* grows with every change of what the client gave */
	enum sub_state	state;	/* SUB_NEWER: only account and id have a meaning */
	char		endpoint[GUARD_ENDPOINT_MAX + 1];	/* as registered */
	char		normal[GUARD_ENDPOINT_MAX + 64];	/* its normal form */
	uint8_t		point[ECE_POINT];	/* p256dh */
	uint8_t		auth[ECE_AUTH];
	char		key[VAPID_ID_LEN + 1];	/* the VAPID key its pushes are signed by */
	size_t		n_tokens;
	struct sub_token tokens[SUB_TOKENS];	/* oldest first */
	char		topic[TOPICS][TOKEN_TOPIC + 1];
	int64_t		created, refreshed, acknowledged;	/* 0: never */
	int64_t		inactive_since;	/* creation, change or deactivation; 0: active */
};

int	store_sub_get(struct store *s, const char *account, const char *id, struct subscription *out,
	    struct err *err);
/* By number, through its delivery record.  SUB_NEWER: number has a meaning, account may be empty. */
int	store_sub_number(struct store *s, uint64_t number, struct subscription *out, struct err *err);
/*
 * New or changed.  Where sub->number is 0 it must be new (an existing one is an error): gives it a
 * number and an empty delivery record.
 */
int	store_sub_put(struct store *s, struct subscription *sub, struct err *err);
/*
 * Overwrites with zeros, then erases: the subscription, its delivery and all its outbox records.
 * Of one that cannot be read (SUB_NEWER, number 0) only the subscription itself.  Not there: 0.
 */
int	store_sub_del(struct store *s, const struct subscription *sub, struct err *err);
/*
 * The first subscription behind (account, id) in the order of account, id: of all accounts, starting
 * with ("", ""), or of this one, starting with id "".  Both texts may lie in *out.
 */
int	store_sub_next(struct store *s, const char *account, const char *id, struct subscription *out,
	    struct err *err);
int	store_sub_of(struct store *s, const char *account, const char *id, struct subscription *out,
	    struct err *err);

/* How many there are, kept in memory; inside a group as it stands. */
int64_t	store_sub_count(const struct store *s);

/* What changes with each push.  Key: number. */
struct delivery {
	uint64_t	number;
	char		account[WIRE_USER_MAX + 1];	/* whose it is */
	char		id[SUB_ID_MAX + 1];
	int64_t		last_success, last_try;		/* 0: never */
	uint32_t	last_result;	/* enum push_result */
	uint32_t	last_status;	/* HTTP, 0: none */
	uint32_t	failures;	/* in a row */
	int64_t		failing_since;	/* 0: not failing */
	int64_t		wait_until;	/* nothing is sent before */
	int64_t		first_404;
	uint32_t	fail_429;
	uint32_t	tries;		/* of the push that waits */
	uint32_t	size_limit;	/* bucket learnt from 413; 0: none */
	bool		as_sync;	/* even the smallest bucket with an ENVELOPE was refused */
	bool		key_refused;
	bool		quieted;	/* unacknowledged, and its endpoint is gone */
	int64_t		verify_sent;	/* when the last verification was queued */
	int64_t		burst_ms;	/* token bucket: when it will be full again */
	int64_t		high_since;	/* the hour of high_count */
	uint32_t	high_count;
	uint32_t	unseen;		/* ENVELOPE pushes since the account was last seen */
	int64_t		unseen_sync;	/* when the last SYNC of that state went out */
	int64_t		silent_until;	/* timed silence; 0: none */
	uint64_t	told_key;	/* the VAPID key that a `* VAPID` last named (its id as a number) */
	int64_t		told_time;	/* when; 0: never */
	uint32_t	told_count;	/* how often that one */
};

int	store_delivery_get(struct store *s, uint64_t number, struct delivery *out, struct err *err);
/* With its subscription; 0 where either is not there. */
int	store_delivery_both(struct store *s, uint64_t number, struct delivery *out,
	    struct subscription *sub, struct err *err);
int	store_delivery_put(struct store *s, const struct delivery *d, struct err *err);

enum outbox_type { OUTBOX_MAIL, OUTBOX_SYNC, OUTBOX_VERIFY, OUTBOX_VAPID, OUTBOX_DIGEST };
#define OUTBOX_NEVER	INT64_MAX	/* due of a digest whose silence hangs on a connection */

enum urgency { URGENCY_LOW, URGENCY_NORMAL, URGENCY_HIGH };

/* Key: number, sequence.  Slices are borrowed by put; what get and next return is valid until the
 * next call of the store. */
struct outbox_record {
	uint64_t	number, sequence;	/* sequence 0: to be given by put */
	uint64_t	generation;
	enum outbox_type type;
	enum urgency	urgency;
	int64_t		due;		/* seconds since the epoch */
	int64_t		expires;
	int64_t		accepted_ms;
	struct slice	mailbox;	/* nil: the whole account */
	uint32_t	uidvalidity, uid;
	struct slice	envelope;	/* nil: SYNC */
	struct slice	queue_id;
	struct slice	text;		/* OUTBOX_VAPID: the new key's id */
	uint32_t	tries;
};

int	store_outbox_put(struct store *s, struct outbox_record *r, struct err *err);
int	store_outbox_get(struct store *s, uint64_t number, uint64_t sequence, struct outbox_record *out,
	    struct err *err);
int	store_outbox_del(struct store *s, uint64_t number, uint64_t sequence, struct err *err);
/* The first record behind (number, sequence): of all, starting with (0, 0), or of this number. */
int	store_outbox_next(struct store *s, uint64_t number, uint64_t sequence,
	    struct outbox_record *out, struct err *err);
int	store_outbox_of(struct store *s, uint64_t number, uint64_t sequence,
	    struct outbox_record *out, struct err *err);

/* What is kept of an account.  All zero: nothing is stored. */
struct account {
	char		name[WIRE_USER_MAX + 1];
	int		content;	/* -1: the site's; else enum config_content */
	int64_t		hour_start, day_start;	/* verification pushes asked for */
	uint32_t	hour_count, day_count;
	int64_t		wrong_start;		/* wrong tokens */
	uint32_t	wrong_count;
};

/* Fills out with defaults, and returns 0, where nothing is stored. */
int	store_account_get(struct store *s, const char *name, struct account *out, struct err *err);
int	store_account_put(struct store *s, const struct account *a, struct err *err);
/* The first account behind name ("" at first) of which something is stored. */
int	store_account_next(struct store *s, const char *name, struct account *out, struct err *err);

/* Counters that must last, and other small numbers, by name. */
int	store_number_get(struct store *s, const char *name, int64_t *value, struct err *err);
int	store_number_put(struct store *s, const char *name, int64_t value, struct err *err);

#endif
