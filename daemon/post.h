/*
 * post: HTTPS POSTs by libcurl, on kept connections (RFC 8030 section 5).
 *
 * Whatever the settings, no redirect is followed, nothing but https leaves, no proxy is used, TLS is
 * verified, and every address passes the guard before its socket is made.  Endpoints that
 * endpoint_allow trusts use connections of their own, so that no other endpoint is ever sent over a
 * connection whose address was not checked.
 */
#ifndef DAEMON_POST_H
#define DAEMON_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/guard.h"
#include "daemon/retry.h"
#include "lib/config.h"
#include "lib/loop.h"

#define POST_MAX		64	/* in flight */
#define POST_CONNECT_S		5
#define POST_TOTAL_S		15
#define POST_RETRY_AFTER_MAX	64

struct post;

/* loop, guard and config are borrowed and must outlive the post. */
struct post	*post_new(struct loop *loop, const struct guard *guard, const struct config *c,
		    struct err *err);
/* Ends what is in flight without an answer. */
void		 post_free(struct post *p);

/* The guard was replaced (reload). */
void		 post_guard(struct post *p, const struct guard *guard);

struct post_request {
	void		*owner;		/* handed back with the answer */
	const char	*url;
	bool		 trusted;
	bool		 probe;		/* a HEAD, to see what the way there is like */
	const char	*authorization;
	int64_t		 ttl_s;
	const char	*urgency;
	const char	*topic;		/* NULL: none */
	const uint8_t	*body;
	size_t		 len;
};

/* Starts a POST; everything is copied.  0, or -1 where POST_MAX are in flight or memory is out. */
int	post_start(struct post *p, const struct post_request *request);

struct post_answer {
	void		*owner;
	enum push_result result;
	int		 status;	/* of PUSH_HTTP */
	char		 retry_after[POST_RETRY_AFTER_MAX];	/* "": none */
};

/* The next answer that is in.  1, or 0. */
int	post_take(struct post *p, struct post_answer *answer);
/* Lets libcurl's timers run; post_next says when that is due (monotonic, ms; INT64_MAX: never). */
void	post_run(struct post *p, int64_t now_ms);
int64_t	post_next(const struct post *p);
size_t	post_in_flight(const struct post *p);

#endif
