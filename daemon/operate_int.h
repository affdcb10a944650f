/*
 * operate_int: what the files of the admin verbs share: operate.c (the table, jobs), operate_sub.c
 * (subscriptions and accounts), operate_add.c (the same, in a user's place), operate_preview.c,
 * operate_queue.c, operate_export.c, operate_import.c, operate_trace.c, operate_stats.c, reach.c and
 * keys.c (VAPID keys).
 */
#ifndef DAEMON_OPERATE_INT_H
#define DAEMON_OPERATE_INT_H

#include "daemon/operate.h"
#include "daemon/store.h"

#define OPERATE_SLICE	200	/* records that a job looks at in one turn */

enum job_state {
	JOB_OVER,	/* the answer was given */
	JOB_GOES_ON,	/* there is more to say, as soon as there is room */
	JOB_WAITS	/* for something else */
};

/* What a verb that takes more than one turn does. */
struct job_kind {
	/* The next slice; NULL: there are none. */
	enum job_state	(*slice)(struct peer *p);
	/* What the peer says meanwhile: 0, or -1 where that is bad; NULL: it has nothing to say. */
	int		(*frame)(struct peer *p, const struct frame *f);
	/* Frees what the job holds beside itself; NULL: nothing. */
	void		(*clear)(struct peer *p);
};

/* The first member of the verb's own struct, which operate_job makes and the peer owns. */
struct job {
	const struct job_kind	*kind;
	enum job_state		 state;
};

struct ask {
	struct daemon	*daemon;
	struct peer	*peer;
	const struct wire_request *request;
	char		 account[WIRE_USER_MAX + 1];	/* the first argument, where that is a user */
};

void	operate_finish(struct peer *p, int code, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
void	operate_fail(struct peer *p, const struct err *err);
/* Whether the peer may see secrets; else it was told that it may not see these. */
bool	operate_is_root(struct ask *a, const char *what);
/* An argument as text; false where it is too long. */
bool	operate_text(struct slice arg, char *out, size_t size);
/* Reads the subscription that the arguments USER ID name.  false: the answer was given. */
bool	operate_find(struct ask *a, struct subscription *sub);
/* A job of size octets, all zero. */
void	*operate_job(struct peer *p, const struct job_kind *kind, size_t size);

/* A walk through all subscriptions, or those of one account. */
struct walk {
	char	account[WIRE_USER_MAX + 1], id[SUB_ID_MAX + 1];	/* behind which to go on */
	bool	one_account;
};

/*
 * Visits the next OPERATE_SLICE subscriptions while there is room; visit returns 0 or -1.
 * 1: it goes on, 0: all were visited, -1.
 */
int	operate_walk(struct peer *p, struct walk *w,
	    int (*visit)(struct peer *p, struct subscription *sub, struct err *err), struct err *err);

/* The verbs. */
void	sub_list(struct ask *a);
void	sub_show(struct ask *a);
void	sub_remove(struct ask *a);
void	sub_revoke(struct ask *a);
void	sub_test(struct ask *a);
void	sub_account(struct ask *a);
void	sub_accounts(struct ask *a);
void	sub_silence(struct ask *a);
void	sub_add(struct ask *a);
void	sub_preview(struct ask *a);
void	outbox_list(struct ask *a);
void	outbox_flush(struct ask *a);
void	outbox_drop(struct ask *a);
void	records_export(struct ask *a);
void	records_import(struct ask *a);
void	daemon_stats(struct ask *a);
void	services_reach(struct ask *a);
void	message_trace(struct ask *a);
void	keys_list(struct ask *a);
void	keys_new(struct ask *a);
void	keys_rotate(struct ask *a);
void	keys_retire(struct ask *a);
void	keys_import(struct ask *a);
void	keys_export(struct ask *a);

#endif
