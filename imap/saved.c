/*
 * One connection per process, since Dovecot's delivery processes have one thread.  All memory is
 * static: no delivery can fail here for want of it.
 *
 * A daemon that was restarted may want other things: that its connection has ended is looked at
 * before the settings are used.  If it ends just then, the frame is refused without an octet taken,
 * and goes out once more on a new connection.  A daemon that reads too slowly gets no second try:
 * the frame is counted as lost.
 */
#include "lib.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/frame.h"
#include "imap/link.h"
#include "imap/saved.h"

#define HELLO_SIZE	512

static struct {
	const char	*program;
	int		 fd;		/* -1: none */
	uid_t		 euid;		/* that made it */
	uint64_t	 lost;		/* frames that were not told since the last hello */
	bool		 complained;
	char		 text[MODCONF_SIZE_MAX + 1];
	struct modconf	 conf;		/* points into text */
	uint8_t		 memory[FRAME_MAX + HELLO_SIZE];
} self = { .fd = -1 };

void
saved_init(const char *program)
{
	self.program = program;
}

static void
disconnect(void)
{
	if (self.fd >= 0)
		close(self.fd);
	self.fd = -1;
}

void
saved_deinit(void)
{
	disconnect();
}

/* What the daemon wrote for us; without the file, as if it were empty. */
static void
read_settings(void)
{
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd;

	if (link_path("module", path, sizeof(path)) == 0 &&
	    (fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) >= 0) {
		n = read(fd, self.text, sizeof(self.text) - 1);
		close(fd);
	}
	self.text[n > 0 ? n : 0] = '\0';
	modconf_parse(self.text, &self.conf);
}

static int
say_hello(void)
{
	uint8_t memory[HELLO_SIZE];
	struct buf b;

	buf_fixed(&b, memory, sizeof(memory));
	wire_put_hello(&b, &(struct wire_hello){
	    .program = slice_of(self.program), .version = slice_of(MAILBELL_VERSION),
	    .module_abi = slice_of(DOVECOT_ABI_VERSION),
	    .hook = slice_of(self.conf.hook_dovecot ? "dovecot" : NULL), .lost = self.lost });
	return b.failed ? -1 : link_send(self.fd, &b);
}

static int
reconnect(void)
{
	disconnect();
	read_settings();
	self.fd = link_open("saved");
	if (self.fd < 0)
		return -1;
	self.euid = geteuid();
	if (say_hello() < 0) {
		disconnect();
		return -1;
	}
	self.lost = 0;
	self.complained = false;
	return 0;
}

static bool
connected(void)
{
	return self.fd >= 0 && self.euid == geteuid() && !link_gone(self.fd);
}

const struct modconf *
saved_settings(void)
{
	if (!connected())
		(void)reconnect();
	return &self.conf;
}

/* 0, or what errno was; ENOTCONN: nobody is there. */
static int
try_send(const struct buf *frame)
{
	int failure;

	if (!connected() && reconnect() < 0)
		return ENOTCONN;
	if (link_send(self.fd, frame) == 0)
		return 0;
	failure = errno;
	disconnect();
	return failure;
}

/* 0, or -1 where it is lost. */
static int
send_frame(const struct buf *frame)
{
	bool kept = connected();
	int failure = try_send(frame);

	if (kept && (failure == EPIPE || failure == ECONNRESET))
		failure = try_send(frame);
	return failure == 0 ? 0 : -1;
}

/* Once, until the daemon is there again: a line for each mail would help nobody. */
static void
count_loss(const char *why)
{
	self.lost++;
	if (!self.complained)
		i_warning("mailbell: the daemon cannot be told of deliveries (%s); "
		    "mail is not affected", why);
	self.complained = true;
}

static void
tell(const struct buf *frame)
{
	if (frame->failed)
		count_loss("a name is too long");
	else if (send_frame(frame) < 0)
		count_loss(strerror(errno));
}

void
saved_message(const struct wire_saved *saved)
{
	struct buf b;

	buf_fixed(&b, self.memory, sizeof(self.memory));
	wire_put_saved(&b, saved);
	tell(&b);
}

void
saved_end(const struct wire_end *end)
{
	struct buf b;

	buf_fixed(&b, self.memory, sizeof(self.memory));
	wire_put_end(&b, end);
	tell(&b);
}
