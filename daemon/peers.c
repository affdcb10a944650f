/*
 * Peers form one list; a frame's handler never frees a peer, it marks it gone, and peers_turn does the
 * rest.  Reading goes to the end before a failed write ends a connection: a module that connects, sends
 * and closes makes our answer fail while its frame is still to be read.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/notify.h"
#include "daemon/join.h"
#include "daemon/operate.h"
#include "daemon/peers.h"
#include "daemon/silence.h"
#include "daemon/verbs.h"
#include "lib/clock.h"
#include "lib/privs.h"
#include "lib/sock.h"

#define READ_SIZE	16384
#define READS_A_TURN	8		/* so that a busy peer leaves the others their share */
#define OUT_MAX		(4 * 1024 * 1024)
#define OUT_ROOM	(256 * 1024)
#define USERS_MAX	32
#define SPARE_FDS	96		/* pushes, the store, logs */

static const char *const names[PEER_SOCKETS] = { "arrival", "saved", "command", "admin" };

struct listener {
	struct loop_watch	 watch;
	struct sock_addr	 addr;
	struct peers		*all;
	enum peer_socket	 socket;
};

struct peers {
	struct daemon	*daemon;
	struct listener	 listeners[PEER_SOCKETS];
	struct peer	*first[PEER_SOCKETS];
	struct peer	*touched;
	size_t		 count, kept_max, max;
	bool		 paused;		/* out of descriptors: accepting waits */
	uint64_t	 last_id;
	uid_t		 own_uid, hook_uid;
	uid_t		 mail_uids[USERS_MAX];
	size_t		 n_mail_uids;
	int64_t		 wrong_hook_said;
};

/* Who may speak here: 1 for any account, 0 for the account of his own name, -1 not at all. */
static int
admitted(const struct peers *all, enum peer_socket socket, uid_t uid)
{
	if (uid == 0 || (all->own_uid != 0 && uid == all->own_uid))
		return 1;
	switch (socket) {
	case PEER_ARRIVAL:
		return uid == all->hook_uid ? 1 : -1;
	case PEER_SAVED:
	case PEER_COMMAND:
		for (size_t i = 0; i < all->n_mail_uids; i++)
			if (uid == all->mail_uids[i])
				return 1;
		return all->daemon->config.system_users ? 0 : -1;
	case PEER_ADMIN:	/* the group may connect by the socket's mode */
		return 1;
	default:
		return -1;
	}
}

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

static int
on_arrival_frame(struct peer *p, const struct frame *f)
{
	struct daemon *d = p->daemon;
	struct wire_arrival arrival;

	if (f->type != WIRE_ARRIVAL || wire_get_arrival(f, &arrival) < 0)
		return -1;
	d->counters.arrivals++;
	if (p->wrong_hook) {
		d->counters.wrong_hook++;
		wire_put_ack(&p->out, arrival.seq);
		return 0;
	}
	notify_arrival(d, p->id, &arrival);
	return 0;
}

