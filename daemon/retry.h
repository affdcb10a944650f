/*
 * retry: what follows from a push service's answer.  Pure: no clock, no store, no I/O.
 * The table is in docs/protocol.md, "The answers of a push service".
 */
#ifndef DAEMON_RETRY_H
#define DAEMON_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* How a POST ended. */
enum push_result {
	PUSH_HTTP,		/* there was a complete answer: status counts */
	PUSH_TIMEOUT, PUSH_DNS, PUSH_CONNECT, PUSH_TLS,
	PUSH_TRANSPORT,		/* the connection broke, or the answer made no sense */
	PUSH_REFUSED		/* our own guard refused every address */
};

/* What the caller knows when the answer is in.  Times are seconds since the epoch. */
struct retry_input {
	enum push_result result;
	int		status;		/* of PUSH_HTTP */
	int64_t		retry_after;	/* seconds from now, -1: none (retry_after_parse) */
	int64_t		now;
	int64_t		expires;	/* end of the TTL of the newest record in the push */
	unsigned	tries;		/* of this push, this one included: 1, 2 ... */
	unsigned	fail_429;	/* 429s in a row of this subscription, this one included */
	bool		verify;		/* a verification push */
	bool		acknowledged;	/* state of the subscription */
	int64_t		first_404;	/* when an unbroken row of 404s began; 0: none */
	unsigned	bucket;		/* 1024, 2641 or 3993: what was sent */
	bool		sync_only;	/* nothing in it but SYNCs */
	uint32_t	random;		/* for the jitter */
};

enum retry_verdict {
	RETRY_DONE,		/* delivered: the records go */
	RETRY_LATER,		/* the records stay until retry_at */
	RETRY_DROP,		/* the records go undelivered; counted */
	RETRY_SHRINK,		/* the same news with size_limit, at once */
	RETRY_DELETE,		/* the subscription is gone: delete it */
	RETRY_QUIET		/* not acknowledged yet: nothing more is sent, it ends with its day */
};

struct retry_output {
	enum retry_verdict verdict;
	/*
	 * RETRY_LATER: when to try again.  RETRY_DROP: where not 0, the wait would have outlived the
	 * records, and nothing else is sent to the subscription before.
	 */
	int64_t		retry_at;
	unsigned	size_limit;	/* of RETRY_SHRINK: its bucket from now on */
	bool		as_sync;	/* of RETRY_SHRINK: no smaller bucket, send SYNCs */
	bool		key_refused;	/* mark the subscription so; a success clears it */
	int64_t		first_404;	/* to be kept */
};

void	retry_decide(const struct retry_input *in, struct retry_output *out);

/*
 * Retry-After (RFC 9110 section 10.2.3), seconds or an HTTP date, as seconds from now.  Garbage,
 * an empty text, one of over 63 octets, and NULL: -1.  What lies in the past: 0.  Large numbers are
 * cut to 2^31 - 1.
 */
int64_t	retry_after_parse(const char *text, int64_t now);

/* The word for logs: "sent", "later", "dropped", "smaller", "gone" or "quiet". */
const char	*retry_verdict_text(enum retry_verdict verdict);
/* "http", "timeout", "dns" ...: the class of an error that may be stored and shown. */
const char	*push_result_text(enum push_result result);

#endif
