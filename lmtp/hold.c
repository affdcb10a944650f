/*
 * While few recipients are held, acknowledgements lie with the kernel until the next tick: to be woken for
 * each was two of the five times that a message wakes a busy worker.  They can be read also when the
 * daemon has gone since.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/uplink.h"
#include "lmtp/held.h"
#include "lmtp/hold.h"
#include "lmtp/side.h"

#define RECONNECT_MS	1000
#define TELL_LOST_MS	(3600 * 1000)
#define READ_CHUNK	4096
#define HELD_FEW	64	/* recipients whose acknowledgements are not waited for */

struct hold {
	struct sock_addr	 addr;
	struct held_queue	*queue;
	struct side		 daemon;
	struct buf		 out;
	bool			 connected;
	bool			 draining;
	bool			 welcome;	/* the daemon has taken the connection */
	bool			 told;		/* that the daemon is away or refuses */
	int64_t			 next_try_ms;
	uint64_t		 lost;		/* since the last hello */
	uint64_t		 untold;	/* lost, and not in the log yet */
	int64_t			 next_tell_ms;
};

static void	on_ready(void *arg, uint32_t events);

struct hold *
hold_new(struct loop *loop, const struct sock_addr *arrival_socket)
{
	struct hold *h = calloc(1, sizeof(*h));

	if (h == NULL)
		abort();
	h->addr = *arrival_socket;
	h->queue = held_new(HOLD_RECIPIENTS_MAX, HOLD_OCTETS_MAX);
	side_init(&h->daemon, loop, UPLINK_IN_MAX, on_ready, h);
	buf_init(&h->out, UPLINK_OUT_MAX);
	return h;
}

void
hold_free(struct hold *h)
{
	if (h == NULL)
		return;
	side_close(&h->daemon);
	buf_clear(&h->out);
	held_free(h->queue);
	free(h);
}

static void
disconnect(struct hold *h)
{
	side_close(&h->daemon);
	buf_reset(&h->out);
	frameq_rewind(held_frames(h->queue));
	h->connected = h->welcome = false;
}

static void
tell_once(struct hold *h, const char *why)
{
	if (!h->told)
		log_warn("arrival socket: %s; mail goes on, arrivals are held", why);
	h->told = true;
}

/* The end of the connection is told in any case. */
static void
want(struct hold *h)
{
	bool waits = !h->welcome || h->draining || held_recipients(h->queue) >= HELD_FEW;

	side_want(&h->daemon,
	    EPOLLRDHUP | (waits ? EPOLLIN : 0u) | (h->out.len > 0 ? EPOLLOUT : 0u));
}

static void
send_held(struct hold *h)
{
	size_t moved;

	if (!h->connected)
		return;
	do {
		uplink_fill(held_frames(h->queue), &h->out);
		moved = side_write(&h->daemon, &h->out);
	} while (moved > 0 && !h->daemon.deaf);
	want(h);
}

static void
say_hello(struct hold *h)
{
	struct wire_hello hello = {
		.program = slice_of("mailbell-lmtp"),
		.version = slice_of(MAILBELL_VERSION),
		.module_abi = SLICE_NIL,
		.hook = slice_of("lmtp"),
		.lost = h->lost
	};

	wire_put_hello(&h->out, &hello);
	h->lost = 0;
}

static void
start_connecting(struct hold *h)
{
	int fd = sock_connect(&h->addr);

	if (fd < 0) {
		tell_once(h, strerror(errno));
		return;
	}
	side_open(&h->daemon, fd);
	h->connected = true;
	say_hello(h);
	send_held(h);
}

/* 0, or -1 where the connection is to end. */
static int
take_answers(struct hold *h)
{
	bool before = h->welcome;
	struct err err;
	int rc = uplink_take(held_frames(h->queue), &h->daemon.in, &h->welcome, &err);

	if (h->welcome && !before) {
		log_notice("arrival socket: connected, %zu recipients were held",
		    held_recipients(h->queue));
		h->told = false;
	}
	if (rc < 0)
		tell_once(h, err.text);
	return rc;
}

static void
exchange(struct hold *h)
{
	side_read(&h->daemon, READ_CHUNK);
	if (take_answers(h) < 0 || h->daemon.eof) {
		tell_once(h, "the daemon has closed the connection");
		disconnect(h);
		return;
	}
	send_held(h);
}

static void
on_ready(void *arg, uint32_t events)
{
	(void)events;
	exchange(arg);
}

static void
tell_lost(struct hold *h, int64_t now_ms)
{
	if (h->untold == 0 || now_ms < h->next_tell_ms)
		return;
	log_warn("arrival socket: %llu recipients beyond what is held for an absent daemon: "
	    "their devices will not ring", (unsigned long long)h->untold);
	h->untold = 0;
	h->next_tell_ms = now_ms + TELL_LOST_MS;
}

void
hold_put(struct hold *h, const struct wire_arrival *a, const struct wire_recipient *r, size_t n)
{
	uint64_t lost;

	held_put(h->queue, a, r, n);
	lost = held_take_lost(h->queue);
	h->lost += lost;
	h->untold += lost;
	send_held(h);
}

void
hold_tick(struct hold *h, int64_t now_ms)
{
	tell_lost(h, now_ms);
	if (h->connected && held_recipients(h->queue) > 0)
		exchange(h);
	if (h->connected || now_ms < h->next_try_ms)
		return;
	h->next_try_ms = now_ms + RECONNECT_MS;
	start_connecting(h);
}

size_t
hold_recipients(const struct hold *h)
{
	return held_recipients(h->queue);
}

void
hold_drain(struct hold *h)
{
	h->draining = true;
	if (h->connected)
		want(h);
}
