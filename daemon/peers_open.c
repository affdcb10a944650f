/*
 * Who may connect where is asked twice: the socket's mode keeps others out, and the uid that the
 * kernel tells of a peer decides for which accounts it speaks.  The gid is never asked: Dovecot's lmtp
 * changes it as it goes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/peers_int.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/privs.h"

#define SPARE_FDS	96	/* pushes, the store, logs */
#define STARVED_MS	100	/* until accept is tried again */

static const char *const names[PEER_SOCKETS] = { "arrival", "saved", "command", "admin" };

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

/* Accepting */

static void
own_name_only(struct peers *all, struct peer *p)
{
	const char *name = username_of(&all->usernames, p->uid, clock_mono_ms());

	if (name == NULL)
		p->refused = true;
	else
		memcpy(p->only_user, name, strlen(name) + 1);
}

/* Who is in the socket's group, but is not the user that the settings name. */
static void
tell_refused(const struct peers *all, const struct peer *p)
{
	const struct config *c = &all->daemon->config;
	unsigned long uid = p->uid;

	all->daemon->counters.refused_peers++;
	if (p->socket == PEER_ARRIVAL)
		log_warn("uid=%lu, socket=%s, status=refused: it is not hook_user (%s): run the hook as "
		    "that user, or correct hook_user and restart mailbelld", uid, names[p->socket],
		    c->hook_user);
	else
		log_warn("uid=%lu, socket=%s, status=refused: it is not in mail_users%s: where Dovecot's "
		    "processes run as it, name it there and restart mailbelld", uid, names[p->socket],
		    c->system_users ? ", and has no name" : "");
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
	p->watch = (struct loop_watch){ fd, EPOLLIN, peer_ready, p };
	buf_init(&p->in, (socket == PEER_ADMIN ? FRAME_MAX_ROW : FRAME_MAX) + 2 * PEER_READ);
	buf_init(&p->out, PEER_OUT_MAX);
	may = sock_peer(fd, &p->uid) < 0 ? -1 : admitted(all, socket, p->uid);
	if (may == 0)
		own_name_only(all, p);
	else if (may < 0)
		p->refused = true;
	if (p->refused)
		tell_refused(all, p);
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

void
peers_accept(struct peers *all, bool accepting)
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
		peers_accept(l->all, false);	/* the backlog waits until somebody leaves */
		return;
	}
	fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		add_peer(l->all, l->socket, fd);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		l->all->accept_ms = clock_mono_ms() + STARVED_MS;
		peers_accept(l->all, false);
	}
}

/* Opening */

/* Every kept silence costs a descriptor. */
static void
set_limits(struct peers *all)
{
	size_t n = limits_descriptors();

	n = n == 0 ? 1024 : n > 1000000 ? 1000000 : n;
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
	if (!privs_serves(c->user))
		return 0;
	if (c->mail_users.n > PEER_USERS_MAX)
		return err_set(err, "mail_users: at most %d users", PEER_USERS_MAX);
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

	if (!privs_serves(c->user)) {
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
	if (c->system_users) {
		*mode = 0666;		/* the group means nothing: it need not be one of ours */
		*group = own;
		return 0;
	}
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
	all->usernames.look = username_look;
	for (int i = 0; i < PEER_SOCKETS; i++)
		all->listeners[i].watch.fd = -1;
	set_limits(all);
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
			peer_free(all, all->first[i]);
		l = &all->listeners[i];
		if (l->watch.fd < 0)
			continue;
		loop_del(all->daemon->loop, &l->watch);
		close(l->watch.fd);
		unlink(((struct sockaddr_un *)&l->addr.sa)->sun_path);
	}
	free(all);
}