static int
on_command_frame(struct peer *p, const struct frame *f)
{
	struct wire_session session;
	struct wire_verb verb;

	switch (f->type) {
	case WIRE_SESSION:
		if (wire_get_session(f, &session) < 0 || !speaks_for(p, session.user))
			return -1;
		verbs_session(p->daemon, &session);
		return 0;
	case WIRE_VERB:
		if (wire_get_verb(f, &verb) < 0 || !speaks_for(p, verb.user))
			return -1;
		verbs_run(p->daemon, p, &verb);
		return 0;
	case WIRE_RELEASE:
		if (p->holds_silence)
			silence_drop(p->daemon, p->id, false);
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

static bool
is_wrong_hook(const struct daemon *d, struct slice hook)
{
	if (hook.p == NULL || d->config.hook == HOOK_DOVECOT)
		return true;
	return !slice_is(hook, d->config.hook == HOOK_MILTER ? "milter" : "lmtp");
}

/* Both hooks running by mistake: one of them is heard, and the operator told, once an hour. */
static void
note_wrong_hook(struct peer *p, struct slice hook)
{
	struct peers *all = p->daemon->peers;
	int64_t now = clock_mono_ms();

	p->wrong_hook = true;
	if (all->wrong_hook_said != 0 && now - all->wrong_hook_said < 3600 * 1000)
		return;
	all->wrong_hook_said = now;
	log_warn("arrivals of hook \"%s\" are dropped: mailbell.conf names another hook",
	    log_clean(hook).text);
}

static int
on_hello(struct peer *p, const struct frame *f)
{
	struct daemon *d = p->daemon;
	struct wire_hello hello;

	if (wire_get_hello(f, &hello) < 0)
		return -1;
	p->greeted = true;
	if (hello.lost > 0) {
		d->counters.lost_by_hooks += hello.lost;
		log_warn("%s: %llu events were lost while no daemon took them",
		    log_clean(hello.program).text, (unsigned long long)hello.lost);
	}
	if (p->refused) {
		wire_put_refused(&p->out, "this user may not use this socket");
		return 0;
	}
	if (p->socket == PEER_ARRIVAL && is_wrong_hook(d, hello.hook))
		note_wrong_hook(p, hello.hook);
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
		room = buf_room(&p->in, READ_SIZE);
		if (room == NULL) {
			end_peer(p);
			return;
		}
		n = read(p->watch.fd, room, READ_SIZE);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0)
			p->in.len += (size_t)n;
		if (n <= 0 || take_frames(p) < 0) {
			end_peer(p);
			return;
		}
		if (n < READ_SIZE)
			return;
	}
}

static void
on_ready(void *arg, uint32_t events)
{
	struct peer *p = arg;

	peer_touch(p);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_peer(p);
}

/* Accepting */

static void
own_name_only(struct peer *p)
{
	struct passwd *pw = getpwuid(p->uid);

	if (pw == NULL || strlen(pw->pw_name) >= sizeof(p->only_user))
		p->refused = true;
	else
		memcpy(p->only_user, pw->pw_name, strlen(pw->pw_name) + 1);
}

static void
add_peer(struct peers *all, enum peer_socket socket, int fd)
{
	struct peer *p = calloc(1, sizeof(*p));
	int may;

	if (p == NULL)
		abort();
	p->id = ++all->last_id;
	p->socket = socket;
	p->daemon = all->daemon;
	p->watch = (struct loop_watch){ fd, EPOLLIN, on_ready, p };
	buf_init(&p->in, (socket == PEER_ADMIN ? FRAME_MAX_ROW : FRAME_MAX) + 2 * READ_SIZE);
	buf_init(&p->out, OUT_MAX);
	may = sock_peer(fd, &p->uid) < 0 ? -1 : admitted(all, socket, p->uid);
	if (may == 0)
		own_name_only(p);
	else if (may < 0)
		p->refused = true;
	if (p->refused)
		all->daemon->counters.refused_peers++;
	p->next = all->first[socket];
	if (p->next != NULL)
		p->next->prev = p;
	all->first[socket] = p;
	all->count++;
	if (loop_add(all->daemon->loop, &p->watch) < 0) {
		p->gone = true;
		peer_touch(p);
	}
}

static void
set_accepting(struct peers *all, bool accepting)
{
	if (all->paused == !accepting)
		return;
	all->paused = !accepting;
	for (int i = 0; i < PEER_SOCKETS; i++)
		loop_change(all->daemon->loop, &all->listeners[i].watch, accepting ? EPOLLIN : 0);
}

