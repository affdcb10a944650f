/* Addresses as they are written; stale and live sockets; modes; who is at the other end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/sock.h"

#define NOBODY	((uid_t)-1)
#define NO_GROUP	((gid_t)-1)

static char folder[] = "/tmp/mailbell-sock-XXXXXX";
static char path[64], address[80];

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(address, sizeof(address), "unix:%s", path);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void
good_addresses(void **state)
{
	static const struct {
		const char *text;
		int family;
		int port;
	} cases[] = {
		{ "unix:/run/mailbell/lmtp", AF_UNIX, 0 },
		{ "127.0.0.1:24", AF_INET, 24 },
		{ "localhost:65535", AF_INET, 65535 },
		{ "[::1]:1", AF_INET6, 1 },
		{ "[2001:db8::25]:2525", AF_INET6, 2525 },
	};
	struct sock_addr a;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (sock_parse(cases[i].text, &a, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_int_equal(a.sa.ss_family, cases[i].family);
		if (cases[i].family == AF_INET)
			assert_int_equal(ntohs(((struct sockaddr_in *)&a.sa)->sin_port), cases[i].port);
		if (cases[i].family == AF_INET6)
			assert_int_equal(ntohs(((struct sockaddr_in6 *)&a.sa)->sin6_port), cases[i].port);
	}
}

static void
bad_addresses(void **state)
{
	static const char *const cases[] = {
		"", "unix:", "unix:relative", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
		"127.0.0.1:99999999999", "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:1x", ":24", "::1:24",
		"[::1]", "[::1:24", "[]:24", "mail.example.org:24", "inet:24@127.0.0.1", "127.1:24",
		("unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1",
	};
	struct sock_addr a;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err.text[0] = '\0';
		if (sock_parse(cases[i], &a, &err) != -1 || err.text[0] == '\0')
			fail_msg("taken: '%s'", cases[i]);
	}
}

static struct sock_addr
parsed(const char *text)
{
	struct sock_addr a;
	struct err err;

	if (sock_parse(text, &a, &err) < 0)
		fail_msg("%s", err.text);
	return a;
}

static int
listening(const struct sock_addr *a, mode_t mode)
{
	struct err err;
	int fd = sock_listen(a, mode, NOBODY, NO_GROUP, &err);

	if (fd < 0)
		fail_msg("%s", err.text);
	return fd;
}

static int
accepted(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 5000), 1);
	return accept(fd, NULL, NULL);
}

static void
listen_unix(void **state)
{
	struct sock_addr a = parsed(address);
	struct stat st;
	uid_t uid;
	int fd = listening(&a, 0660), client, server;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	client = sock_connect(&a);
	assert_true(client >= 0);
	assert_true(fcntl(client, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(client, F_GETFL) & O_NONBLOCK);
	server = accepted(fd);
	assert_int_equal(sock_peer(server, &uid), 0);
	assert_int_equal(uid, geteuid());
	close(server);
	close(client);
	close(fd);
}

static void
live_and_stale(void **state)
{
	struct sock_addr a = parsed(address);
	struct err err;
	int fd = listening(&a, 0600);

	(void)state;
	assert_int_equal(sock_listen(&a, 0600, NOBODY, NO_GROUP, &err), -1);
	assert_non_null(strstr(err.text, "another process listens"));
	close(fd);
	assert_int_equal(sock_connect(&a), -1);
	assert_int_equal(errno, ECONNREFUSED);
	fd = listening(&a, 0666);
	close(sock_connect(&a));
	close(fd);
}

static void
other_file(void **state)
{
	struct sock_addr a = parsed(address);
	struct err err;

	(void)state;
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(sock_listen(&a, 0600, NOBODY, NO_GROUP, &err), -1);
	assert_non_null(strstr(err.text, "something else"));
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static void
no_folder(void **state)
{
	struct sock_addr a = parsed("unix:/nonexistent/folder/s");
	struct err err;

	(void)state;
	assert_int_equal(sock_listen(&a, 0600, NOBODY, NO_GROUP, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/folder/s"));
	assert_int_equal(sock_connect(&a), -1);
	assert_int_equal(errno, ENOENT);
}

/* A port that was just used is free again at once; one in use is an error that names it. */
static void
listen_inet(void **state)
{
	struct sock_addr a = parsed("127.0.0.1:1");
	struct sockaddr_in *in = (struct sockaddr_in *)&a.sa;
	struct err err;
	char port[16];
	int fd, client, server;

	(void)state;
	in->sin_port = 0;
	fd = listening(&a, 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a.sa, &a.len), 0);
	snprintf(port, sizeof(port), "127.0.0.1:%u", ntohs(in->sin_port));
	assert_int_equal(sock_listen(&a, 0, NOBODY, NO_GROUP, &err), -1);
	assert_non_null(strstr(err.text, port));
	client = sock_connect(&a);
	assert_true(client >= 0);
	server = accepted(fd);
	close(server);
	close(client);
	close(fd);
	close(listening(&a, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_addresses), cmocka_unit_test(bad_addresses),
		cmocka_unit_test(listen_unix), cmocka_unit_test(live_and_stale),
		cmocka_unit_test(other_file), cmocka_unit_test(no_folder), cmocka_unit_test(listen_inet),
	};

	return cmocka_run_group_tests_name("sock", tests, make_folder, remove_folder);
}
