/*
 * What a hook may live through with the arrivals that it holds: new ones, a daemon that takes what is
 * sent and acknowledges it in whatever order or says nonsense, and new connections.  An octet is an
 * operation, the next one its argument.
 *	- the bounds hold, and the sums are those of the list;
 *	- every recipient is held, acknowledged or counted as lost, and is held once;
 *	- what is sent is whole frames, oldest first, each once on a connection.
 */
#include "lib/uplink.h"
#include "lmtp/held.h"
#include "tests/fuzz/fuzz.h"

#define RECIPIENTS_MAX	40
#define OCTETS_MAX	20000
#define SEQ_MAX		4096

struct model {
	struct held_queue	*held;
	struct buf		 to_daemon, from_daemon;
	uint64_t		 put, acknowledged, lost;	/* recipients */
	uint64_t		 sent;		/* the last seq that was sent on this connection */
	size_t			 weight[SEQ_MAX];	/* recipients of what was ever seen in the queue */
};

static char blank[8192];

/* Looks at the whole queue: order, sums, bounds; every frame is an arrival of its recipients. */
static void
look(struct model *m)
{
	const struct frameq *q = held_frames(m->held);
	const struct frameq_item *item;
	size_t weight = 0, octets = 0, used, pos, n;
	struct wire_recipient r;
	struct wire_arrival a;
	uint64_t last = 0;
	struct frame f;

	TAILQ_FOREACH(item, &q->list, entry) {
		must(item->seq > last && item->seq < SEQ_MAX && item->weight > 0);
		last = item->seq;
		weight += item->weight;
		octets += sizeof(*item) + item->len;
		must(frame_next(item->frame, item->len, FRAME_MAX, &f, &used) == 1);
		must(used == item->len && wire_get_arrival(&f, &a) == 0 && a.seq == item->seq);
		for (pos = n = 0; wire_recipient(&a, &pos, &r) == 1; n++)
			;
		must(n == item->weight);
		must(m->weight[item->seq] == 0 || m->weight[item->seq] == n);
		m->weight[item->seq] = n;
	}
	must(weight == q->weight && octets == q->octets && weight == held_recipients(m->held));
	must(weight <= RECIPIENTS_MAX && octets <= OCTETS_MAX);
	m->lost += held_take_lost(m->held);
	must(m->put == m->acknowledged + m->lost + weight);
}

static void
op_put(struct model *m, uint8_t arg)
{
	struct wire_recipient r[16];
	struct wire_arrival a = { .envelope = { blank, 1u + arg / 16 * 300u } };
	size_t n = arg % 16;

	for (size_t i = 0; i < n; i++)
		r[i] = (struct wire_recipient){ .address = slice_of("a@example.org"),
			.token = i % 2 == 0 ? slice_of("token") : SLICE_NIL };
	if (arg % 5 == 0)
		a.envelope = SLICE_NIL, a.reason = ENVELOPE_TOO_LONG;
	m->put += n;
	held_put(m->held, &a, r, n);
}

/* What is sent goes on where it stopped: in order, each once. */
static void
op_fill(struct model *m)
{
	struct wire_arrival a;
	struct frame f;
	size_t used;

	uplink_fill(held_frames(m->held), &m->to_daemon);
	must(!m->to_daemon.failed && m->to_daemon.len <= UPLINK_OUT_MAX);
	while (frame_next(m->to_daemon.data, m->to_daemon.len, FRAME_MAX, &f, &used) == 1) {
		must(wire_get_arrival(&f, &a) == 0 && a.seq > m->sent);
		m->sent = a.seq;
		buf_drop(&m->to_daemon, used);
	}
	must(m->to_daemon.len == 0);
}

static void
op_rewind(struct model *m)
{
	frameq_rewind(held_frames(m->held));
	m->sent = 0;
	buf_reset(&m->to_daemon);
	buf_reset(&m->from_daemon);
}

static void
op_acknowledge(struct model *m, uint8_t arg)
{
	struct frameq *q = held_frames(m->held);
	const struct frameq_item *item;
	struct err err = { "" };
	bool welcome = false;

	if (m->from_daemon.len > 0)	/* behind half a frame it would not be one */
		return;
	item = frameq_find(q, arg);
	if (item != NULL)
		m->acknowledged += item->weight;
	wire_put_ack(&m->from_daemon, arg);
	must(uplink_take(q, &m->from_daemon, &welcome, &err) == 0 && !welcome);
	must(frameq_find(q, arg) == NULL && m->from_daemon.len == 0);
}

/* Octets of the input from the daemon: taken, kept until they are whole, or the connection ends. */
static void
op_nonsense(struct model *m, struct slice octets)
{
	const struct frameq *q = held_frames(m->held);
	size_t before = q->weight;
	struct err err = { "" };
	bool welcome = false;

	buf_slice(&m->from_daemon, octets);
	if (uplink_take(held_frames(m->held), &m->from_daemon, &welcome, &err) < 0) {
		must(err.text[0] != '\0');
		m->acknowledged += before - q->weight;
		op_rewind(m);
		return;
	}
	must(q->weight <= before && m->from_daemon.len < 4096);
	m->acknowledged += before - q->weight;
}

static void
step(struct model *m, struct input *in)
{
	uint8_t op = input_octet(in), arg;

	if (op % 8 == 7) {
		op_nonsense(m, input_string(in));
		return;
	}
	arg = input_octet(in);
	switch (op % 8) {
	case 0: case 1: case 2:
		op_put(m, arg);
		break;
	case 3: case 4:
		op_acknowledge(m, arg);
		break;
	case 5:
		op_fill(m);
		break;
	case 6:
		op_rewind(m);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m;
	struct input in = { data, size };

	memset(&m, 0, sizeof(m));
	memset(blank, '(', sizeof(blank));
	m.held = held_new(RECIPIENTS_MAX, OCTETS_MAX);
	buf_init(&m.to_daemon, UPLINK_OUT_MAX);
	buf_init(&m.from_daemon, UPLINK_IN_MAX);
	for (int i = 0; in.n > 0 && i < 1000; i++) {
		step(&m, &in);
		look(&m);
	}
	held_free(m.held);
	buf_clear(&m.to_daemon);
	buf_clear(&m.from_daemon);
	return 0;
}
