#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/sock.h"
#include "lmtp/listeners.h"

#define SYSTEMD_FIRST	3	/* the first descriptor that systemd passes */
#define SOCKET_MODE	0666	/* the folder guards a UNIX socket */

int
listeners_check(const struct config *config, struct err *err)
{
	const struct config_list *list = &config->lmtp_listen;
	struct sock_addr addr;

	if (config->lmtp_backend == NULL)
		return err_set(err, "lmtp_backend is not set: where is Dovecot's LMTP socket?");
	if (sock_parse(config->lmtp_backend, &addr, err) < 0)
		return -1;
	if (list->n > KEPT_LISTENERS_MAX)
		return err_set(err, "lmtp_listen: %zu are too many, %d at most", list->n,
		    KEPT_LISTENERS_MAX);
	for (size_t i = 0; i < list->n; i++)
		if (sock_parse(list->v[i], &addr, err) < 0)
			return -1;
	return 0;
}

static long
number_in(const char *variable)
{
	const char *text = getenv(variable);

	return text == NULL ? 0 : strtol(text, NULL, 10);
}

static void
take_from_systemd(struct kept *k)
{
	long n = number_in("LISTEN_FDS");

	if (number_in("LISTEN_PID") == getpid())
		for (int fd = SYSTEMD_FIRST; fd < SYSTEMD_FIRST + n; fd++)
			if (k->n_listeners < KEPT_LISTENERS_MAX)
				k->listener[k->n_listeners++] = fd;
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
}

static int
make_new(const struct config *config, struct kept *k, struct err *err)
{
	const struct config_list *list = &config->lmtp_listen;
	struct sock_addr addr;
	int fd;

	if (list->n == 0)
		return err_set(err, "lmtp_listen is not set, and no socket was handed over");
	for (size_t i = 0; i < list->n; i++) {
		if (sock_parse(list->v[i], &addr, err) < 0)
			return -1;
		fd = sock_listen(&addr, SOCKET_MODE, (uid_t)-1, (gid_t)-1, err);
		if (fd < 0)
			return -1;
		k->listener[k->n_listeners++] = fd;
	}
	return 0;
}

static int
prepare(int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_set(err, "the socket that was handed over as %d: %s", fd, strerror(errno));
	return 0;
}

int
listeners_open(const struct config *config, struct kept *k, struct err *err)
{
	kept_parse(getenv(KEPT_VARIABLE), getpid(), k);
	unsetenv(KEPT_VARIABLE);
	if (k->n_listeners == 0)
		take_from_systemd(k);
	if (k->n_listeners == 0 && make_new(config, k, err) < 0)
		return -1;
	for (size_t i = 0; i < k->n_listeners; i++)
		if (prepare(k->listener[i], err) < 0)
			return -1;
	return 0;
}
