/*
 * The shell around a dialog: it reads, lets the dialog take what it may, hands arrivals over, and
 * only then writes to the front.
 *
 *	phase	front		backend		left by
 *	CONNECT	is read		being reached	connected: RELAY; 30 s or refused: LINGER
 *	RELAY	both		both		the dialog's end: LINGER
 *	LINGER	is told, then	closed		the front closes too, or 5 s: over
 *		shut down
 *
 * While draining a session ends behind the replies to a message and nowhere else, but for a pause:
 * Postfix takes a kept session up again with RSET, and would hold its mail back for minutes were
 * that the last thing answered.
 *
 * A side whose octets have no room is not read: the kernel's buffers fill, and its peer waits.
 * There is no timer of ours inside a transaction.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lmtp/dialog.h"
#include "lmtp/reply.h"
#include "lmtp/session.h"
#include "lmtp/side.h"

#define FRONT_IN_MAX	16384		/* more than one command line */
#define BACK_IN_MAX	(REPLY_MAX + 4096)
#define BACK_CHUNK	4096
#define CONNECT_MS	30000
#define IDLE_MS		600000		/* over any peer's own limit between commands */
#define DRAIN_MS	5000		/* the same while draining: Postfix keeps an unused session for 2 s */
#define LINGER_MS	5000

enum phase { CONNECT, RELAY, LINGER };

struct session {
	struct session_env	*env;
	struct session		*next, *prev;
	enum phase		 phase;
	bool			 shut;		/* the front was told that nothing more comes */
	struct side		 front, back;
	struct dialog		 dialog;
	int64_t			 deadline_ms;	/* of CONNECT and LINGER */
	int64_t			 active_ms;	/* when something last moved */
	int64_t			 dot_ms;	/* when the message had passed */
};

static void	on_front(void *arg, uint32_t events);
static void	on_back(void *arg, uint32_t events);

static void
link_session(struct session *s)
{
	s->next = s->env->list;
	if (s->next != NULL)
		s->next->prev = s;
	s->env->list = s;
}

static void
unlink_session(struct session *s)
{
	if (s->next != NULL)
		s->next->prev = s->prev;
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		s->env->list = s->next;
}

struct session *
session_next(const struct session *s)
{
	return s->next;
}

void
session_free(struct session *s)
{
	if (s == NULL)
		return;
	unlink_session(s);
	side_close(&s->back);
	side_close(&s->front);
	dialog_clear(&s->dialog);
	free(s);
}

/* Arrivals */

static struct slice
queue_id_text(const struct session *s)
{
	struct slice id = content_queue_id(&s->dialog.content);

	return id.p == NULL ? slice_of("-") : id;
}

static void
log_outcomes(const struct session *s)
{
	const struct dialog *d = &s->dialog;
	double delay = (double)(clock_mono_ms() - s->dot_ms) / 1000;
	const char *what;

	for (size_t i = 0; i < d->n_outcomes; i++) {
		const struct dialog_outcome *o = &d->outcome[i];

		what = o->code >= 300 ? "none" : envelope_reason_text(d->content.reason);
		log_info("%s: to=<%s>, delay=%.2f, said=%d, envelope=%s",
		    log_clean(queue_id_text(s)).text, log_clean(slice_of(o->address)).text,
		    d->state == DIALOG_DATA ? 0.0 : delay, o->code, what);
	}
}

/* The recipients whose 2xx were read together become one arrival. */
static void
hand_over(struct session *s)
{
	struct dialog *d = &s->dialog;
	struct wire_arrival arrival = { .time_ms = (uint64_t)clock_wall_ms() };
	struct wire_recipient *r;
	size_t n = 0;

	if (d->n_outcomes == 0)
		return;
	r = calloc(d->n_outcomes, sizeof(*r));
	if (r == NULL)
		abort();
	for (size_t i = 0; i < d->n_outcomes; i++)
		if (d->outcome[i].code < 300)
			r[n++] = (struct wire_recipient){
				.address = slice_of(d->outcome[i].address),
				.token = slice_of(d->outcome[i].token)
			};
	content_describe(&d->content, &arrival);
	hold_put(s->env->hold, &arrival, r, n);
	free(r);
	log_outcomes(s);
	dialog_clear_outcomes(d);
}

/* Relaying */

static size_t
take_back(struct session *s)
{
	struct slice in = buf_all(&s->back.in);
	size_t used = dialog_back(&s->dialog, (const uint8_t *)in.p, in.len, s->back.eof);

	buf_drop(&s->back.in, used);
	hand_over(s);
	return used;
}

static size_t
take_front(struct session *s)
{
	enum dialog_state before = s->dialog.state;
	struct slice in = buf_all(&s->front.in);
	size_t used = dialog_front(&s->dialog, (const uint8_t *)in.p, in.len, s->front.eof);

	buf_drop(&s->front.in, used);
	if (before == DIALOG_DATA && s->dialog.state == DIALOG_DOT)
		s->dot_ms = clock_mono_ms();
	return used;
}

/* Whatever moves may make room for something else: until nothing moves. */
static void
relay(struct session *s)
{
	size_t moved;

	do {
		moved = take_back(s);
		moved += take_front(s);
		if (s->dialog.ended)
			return;
		if (s->phase == RELAY)
			moved += side_write(&s->back, &s->dialog.to_back);
		moved += side_write(&s->front, &s->dialog.to_front);
		if (s->front.deaf)
			s->front.eof = true;
		if (moved > 0)
			s->active_ms = clock_mono_ms();
	} while (moved > 0);
}

