/*
 * Random sequences of what hooks, modules, time and a failing sink may do to the join.  Whatever
 * comes in whatever order:
 *	- every message that was saved leads to exactly one notice;
 *	- every arrival is acknowledged exactly once, and not while a notice of it is refused;
 *	- a recipient whose delivery is not known to have ended is never left without any notice;
 *	- nothing waits at the end.
 *
 * An octet is an operation, the next one its argument.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/join.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKENS		8
#define EVENTS_MAX	200	/* the join keeps apart 256 messages of one token */
#define MINUTE_MS	60000

struct message {
	uint8_t	token;
	int64_t	saved_ms;
	int	told;
};

struct model {
	struct join	*join;
	bool		 milter;
	int64_t		 now_ms;
	bool		 refuses;
	struct message	 messages[EVENTS_MAX];	/* by UID - 1 */
	size_t		 n_messages;
	int		 acknowledged[EVENTS_MAX];	/* by seq */
	size_t		 n_arrivals;
	bool		 arrived[TOKENS], ended[TOKENS], told[TOKENS];
	size_t		 notices;		/* in this run */
};

static void
must(bool claim)
{
	if (!claim)
		abort();
}

static int
on_notice(void *arg, const struct join_notice *n)
{
	struct model *m = arg;
	struct message *message;

	if (m->refuses)
		return -1;
	m->notices++;
	must(n->user.p != NULL || n->recipient.p != NULL);
	if (n->uid == 0) {
		must(n->user.p == NULL && n->envelope.p == NULL && !m->milter);
		m->told[n->recipient.p[0] - '0'] = true;
		return 0;
	}
	must(n->uid <= m->n_messages);
	message = &m->messages[n->uid - 1];
	must(message->told++ == 0);
	must(n->user.p != NULL && n->user.p[0] - '0' == message->token);
	m->told[message->token] = true;
	return 0;
}

static void
on_acknowledge(void *arg, uint64_t peer, uint64_t seq)
{
	struct model *m = arg;

	must(peer == 1 && seq < m->n_arrivals);
	must(m->acknowledged[seq]++ == 0);
}

static void
name_token(char text[3], uint8_t token)
{
	snprintf(text, 3, "%c", '0' + token % TOKENS);
}

static void
save(struct model *m, size_t i)
{
	char token[3];
	struct wire_saved s = { .service = slice_of(i % 5 == 0 ? "lda" : "lmtp"),
		.mailbox = slice_of("INBOX"), .uidvalidity = 1, .uid = (uint32_t)i + 1 };

	name_token(token, m->messages[i].token);
	s.token = s.user = s.queue_id = s.message_id = slice_of(token);
	join_saved(m->join, &s, m->now_ms);
}

static void
op_saved(struct model *m, uint8_t arg)
{
	if (m->n_messages == EVENTS_MAX)
		return;
	m->messages[m->n_messages] = (struct message){ .token = arg % TOKENS, .saved_ms = m->now_ms };
	save(m, m->n_messages++);
}

/* The same event again, while the join must remember it.  (A milter's are never remembered.) */
static void
op_saved_again(struct model *m, uint8_t arg)
{
	size_t i = m->n_messages == 0 ? 0 : arg % m->n_messages;

	if (!m->milter && m->n_messages > 0 && m->now_ms - m->messages[i].saved_ms < 2 * MINUTE_MS)
		save(m, i);
}

static void
op_end(struct model *m, uint8_t arg)
{
	char token[3];
	struct wire_end e = { .n = arg / TOKENS % 4 };

	name_token(token, arg);
	e.token = e.user = slice_of(token);
	m->ended[arg % TOKENS] = true;
	join_end(m->join, &e, m->now_ms);
}

