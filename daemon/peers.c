/*
 * Peers form a list for each socket, and those with something to do another one.  A frame's handler
 * never frees a peer, it marks it gone, and peers_turn does the rest.  Reading goes to the end before
 * a failed write ends a connection: a module that connects, sends and closes makes our answer fail
 * while its frame is still to be read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/join.h"
#include "daemon/notify.h"
#include "daemon/operate.h"
#include "daemon/peers_int.h"
#include "daemon/seen.h"
#include "daemon/silence.h"
#include "daemon/verbs.h"
#include "lib/clock.h"
#include "lib/log.h"

#define READS_A_TURN	8	/* so that a busy peer leaves the others their share */
#define OUT_ROOM	(256 * 1024)

static bool
speaks_for(const struct peer *p, struct slice user)
{
	return p->only_user[0] == '\0' || slice_is(user, p->only_user);
}

/* Frames, by socket; -1 ends the connection */

static int
on_saved_frame(struct peer *p, const struct frame *f)
{
	struct daemon *d = p->daemon;
	struct wire_saved saved;
	struct wire_end end;

	switch (f->type) {
	case WIRE_SAVED:
		if (wire_get_saved(f, &saved) < 0 || !speaks_for(p, saved.user))
			return -1;
		notify_saved(d, &saved);
		return 0;
	case WIRE_END:
		if (wire_get_end(f, &end) < 0 || !speaks_for(p, end.user))
			return -1;
		if (d->config.hook != HOOK_DOVECOT)
			join_end(d->join, &end, clock_mono_ms());
		return 0;
	default:
		return -1;
	}
}

/* Both hooks running by mistake: one of them is heard, and the operator told, once an hour. */
static void
note_wrong_hook(struct peer *p)
{
	struct peers *all = p->daemon->peers;
	int64_t now = clock_mono_ms();

	p->daemon->counters.wrong_hook++;
	if (all->wrong_hook_said != 0 && now - all->wrong_hook_said < 3600 * 1000)
		return;
	all->wrong_hook_said = now;
	log_warn("what %s tells is dropped: mailbell.conf names another hook",
	    p->hook == HOOK_LMTP ? "mailbell-lmtp" : p->hook == HOOK_MILTER ? "mailbell-milter" :
	    "an unknown hook");
}

/* The hook is asked for with each arrival: a reload may have named another one. */
static int
on_arrival_frame(struct peer *p, const struct frame *f)
{
	struct daemon *d = p->daemon;
	struct wire_arrival arrival;

	if (f->type != WIRE_ARRIVAL || wire_get_arrival(f, &arrival) < 0)
		return -1;
	d->counters.arrivals++;
	if (p->hook == d->config.hook) {
		notify_arrival(d, p->id, &arrival);
	} else {
		note_wrong_hook(p);
		wire_put_ack(&p->out, arrival.seq);
	}
	return 0;
}

static int
on_command_frame(struct peer *p, const struct frame *f)
{
	struct daemon *d = p->daemon;
	struct wire_session session;
	struct wire_verb verb;

	notify_run(d, clock_mono_ms());	/* mail that was told of before was before */
	switch (f->type) {
	case WIRE_SESSION:
		if (wire_get_session(f, &session) < 0 || !speaks_for(p, session.user))
			return -1;
		seen_session(d, &session);
		return 0;
	case WIRE_VERB:
		if (wire_get_verb(f, &verb) < 0 || !speaks_for(p, verb.user))
			return -1;
		verbs_run(d, p, &verb);
		return 0;
	case WIRE_RELEASE:
		if (p->holds_silence)
			silence_drop(d, p->id, false);
		p->holds_silence = false;
		return 0;
	default:
		return -1;
	}
}

static int
on_frame(struct peer *p, const struct frame *f)
{
	switch (p->socket) {
	case PEER_SAVED:
		return on_saved_frame(p, f);
	case PEER_ARRIVAL:
		return on_arrival_frame(p, f);
	case PEER_COMMAND:
		return on_command_frame(p, f);
	case PEER_ADMIN:
		return operate_frame(p->daemon, p, f);
	default:
		return -1;
	}
}

/* The hooks that have arrivals. */
static int
hook_of(struct slice name)
{
	if (slice_is(name, "lmtp"))
		return HOOK_LMTP;
	return slice_is(name, "milter") ? HOOK_MILTER : -1;
}

static int
on_hello(struct peer *p, const struct frame *f)
{
	struct daemon *d = p->daemon;
	struct wire_hello hello;

	if (wire_get_hello(f, &hello) < 0)
		return -1;
	p->greeted = true;
	p->hook = hook_of(hello.hook);
	if (p->refused) {
		wire_put_refused(&p->out, "this user may not use this socket");
		return 0;
	}
	if (hello.lost > 0) {
		d->counters.lost_by_hooks += hello.lost;
		log_warn("%s: %llu events were lost while no daemon took them",
		    log_clean(hello.program).text, (unsigned long long)hello.lost);
	}
	if (p->socket != PEER_ADMIN)
		visitors_note(&d->visitors, &hello, clock_wall_s());
	if (p->socket != PEER_SAVED)
		wire_put_ok(&p->out);
	return 0;
}