/* An idle session keeps two descriptors and no buffers. */
static void
give_back_memory(struct session *s)
{
	if (!dialog_idle(&s->dialog) || s->front.in.len > 0 || s->back.in.len > 0)
		return;
	buf_clear(&s->front.in);
	buf_clear(&s->back.in);
	if (s->dialog.to_front.len == 0)
		buf_clear(&s->dialog.to_front);
	if (s->dialog.to_back.len == 0)
		buf_clear(&s->dialog.to_back);
	content_clear(&s->dialog.content);
}

static void
want(struct session *s)
{
	const struct dialog *d = &s->dialog;
	uint32_t front = 0, back = 0;

	if (side_may_read(&s->front))
		front |= EPOLLIN;
	if (d->to_front.len > 0)
		front |= EPOLLOUT;
	if (s->phase == CONNECT || d->to_back.len > 0)
		back |= EPOLLOUT;
	if (s->phase == RELAY && d->to_front.len < DIALOG_OUT_HIGH && side_may_read(&s->back))
		back |= EPOLLIN;
	side_want(&s->front, front);
	side_want(&s->back, back);
}

/* The end */

static void
start_linger(struct session *s)
{
	if (s->dialog.trouble != NULL)
		log_warn("%s: session ended: %s", log_clean(queue_id_text(s)).text, s->dialog.trouble);
	side_close(&s->back);
	s->phase = LINGER;
	s->deadline_ms = clock_mono_ms() + LINGER_MS;
}

/*
 * Our last words are followed by an end of file, and what the front still sends is read and thrown
 * away: closing on it would make its kernel throw our last words away instead.  True: done.
 */
static bool
linger(struct session *s)
{
	side_write(&s->front, &s->dialog.to_front);
	if (s->dialog.to_front.len == 0 && !s->shut) {
		shutdown(s->front.watch.fd, SHUT_WR);
		s->shut = true;
	}
	return s->front.deaf || (s->front.eof && s->shut);
}

/* Brings the session as far as it can go now.  The session may be gone afterwards. */
static void
run(struct session *s)
{
	relay(s);
	if (s->env->draining && s->dialog.after_message && dialog_idle(&s->dialog))
		dialog_end(&s->dialog);
	if (s->phase == CONNECT && s->front.eof)
		dialog_end(&s->dialog);
	if (s->phase != LINGER && s->dialog.ended)
		start_linger(s);
	if (s->phase == LINGER && linger(s)) {
		s->env->over(s->env->arg, s);
		return;
	}
	give_back_memory(s);
	want(s);
}

static void
on_front(void *arg, uint32_t events)
{
	struct session *s = arg;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		side_read(&s->front, FRONT_IN_MAX);
	if (s->dialog.after_message)
		side_read(&s->back, BACK_CHUNK);
	run(s);
}

/* The start */

static void
unreachable(struct session *s, int why)
{
	log_warn("lmtp_backend %s: %s", s->env->config->lmtp_backend, strerror(why));
	side_close(&s->back);
	dialog_unreachable(&s->dialog);
}

/* Our own lack of descriptors is no reason to refuse: such a session waits. */
static void
try_connect(struct session *s, int64_t now_ms)
{
	int fd = sock_connect(&s->env->backend);

	if (fd >= 0)
		side_open(&s->back, fd);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		s->deadline_ms = now_ms + CONNECT_MS;
	else if (errno != EAGAIN)
		unreachable(s, errno);
}

static void
on_back(void *arg, uint32_t events)
{
	struct session *s = arg;
	socklen_t len = sizeof(int);
	int failure = 0;

	if (s->phase == CONNECT) {
		getsockopt(s->back.watch.fd, SOL_SOCKET, SO_ERROR, &failure, &len);
		if (failure != 0)
			unreachable(s, failure);
		else
			s->phase = RELAY;
	} else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		side_read(&s->back, BACK_CHUNK);
	run(s);
}

void
session_start(struct session_env *env, int front)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->env = env;
	link_session(s);
	dialog_init(&s->dialog, &env->config->quiet_header);
	side_init(&s->front, env->loop, FRONT_IN_MAX, on_front, s);
	side_init(&s->back, env->loop, BACK_IN_MAX, on_back, s);
	side_open(&s->front, front);
	s->active_ms = clock_mono_ms();
	s->deadline_ms = s->active_ms + CONNECT_MS;
	try_connect(s, s->active_ms);
	run(s);
}

static bool
between_transactions(const struct session *s)
{
	enum dialog_state state = s->dialog.state;

	return (state == DIALOG_COMMAND || state == DIALOG_OVER) && !s->dialog.open;
}

bool
session_tick(struct session *s, int64_t now_ms)
{
	bool waits = s->phase == CONNECT && s->back.watch.fd < 0;

	if (s->phase == CONNECT && now_ms >= s->deadline_ms)
		unreachable(s, ETIMEDOUT);
	else if (waits)
		try_connect(s, now_ms);
	else if (s->phase == RELAY && between_transactions(s) &&
	    now_ms >= s->active_ms + (s->env->draining ? DRAIN_MS : IDLE_MS))
		dialog_end(&s->dialog);
	else if (s->phase == LINGER && now_ms >= s->deadline_ms)
		s->front.deaf = true;
	else if (!s->env->draining)
		return false;
	run(s);
	return waits;
}
