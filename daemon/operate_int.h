/*
 * operate_int: what the files of the admin verbs share: operate.c (subscriptions and accounts) and
 * keys.c (VAPID keys).
 */
#ifndef DAEMON_OPERATE_INT_H
#define DAEMON_OPERATE_INT_H

#include "daemon/operate.h"
#include "daemon/store.h"

#define OPERATE_SLICE	200	/* subscriptions that a job looks at in one turn */
#define OPERATE_KEYS	64

enum job_kind { JOB_TEST, JOB_LIST, JOB_KEYS, JOB_RETIRE };

/* A verb that takes more than one turn. */
struct job {
	enum job_kind	kind;
	/* All but JOB_TEST walk through the store: behind which subscription to go on. */
	char		account[WIRE_USER_MAX + 1], id[SUB_ID_MAX + 1];
	bool		one_account;		/* of JOB_LIST */
	size_t		tests;			/* under way */
	bool		failed;			/* one of them was not sent */
	char		key[VAPID_ID_LEN + 1];	/* of JOB_RETIRE */
	bool		force;
	uint64_t	used[OPERATE_KEYS];	/* subscriptions of each key; of JOB_RETIRE the first */
};

struct ask {
	struct daemon	*daemon;
	struct peer	*peer;
	const struct wire_request *request;
	char		 account[WIRE_USER_MAX + 1];	/* the first argument, where there is one */
};

void	operate_finish(struct peer *p, int code, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
void	operate_fail(struct peer *p, const struct err *err);
struct job	*operate_job(struct peer *p, enum job_kind kind);

/* The verbs `vapid ...`. */
void	keys_list(struct ask *a);
void	keys_new(struct ask *a);
void	keys_rotate(struct ask *a);
void	keys_retire(struct ask *a);
void	keys_import(struct ask *a);
void	keys_export(struct ask *a);
/* One subscription of a JOB_KEYS or JOB_RETIRE: 0, or -1. */
int	keys_visit(struct daemon *d, struct job *job, struct subscription *sub, struct err *err);
/* All were visited: the answer. */
void	keys_end(struct peer *p);

#endif