/* Acts on all whole frames; -1: one of them was bad. */
static int
take_frames(struct peer *p)
{
	size_t max = p->socket == PEER_ADMIN ? FRAME_MAX_ROW : FRAME_MAX, used, taken = 0;
	struct frame f;
	int rc;

	while ((rc = frame_next(p->in.data + taken, p->in.len - taken, max, &f, &used)) == 1) {
		taken += used;
		p->daemon->mail_told += p->socket == PEER_SAVED || p->socket == PEER_ARRIVAL;
		if (!p->greeted)
			rc = on_hello(p, &f);
		else
			rc = p->refused ? 0 : on_frame(p, &f);
		if (rc < 0)
			break;
	}
	buf_drop(&p->in, taken);
	if (rc < 0)
		p->daemon->counters.bad_frames++;
	return rc < 0 ? -1 : 0;
}

void
peer_touch(struct peer *p)
{
	struct peers *all = p->daemon->peers;

	if (p->touched)
		return;
	p->touched = true;
	p->next_touched = all->touched;
	all->touched = p;
}

static void
end_peer(struct peer *p)
{
	if (!p->gone)
		loop_del(p->daemon->loop, &p->watch);
	p->gone = true;
}

static void
read_peer(struct peer *p)
{
	uint8_t *room;
	ssize_t n;

	for (int i = 0; i < READS_A_TURN; i++) {
		room = buf_room(&p->in, PEER_READ);
		if (room == NULL) {
			end_peer(p);
			return;
		}
		n = read(p->watch.fd, room, PEER_READ);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0)
			p->in.len += (size_t)n;
		if (n <= 0 || take_frames(p) < 0) {
			end_peer(p);
			return;
		}
		if (n < PEER_READ)
			return;
	}
}

void
peer_ready(void *arg, uint32_t events)
{
	struct peer *p = arg;

	peer_touch(p);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_peer(p);
}

/* Writing, and the end of a turn */

void
peer_hold_answer(struct peer *p)
{
	if (p->held++ == 0)
		p->held_from = p->out.len;
	p->daemon->want_flush = true;
}

static void
replace_held(struct peer *p)
{
	static const char no[] = "NO [UNAVAILABLE] Nothing was changed: the disk may be full";
	struct wire_answer answer = { .tagged = slice_of(no) };
	struct wire_done done = { 75, slice_of("nothing was changed: the store cannot be written") };

	buf_cut(&p->out, p->held_from);
	for (size_t i = 0; i < p->held; i++)
		if (p->socket == PEER_ADMIN)
			wire_put_done(&p->out, &done);
		else
			wire_put_answer(&p->out, &answer);
}

static void
write_peer(struct peer *p)
{
	ssize_t n;

	if (p->out.failed)
		end_peer(p);
	while (!p->gone && p->out.len > 0) {
		n = send(p->watch.fd, p->out.data, p->out.len, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			buf_reset(&p->out);	/* what was sent to us is still to be read */
			break;
		}
		buf_drop(&p->out, (size_t)n);
	}
	if (p->refused && p->greeted && p->out.len == 0)
		end_peer(p);
	if (!p->gone)
		loop_change(p->daemon->loop, &p->watch, EPOLLIN | (p->out.len > 0 ? EPOLLOUT : 0u));
}

void
peer_free(struct peers *all, struct peer *p)
{
	if (!p->gone)
		loop_del(all->daemon->loop, &p->watch);
	if (p->holds_silence)
		silence_drop(all->daemon, p->id, true);
	operate_end(p);
	if (p->next != NULL)
		p->next->prev = p->prev;
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		all->first[p->socket] = p->next;
	close(p->watch.fd);
	buf_wipe(&p->in);
	buf_wipe(&p->out);
	free(p);
	all->count--;
}

void
peers_turn(struct peers *all, bool written)
{
	struct peer *p, *next = all->touched;

	all->touched = NULL;
	while ((p = next) != NULL) {
		next = p->next_touched;
		p->touched = false;
		if (!written && p->socket == PEER_ARRIVAL)
			end_peer(p);	/* acknowledged when the hook has sent it again */
		if (!written && p->held > 0)
			replace_held(p);
		p->held = 0;
		if (p->job != NULL && !p->gone)
			operate_more(p);
		write_peer(p);
		if (p->gone)
			peer_free(all, p);
		else if (operate_wants(p))
			peer_touch(p);
	}
	if (all->count < all->max && clock_mono_ms() >= all->accept_ms)
		peers_accept(all, true);
}

int64_t
peers_next(const struct peers *all)
{
	return all->paused && all->count < all->max ? all->accept_ms : INT64_MAX;
}

void
peers_drop(struct peers *all, enum peer_socket socket)
{
	for (struct peer *p = all->first[socket]; p != NULL; p = p->next)
		shutdown(p->watch.fd, SHUT_WR);
}

bool
peers_busy(const struct peers *all)
{
	return all->touched != NULL;
}

struct peer *
peers_find(struct peers *all, enum peer_socket socket, uint64_t id)
{
	struct peer *p = all->first[socket];

	while (p != NULL && p->id != id)
		p = p->next;
	return p;
}

bool
peer_is_root(const struct peer *p)
{
	uid_t own = p->daemon->peers->own_uid;

	return p->uid == 0 || (own != 0 && p->uid == own);
}

bool
peer_has_room(const struct peer *p)
{
	return p->out.len < OUT_ROOM;
}

size_t
peers_count(const struct peers *all)
{
	return all->count;
}

bool
peers_may_keep(const struct peers *all)
{
	return all->count < all->kept_max;
}
