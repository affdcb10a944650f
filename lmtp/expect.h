/*
 * expect: what the backend is to answer, in order; our own answers stand among them in their place.
 */
#ifndef LMTP_EXPECT_H
#define LMTP_EXPECT_H

#include <stdbool.h>
#include <stddef.h>

enum expect_kind {
	EXPECT_GREETING, EXPECT_LHLO, EXPECT_MAIL, EXPECT_RCPT, EXPECT_DATA, EXPECT_RSET, EXPECT_QUIT,
	EXPECT_OTHER,		/* NOOP, VRFY: nothing hangs on it */
	EXPECT_RECIPIENT,	/* one of the answers after the dot */
	EXPECT_OURS,		/* not the backend's: we say `text` */
	EXPECT_LAST		/* the same, and then the conversation ends */
};

struct expect {
	enum expect_kind kind;
	const char	*text;		/* of OURS and LAST, static */
	char		*address;	/* of RCPT and RECIPIENT, owned */
};

/* All zero: empty. */
struct expect_queue {
	struct expect	*v;
	size_t		 first, n, cap;
};

void	expect_put(struct expect_queue *q, struct expect e);	/* takes e.address over */
/* The first one, or NULL. */
const struct expect *expect_first(const struct expect_queue *q);
/* Takes the first one out; its address is then the caller's. */
struct expect	expect_take(struct expect_queue *q);
void	expect_clear(struct expect_queue *q);

#endif