static void
on_connection(void *arg, uint32_t events)
{
	struct listener *l = arg;
	int fd;

	(void)events;
	if (l->all->count >= l->all->max) {
		set_accepting(l->all, false);	/* the backlog waits until somebody leaves */
		return;
	}
	fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		add_peer(l->all, l->socket, fd);
	else if (errno == EMFILE || errno == ENFILE)
		set_accepting(l->all, false);
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

static void
free_peer(struct peers *all, struct peer *p)
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
peers_turn(struct peers *all, bool flushed)
{
	struct peer *p, *next = all->touched;

	all->touched = NULL;
	while ((p = next) != NULL) {
		next = p->next_touched;
		p->touched = false;
		if (!flushed && p->held > 0)
			replace_held(p);
		p->held = 0;
		if (p->job != NULL && !p->gone)
			operate_more(p);
		write_peer(p);
		if (p->gone)
			free_peer(all, p);
		else if (operate_wants(p))
			peer_touch(p);
	}
	if (all->count < all->max)
		set_accepting(all, true);
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

/* Opening */

/* The soft limit becomes the hard one: every kept silence costs a descriptor. */
static void
raise_limits(struct peers *all)
{
	struct rlimit limit;
	size_t n = 1024;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		n = limit.rlim_cur > 1000000 ? 1000000 : (size_t)limit.rlim_cur;
	}
	all->max = n > 2 * SPARE_FDS ? n - SPARE_FDS : n / 2;
	all->kept_max = all->max / 2;
}

static int
find_users(struct peers *all, struct err *err)
{
	const struct config *c = &all->daemon->config;
	gid_t gid;

	all->own_uid = geteuid();
	all->hook_uid = all->own_uid;
	if (all->own_uid != 0)
		return 0;
	if (c->mail_users.n > USERS_MAX)
		return err_set(err, "mail_users: at most %d users", USERS_MAX);
	if (privs_user(c->hook_user, &all->hook_uid, &gid, err) < 0)
		return -1;
	for (size_t i = 0; i < c->mail_users.n; i++)
		if (privs_user(c->mail_users.v[i], &all->mail_uids[all->n_mail_uids++], &gid, err) < 0)
			return -1;
	return 0;
}

/* Mode, owner and group of a socket, as the page of the sockets says. */
static int
socket_rights(const struct config *c, enum peer_socket socket, mode_t *mode, uid_t *owner,
    gid_t *group, struct err *err)
{
	uid_t hook;
	gid_t own;

	if (geteuid() != 0) {
		*mode = 0600;
		*owner = (uid_t)-1;
		*group = (gid_t)-1;
		return 0;
	}
	*mode = 0660;
	if (privs_user(c->user, owner, &own, err) < 0)
		return -1;
	if (socket == PEER_ARRIVAL)
		return privs_user(c->hook_user, &hook, group, err);
	if (socket == PEER_ADMIN)
		return privs_group(c->admin_group, group, err);
	if (c->system_users)
		*mode = 0666;
	return privs_group(c->mail_group, group, err);
}

static int
open_listener(struct peers *all, enum peer_socket socket, struct err *err)
{
	struct listener *l = &all->listeners[socket];
	const struct config *c = &all->daemon->config;
	mode_t mode;
	uid_t owner;
	gid_t group;
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "unix:%s/%s", c->run_dir, names[socket]);
	if (socket_rights(c, socket, &mode, &owner, &group, err) < 0 ||
	    sock_parse(path, &l->addr, err) < 0 ||
	    (fd = sock_listen(&l->addr, mode, owner, group, err)) < 0)
		return -1;
	l->all = all;
	l->socket = socket;
	l->watch = (struct loop_watch){ fd, EPOLLIN, on_connection, l };
	return loop_add(all->daemon->loop, &l->watch) < 0 ? err_set(err, "epoll: %s", strerror(errno)) : 0;
}

struct peers *
peers_open(struct daemon *d, struct err *err)
{
	struct peers *all = calloc(1, sizeof(*all));

	if (all == NULL)
		abort();
	all->daemon = d;
	for (int i = 0; i < PEER_SOCKETS; i++)
		all->listeners[i].watch.fd = -1;
	raise_limits(all);
	if (find_users(all, err) < 0)
		goto failed;
	for (int i = 0; i < PEER_SOCKETS; i++)
		if (open_listener(all, i, err) < 0)
			goto failed;
	return all;
failed:
	peers_close(all);
	return NULL;
}

void
peers_close(struct peers *all)
{
	struct listener *l;

	if (all == NULL)
		return;
	for (int i = 0; i < PEER_SOCKETS; i++) {
		while (all->first[i] != NULL)
			free_peer(all, all->first[i]);
		l = &all->listeners[i];
		if (l->watch.fd < 0)
			continue;
		loop_del(all->daemon->loop, &l->watch);
		close(l->watch.fd);
		unlink(((struct sockaddr_un *)&l->addr.sa)->sun_path);
	}
	free(all);
}
