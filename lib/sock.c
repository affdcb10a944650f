/*
 * A UNIX socket's file outlives its process.  Whether somebody listens is found by connecting: a
 * stale file is refused, and then replaced.  The file gets owner and mode between bind and listen:
 * until listen, nobody gets through.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sock.h"

static int
parse_unix(const char *path, struct sock_addr *out, struct err *err)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&out->sa;
	size_t len = strlen(path);

	if (*path != '/')
		return err_set(err, "'unix:%s' is to hold an absolute path", path);
	if (len >= sizeof(un->sun_path))
		return err_set(err, "'unix:%s' is longer than %zu octets", path,
		    sizeof(un->sun_path) - 1);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len + 1);
	out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return 0;
}

/* 1 to 65535, or 0. */
static uint16_t
parse_port(const char *text)
{
	unsigned port = 0;

	for (; *text >= '0' && *text <= '9' && port <= UINT16_MAX; text++)
		port = port * 10 + (unsigned)(*text - '0');
	return *text == '\0' && port <= UINT16_MAX ? (uint16_t)port : 0;
}

static int
set_host(const char *host, uint16_t port, struct sock_addr *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&out->sa;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->sa;

	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		out->len = sizeof(*in);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		out->len = sizeof(*in6);
		return 0;
	}
	return -1;
}

static int
parse_inet(const char *text, struct sock_addr *out, struct err *err)
{
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(text, ':'), *start = text;
	size_t len;
	uint16_t port;

	if (colon == NULL || (port = parse_port(colon + 1)) == 0)
		return err_set(err, "'%s' is neither unix:PATH nor HOST:PORT", text);
	len = (size_t)(colon - text);
	if (len >= 2 && start[0] == '[' && start[len - 1] == ']') {
		start++;
		len -= 2;
	} else if (memchr(start, ':', len) != NULL)
		return err_set(err, "'%s': an IPv6 address stands in [ ] before its port", text);
	if (len < sizeof(host)) {
		memcpy(host, start, len);
		host[len] = '\0';
		if (set_host(host, port, out) == 0)
			return 0;
	}
	return err_set(err, "'%s': the host is an address or localhost: no name is looked up", text);
}

int
sock_parse(const char *text, struct sock_addr *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, out, err);
	return parse_inet(text, out, err);
}

static int
new_socket(const struct sock_addr *addr)
{
	return socket(addr->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int
sock_connect(const struct sock_addr *addr)
{
	int fd = new_socket(addr), one = 1, saved;

	if (fd < 0)
		return -1;
	if (addr->sa.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)&addr->sa, addr->len) < 0 &&
	    errno != EINPROGRESS) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static const char *
unix_path(const struct sock_addr *addr)
{
	return ((const struct sockaddr_un *)&addr->sa)->sun_path;
}

/* Makes way for bind: 0 where there is no file, or no longer. */
static int
remove_stale(const struct sock_addr *addr, struct err *err)
{
	const char *path = unix_path(addr);
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set(err, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, "%s: something else than a socket has this name: move it away",
		    path);
	fd = sock_connect(addr);
	if (fd >= 0 || errno == EAGAIN) {
		if (fd >= 0)
			close(fd);
		return err_set(err, "%s: another process listens there: stop it first", path);
	}
	if (errno != ECONNREFUSED && errno != ENOENT)
		return err_set(err, "%s: %s", path, strerror(errno));
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, "%s: a stale socket cannot be removed: %s", path,
		    strerror(errno));
	return 0;
}

static int
dress(const char *path, mode_t mode, uid_t owner, gid_t group, struct err *err)
{
	if ((owner != (uid_t)-1 || group != (gid_t)-1) && lchown(path, owner, group) < 0)
		return err_set(err, "%s: its owner cannot be set: %s", path, strerror(errno));
	if (chmod(path, mode) < 0)
		return err_set(err, "%s: its mode cannot be set: %s", path, strerror(errno));
	return 0;
}

/* For the error's text: the address as it was written. */
static const char *
show(const struct sock_addr *addr, char *text, size_t size)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&addr->sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&addr->sa;
	char host[INET6_ADDRSTRLEN] = "?";

	if (addr->sa.ss_family == AF_UNIX)
		return unix_path(addr);
	if (addr->sa.ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(text, size, "%s:%u", host, ntohs(in->sin_port));
	} else {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(text, size, "[%s]:%u", host, ntohs(in6->sin6_port));
	}
	return text;
}

static int
cannot_listen(const struct sock_addr *addr, struct err *err)
{
	char text[INET6_ADDRSTRLEN + 16];
	int saved = errno;

	return err_set(err, "%s: cannot listen there: %s", show(addr, text, sizeof(text)),
	    strerror(saved));
}

static int
bind_to(int fd, const struct sock_addr *addr, struct err *err)
{
	int one = 1;

	if (addr->sa.ss_family == AF_UNIX) {
		if (remove_stale(addr, err) < 0)
			return -1;
	} else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (addr->sa.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&addr->sa, addr->len) < 0)
		return cannot_listen(addr, err);
	return 0;
}

int
sock_listen(const struct sock_addr *addr, mode_t mode, uid_t owner, gid_t group, struct err *err)
{
	int fd = new_socket(addr), rc;

	if (fd < 0)
		return err_set(err, "no socket can be made: %s", strerror(errno));
	rc = bind_to(fd, addr, err);
	if (rc == 0 && addr->sa.ss_family == AF_UNIX)
		rc = dress(unix_path(addr), mode, owner, group, err);
	if (rc == 0 && listen(fd, SOMAXCONN) < 0)
		rc = cannot_listen(addr, err);
	if (rc == 0)
		return fd;
	close(fd);
	return -1;
}

int
sock_peer(int fd, uid_t *uid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -1;
	*uid = cred.uid;
	return 0;
}