static void
put_arrival(struct model *m, struct buf *b, uint8_t arg)
{
	char first[3], second[3];
	struct wire_arrival a = { .seq = m->n_arrivals, .envelope = slice_of("(E)") };
	struct wire_recipient r;
	size_t start;

	name_token(first, arg);
	name_token(second, arg / TOKENS);
	a.queue_id = a.message_id = slice_of(first);
	start = wire_begin_arrival(b, &a);
	r.address = r.token = slice_of(first);
	wire_put_recipient(b, &r);
	r.address = r.token = slice_of(second);
	wire_put_recipient(b, &r);
	if (arg & 0x80) {
		r.token = SLICE_NIL;
		wire_put_recipient(b, &r);
	}
	wire_end_arrival(b, start);
}

static void
op_arrival(struct model *m, uint8_t arg)
{
	struct wire_arrival a;
	struct frame f;
	struct buf b;
	size_t used;

	if (m->n_arrivals == EVENTS_MAX)
		return;
	buf_init(&b, FRAME_MAX);
	put_arrival(m, &b, arg);
	must(frame_next(b.data, b.len, FRAME_MAX, &f, &used) == 1 && wire_get_arrival(&f, &a) == 0);
	m->n_arrivals++;
	m->arrived[arg % TOKENS] = m->arrived[arg / TOKENS % TOKENS] = true;
	must(join_arrival(m->join, 1, &a, m->now_ms) == 0);
	buf_clear(&b);
}

static void
op_run(struct model *m, uint8_t arg, bool refuses)
{
	struct join_sink sink = { on_notice, on_acknowledge, m, NULL };
	size_t budget = arg % 8 + 1;

	m->refuses = refuses;
	m->notices = 0;
	join_run(m->join, m->now_ms, budget, &sink);
	must(m->notices <= budget);
}

static void
step(struct model *m, uint8_t op, uint8_t arg)
{
	switch (op % 8) {
	case 0:
		op_saved(m, arg);
		break;
	case 1:
		op_saved_again(m, arg);
		break;
	case 2:
		op_end(m, arg);
		break;
	case 3:
		op_arrival(m, arg);
		break;
	case 4:
		op_run(m, arg, false);
		break;
	case 5:
		op_run(m, arg, true);
		break;
	case 6:
		m->now_ms += arg * 100;
		break;
	default:
		m->now_ms += arg * 1000;
	}
}

/* Lets time pass as the join asks for it, until nothing is left to wait for. */
static void
drain(struct model *m)
{
	int64_t next;

	for (int i = 0; (next = join_next(m->join)) != INT64_MAX; i++) {
		must(i < 100000);
		if (next > m->now_ms)
			m->now_ms = next;
		op_run(m, 7, false);
	}
}

static void
judge(const struct model *m)
{
	struct join_counts counts;

	for (size_t i = 0; i < m->n_messages; i++)
		must(m->messages[i].told == 1);
	for (size_t i = 0; i < m->n_arrivals; i++)
		must(m->acknowledged[i] == 1);
	for (int t = 0; t < TOKENS && !m->milter; t++)
		must(!m->arrived[t] || m->ended[t] || m->told[t]);
	join_count(m->join, &counts);
	must(counts.waiting_arrivals == 0 && counts.waiting_saved == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[JOIN_KEY];
	struct join_limits limits = { .locate_timeout_ms = 2000, .arrival_timeout_ms = 2 * MINUTE_MS,
		.milter_wait_ms = 60 * MINUTE_MS, .saved_max = 50000, .milter_max = 1 << 20 };
	struct model m = { 0 };
	struct join_sink sink = { on_notice, on_acknowledge, &m, NULL };

	if (size < 1)
		return 0;
	m.milter = limits.milter = (data[0] & 1) != 0;
	limits.locate = (data[0] & 2) == 0;
	m.join = join_new(&limits, key);
	for (size_t i = 1; i + 1 < size && i < 2 * EVENTS_MAX; i += 2)
		step(&m, data[i], data[i + 1]);
	m.refuses = false;
	if (data[0] & 4)
		join_finish(m.join, &sink);
	else
		drain(&m);
	judge(&m);
	join_free(m.join);
	return 0;
}
