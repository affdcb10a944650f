/*
 * Every answer is held back equally long, so the list is in order by itself.
 */
#include <stdlib.h>

#include "lib/clock.h"
#include "tests/bench/sink/sink.h"

struct later {
	struct later	*next;
	struct conn	*conn;
	int32_t		 stream;
	int64_t		 due_ms;
};

void
later_put(struct sink *sink, struct conn *c, int32_t stream)
{
	struct later *l = malloc(sizeof(*l));

	if (l == NULL)
		abort();
	*l = (struct later){ NULL, c, stream, clock_mono_ms() + sink->options.delay_ms };
	c->owed++;
	if (sink->first == NULL)
		sink->first = l;
	else
		sink->last->next = l;
	sink->last = l;
}

int64_t
later_run(struct sink *sink)
{
	int64_t now_ms = clock_mono_ms();
	struct later *l;

	while ((l = sink->first) != NULL && l->due_ms <= now_ms) {
		sink->first = l->next;
		l->conn->owed--;
		if (l->conn->over) {
			conn_let_go(l->conn);
		} else {
			conn_answer(l->conn, l->stream);
			conn_flush(l->conn);
		}
		free(l);
	}
	return l == NULL ? -1 : l->due_ms - now_ms;
}
