/*
 * A UNIX socket connects at once or not at all: with a full backlog connect says EAGAIN, and a
 * stopped daemon is found out later, by the answer that does not come.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "imap/link.h"

int
link_path(const char *name, char *path, size_t size)
{
	const char *folder = getenv("MAILBELL_RUN_DIR");
	int n;

	if (folder == NULL || *folder == '\0')
		folder = RUNDIR;
	n = snprintf(path, size, "%s/%s", folder, name);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

int
link_open(const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, saved;

	if (link_path(name, sa.sun_path, sizeof(sa.sun_path)) < 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int
link_send(int fd, const struct buf *frames)
{
	ssize_t n;

	do
		n = send(fd, frames->data, frames->len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	if ((size_t)n < frames->len) {
		errno = EAGAIN;
		return -1;
	}
	return 0;
}

bool
link_gone(int fd)
{
	char octet;
	ssize_t n = recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}
