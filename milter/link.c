/*
 * Everything happens under one mutex, and nothing under it waits: the socket does not block, and
 * connecting a UNIX socket succeeds or fails at once.  Acknowledgements are read by the next message
 * that ends; what was sent last may stay held until then, which costs nothing.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/uplink.h"
#include "milter/link.h"

#define RECONNECT_MS	1000
#define TELL_LOST_MS	(3600 * 1000)
#define READS_MAX	64	/* at a time; acknowledgements of all that may be held fit into them */

struct link {
	pthread_mutex_t	 lock;
	struct sock_addr addr;
	int		 fd;		/* -1: not connected */
	struct frameq	 held;
	struct buf	 out, in, frame;	/* fixed, in memory that follows */
	bool		 welcome;	/* the daemon has taken the connection */
	uint64_t	 seq;
	bool		 told;		/* that the daemon is away or refuses */
	int64_t		 next_try_ms;
	uint64_t	 lost;		/* since the last hello */
	uint64_t	 untold;	/* lost, and not in the log yet */
	int64_t		 next_tell_ms;
	uint8_t		 out_memory[UPLINK_OUT_MAX];
	uint8_t		 in_memory[UPLINK_IN_MAX];
	uint8_t		 frame_memory[FRAME_MAX + 4];
};

struct link *
link_new(const struct sock_addr *arrival_socket, struct err *err)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL || pthread_mutex_init(&l->lock, NULL) != 0) {
		free(l);
		err_set(err, "out of memory");
		return NULL;
	}
	l->addr = *arrival_socket;
	l->fd = -1;
	frameq_init(&l->held);
	buf_fixed(&l->out, l->out_memory, sizeof(l->out_memory));
	buf_fixed(&l->in, l->in_memory, sizeof(l->in_memory));
	buf_fixed(&l->frame, l->frame_memory, sizeof(l->frame_memory));
	return l;
}

/* What follows is called with the lock held. */

static void
disconnect(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->welcome = false;
	buf_reset(&l->out);
	buf_reset(&l->in);
	frameq_rewind(&l->held);
}

static void
tell_once(struct link *l, const char *why)
{
	if (!l->told)
		log_warn("arrival socket: %s; mail goes on, arrivals are held", why);
	l->told = true;
}

static void
say_hello(struct link *l)
{
	struct wire_hello hello = {
		.program = slice_of("mailbell-milter"), .version = slice_of(MAILBELL_VERSION),
		.module_abi = SLICE_NIL, .hook = slice_of("milter"), .lost = l->lost,
	};

	wire_put_hello(&l->out, &hello);
	l->lost = 0;
}

static void
start_connecting(struct link *l)
{
	l->fd = sock_connect(&l->addr);
	if (l->fd < 0)
		tell_once(l, strerror(errno));
	else
		say_hello(l);
}

/* 0, or -1 where the connection is to end. */
static int
take_answers(struct link *l)
{
	bool before = l->welcome;
	struct err err;
	int rc = uplink_take(&l->held, &l->in, &l->welcome, &err);

	if (l->welcome && !before) {
		log_notice("arrival socket: connected");
		l->told = false;
	}
	if (rc < 0)
		tell_once(l, err.text);
	return rc;
}

/* What the daemon has said, up to a bound: an MTA waits.  0, or -1 where the connection is to end. */
static int
read_answers(struct link *l)
{
	ssize_t n;

	for (int i = 0; i < READS_MAX; i++) {
		n = recv(l->fd, l->in.data + l->in.len, l->in.max - l->in.len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return -1;
		l->in.len += (size_t)n;
		if (take_answers(l) < 0)
			return -1;
	}
	return 0;
}

/* What the kernel takes.  0, or -1 where the connection is to end. */
static int
send_held(struct link *l)
{
	ssize_t n;

	for (;;) {
		uplink_fill(&l->held, &l->out);
		if (l->out.len == 0)
			return 0;
		n = send(l->fd, l->out.data, l->out.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		buf_drop(&l->out, (size_t)n);
	}
}

/* An idle connection whose daemon was restarted is found out here, and costs no second's wait. */
static void
exchange(struct link *l)
{
	int64_t now_ms = clock_mono_ms();

	if (l->fd >= 0 && read_answers(l) < 0) {
		tell_once(l, "the daemon has closed the connection");
		disconnect(l);
	}
	if (l->fd < 0 && now_ms >= l->next_try_ms) {
		l->next_try_ms = now_ms + RECONNECT_MS;
		start_connecting(l);
	}
	if (l->fd >= 0 && send_held(l) < 0)
		disconnect(l);
}

static void
count_loss(struct link *l)
{
	l->lost++;
	l->untold++;
}

static void
tell_lost(struct link *l)
{
	int64_t now_ms = clock_mono_ms();

	if (l->untold == 0 || now_ms < l->next_tell_ms)
		return;
	log_warn("arrival socket: %llu arrivals found no room or no memory: their pushes will not say "
	    "what the mail is", (unsigned long long)l->untold);
	l->untold = 0;
	l->next_tell_ms = now_ms + TELL_LOST_MS;
}

static void
drop_oldest(struct link *l)
{
	frameq_drop(&l->held, TAILQ_FIRST(&l->held.list));
	count_loss(l);
}

/* Without memory for it, the oldest gives way. */
static void
hold_frame(struct link *l)
{
	struct slice frame = buf_all(&l->frame);

	while (frameq_put(&l->held, l->seq, 1, frame) == NULL) {
		if (TAILQ_EMPTY(&l->held.list)) {
			count_loss(l);
			return;
		}
		drop_oldest(l);
	}
	while (l->held.weight > LINK_ARRIVALS_MAX || l->held.octets > LINK_OCTETS_MAX)
		drop_oldest(l);
}

/* The doors: they take the lock. */

void
link_put(struct link *l, struct wire_arrival *arrival)
{
	pthread_mutex_lock(&l->lock);
	arrival->seq = ++l->seq;
	buf_reset(&l->frame);
	wire_end_arrival(&l->frame, wire_begin_arrival(&l->frame, arrival));
	if (l->frame.failed)
		count_loss(l);
	else
		hold_frame(l);
	exchange(l);
	tell_lost(l);
	pthread_mutex_unlock(&l->lock);
}

void
link_lost(struct link *l)
{
	pthread_mutex_lock(&l->lock);
	count_loss(l);
	tell_lost(l);
	pthread_mutex_unlock(&l->lock);
}

void
link_flush(struct link *l)
{
	pthread_mutex_lock(&l->lock);
	if (!TAILQ_EMPTY(&l->held.list))
		exchange(l);
	pthread_mutex_unlock(&l->lock);
}
