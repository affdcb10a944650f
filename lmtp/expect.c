#include <stdlib.h>
#include <string.h>

#include "lmtp/expect.h"

/* Makes room behind the last: by moving down what is there, or by growing. */
static void
make_room(struct expect_queue *q)
{
	if (q->first > 0 && q->first >= q->n) {
		memmove(q->v, q->v + q->first, q->n * sizeof(*q->v));
		q->first = 0;
		return;
	}
	q->cap = q->cap == 0 ? 16 : q->cap * 2;
	q->v = reallocarray(q->v, q->cap, sizeof(*q->v));
	if (q->v == NULL)
		abort();
}

void
expect_put(struct expect_queue *q, struct expect e)
{
	if (q->first + q->n == q->cap)
		make_room(q);
	q->v[q->first + q->n++] = e;
}

const struct expect *
expect_first(const struct expect_queue *q)
{
	return q->n == 0 ? NULL : &q->v[q->first];
}

struct expect
expect_take(struct expect_queue *q)
{
	struct expect e = q->v[q->first++];

	if (--q->n == 0)
		q->first = 0;
	return e;
}

void
expect_clear(struct expect_queue *q)
{
	while (q->n > 0)
		free(expect_take(q).address);
	free(q->v);
	memset(q, 0, sizeof(*q));
}
