/*
 * The writing half of modconf.  A reader sees the old file or the new one, never a part.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/modconf.h"

static const char *const hook_names[] = { "lmtp", "milter", "dovecot" };

/* The rules serve hook = dovecot alone: the other hooks read them in mailbell.conf. */
static void
print(const struct config *c, struct buf *b)
{
	buf_printf(b, "hook = %s\n", hook_names[c->hook]);
	for (size_t i = 0; c->hook == HOOK_DOVECOT && i < c->quiet_header.n; i++) {
		buf_text(b, "quiet_header = ");
		buf_text(b, c->quiet_header.v[i]);
		buf_text(b, "\n");
	}
}

static int
write_all(int fd, const struct buf *b)
{
	ssize_t n = write(fd, b->data, b->len);

	if (n >= 0 && (size_t)n < b->len) {
		errno = ENOSPC;
		return -1;
	}
	return n < 0 || fchmod(fd, 0644) < 0 ? -1 : 0;
}

static int
write_file(const char *path, const struct buf *b)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int rc, failure;

	if (fd < 0)
		return -1;
	rc = write_all(fd, b);
	failure = errno;
	if (close(fd) < 0 && rc == 0)
		return -1;
	errno = failure;
	return rc;
}

int
modconf_write(const struct config *c, struct err *err)
{
	char path[4096], draft[4096 + 8], memory[MODCONF_SIZE_MAX];
	struct buf b;

	buf_fixed(&b, memory, sizeof(memory));
	print(c, &b);
	if (b.failed || (c->hook == HOOK_DOVECOT && c->quiet_header.n > MODCONF_QUIET_MAX))
		return err_set(err, "quiet_header: with hook = dovecot at most %d rules, %d octets in all",
		    MODCONF_QUIET_MAX, MODCONF_SIZE_MAX);
	if ((size_t)snprintf(path, sizeof(path), "%s/module", c->run_dir) >= sizeof(path))
		return err_set(err, "run_dir: too long");
	snprintf(draft, sizeof(draft), "%s.new", path);
	if (write_file(draft, &b) < 0 || rename(draft, path) < 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	return 0;
}
