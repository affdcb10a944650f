/* sdnotify: the datagram that systemd gets, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/sdnotify.h"

static int
listen_at(const char *name, size_t len)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(sa.sun_path, name, len);
	if (*name == '@')
		sa.sun_path[0] = '\0';
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
	return fd;
}

static void
expect_told(const char *name)
{
	int fd = listen_at(name, strlen(name));
	char got[64];
	ssize_t n;

	setenv("NOTIFY_SOCKET", name, 1);
	sdnotify("READY=1");
	n = recv(fd, got, sizeof(got), 0);
	close(fd);
	assert_int_equal(n, 7);
	assert_memory_equal(got, "READY=1", 7);
}

static void
test_path(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "/tmp/mailbell-notify.%d", (int)getpid());
	expect_told(name);
	unlink(name);
}

static void
test_abstract(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "@mailbell-notify.%d", (int)getpid());
	expect_told(name);
}

/* Nobody there, no socket's name, a name that is too long: nothing happens. */
static void
test_nobody(void **state)
{
	char longname[200];

	(void)state;
	memset(longname, 'x', sizeof(longname) - 1);
	longname[0] = '/';
	longname[sizeof(longname) - 1] = '\0';
	unsetenv("NOTIFY_SOCKET");
	sdnotify("READY=1");
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	sdnotify("READY=1");
	setenv("NOTIFY_SOCKET", longname, 1);
	sdnotify("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	sdnotify("READY=1");
}

static void
test_watchdog(void **state)
{
	char pid[24];

	(void)state;
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(sdnotify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "180000000", 1);
	assert_int_equal(sdnotify_watchdog_ms(), 60000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(sdnotify_watchdog_ms(), 0);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(sdnotify_watchdog_ms(), 60000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path), cmocka_unit_test(test_abstract),
		cmocka_unit_test(test_nobody), cmocka_unit_test(test_watchdog),
	};

	return cmocka_run_group_tests_name("sdnotify", tests, NULL, NULL);
}
