/*
 * The one module of lib/ with a state of its own, since a process has one log; it is set before
 * there are threads, but for the rate of warnings, which has a lock.  A line goes out in one write, so
 * that lines of several processes do not mix, and without control characters, whatever was put into it.
 * Where who reads stderr (the journal, a pipe) has stopped, lines are left out and counted: mail is
 * not to wait for that.
 *
 * Outcomes are as many as there are mails and pushes.  What else repeats, an error for each mail or
 * each peer, is bounded by lograte.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/frame.h"
#include "lib/log.h"
#include "lib/lograte.h"

#define LINE_MAX_LEN	2048
#define ROOM		4096	/* what a pipe has, if it has any, and takes in one piece */
#define WORDS_MAX	128	/* that tell of lines which were left out, in front of others */
#define HELD_MAX	(ROOM - WORDS_MAX)
#define WAIT_MS		50	/* for who reads stderr, and no more often than */
#define WAIT_EVERY_MS	1000

static const char *name = "mailbell";
static bool use_syslog;
static enum log_level threshold = LOG_LEVEL_INFO;
static struct lograte rate;
static pthread_mutex_t rate_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int64_t wait_again_ms;
static _Atomic uint64_t unread;		/* lines that found no room */
static bool holding;			/* by a program that logs from one thread */
static char held[HELD_MAX];
static size_t held_len, held_lines;

static const struct {
	const char	*word;		/* in lines to stderr */
	int		 priority;	/* for syslog */
} levels[] = {
	[LOG_LEVEL_INFO] = { "", LOG_INFO },
	[LOG_LEVEL_NOTICE] = { "", LOG_NOTICE },
	[LOG_LEVEL_WARN] = { "warning: ", LOG_WARNING },
	[LOG_LEVEL_FATAL] = { "fatal: ", LOG_ERR },
};

void
log_open(const char *program, bool to_syslog, enum log_level level)
{
	if (use_syslog)
		closelog();
	name = program;
	use_syslog = to_syslog;
	threshold = level;
	if (to_syslog)
		openlog(name, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

static bool
has_room(int timeout_ms)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&p, 1, timeout_ms) > 0;
}

/* With any room, as a pipe or a socket tells it, a write of up to ROOM does not block. */
static bool
may_write(void)
{
	int64_t now_ms;

	if (has_room(0))
		return true;
	now_ms = clock_mono_ms();
	if (now_ms < wait_again_ms)
		return false;
	wait_again_ms = now_ms + WAIT_EVERY_MS;
	return has_room(WAIT_MS);
}

/* One write, even with words in front: the words alone may take all the room that there is. */
static void
to_stderr(char *lines, size_t len, size_t count)
{
	char words[WORDS_MAX] = "";
	struct iovec parts[] = { { .iov_base = words }, { lines, len } };
	uint64_t n;

	if (!may_write()) {
		unread += count;
		return;
	}
	n = atomic_exchange(&unread, 0);
	if (n > 0)
		snprintf(words, sizeof(words), "%s: %s%" PRIu64 " lines were left out: nobody read the "
		    "log\n", name, levels[LOG_LEVEL_WARN].word, n);
	parts[0].iov_len = strlen(words);
	while (writev(STDERR_FILENO, parts, 2) < 0 && errno == EINTR)
		;
}

static void
write_held(void)
{
	if (held_len > 0)
		to_stderr(held, held_len, held_lines);
	held_len = held_lines = 0;
}

/* len octets of line, and the LF that ends it. */
static void
put_line(char *line, size_t len, enum log_level level)
{
	line[len++] = '\n';
	if (!holding) {
		to_stderr(line, len, 1);
		return;
	}
	if (len > sizeof(held) - held_len)
		write_held();
	memcpy(held + held_len, line, len);
	held_len += len;
	held_lines++;
	if (level > LOG_LEVEL_INFO)
		write_held();
}

void
log_hold(bool hold)
{
	write_held();
	holding = hold;
}

static void put(enum log_level level, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
put(enum log_level level, const char *fmt, va_list ap)
{
	char line[LINE_MAX_LEN];
	size_t head, len;
	int n;

	if (level < threshold)
		return;
	n = snprintf(line, sizeof(line), "%s: %s", name, levels[level].word);
	head = n < 0 || (size_t)n >= sizeof(line) ? 0 : (size_t)n;
	vsnprintf(line + head, sizeof(line) - head, fmt, ap);
	len = strlen(line);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	if (use_syslog)
		syslog(levels[level].priority, "%s", line + head);
	else
		put_line(line, len, level);
}

static void say(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(level, fmt, ap);
	va_end(ap);
}

static void put_rated(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* A warning; the format is its kind. */
static void
put_rated(const char *fmt, va_list ap)
{
	uint64_t left_out = 0;
	bool may;

	pthread_mutex_lock(&rate_lock);
	may = lograte_may(&rate, fmt, clock_mono_ms(), &left_out);
	pthread_mutex_unlock(&rate_lock);
	if (!may)
		return;
	if (left_out > 0)
		say(LOG_LEVEL_WARN, "%" PRIu64 " lines like the next one were left out", left_out);
	put(LOG_LEVEL_WARN, fmt, ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void
log_notice(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_LEVEL_NOTICE, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_rated(fmt, ap);
	va_end(ap);
}

void
log_fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_LEVEL_FATAL, fmt, ap);
	va_end(ap);
}

/* The octets of the character at p (at most left); 0: it is no UTF-8. */
static size_t
character(const char *p, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++)
		if (utf8_valid((struct slice){ p, n }))
			return n;
	return 0;
}

/* Whether a character may move the cursor, break the line or turn the direction of what follows. */
static bool
is_harmful(const unsigned char *p, size_t n)
{
	if (n == 1)
		return p[0] < 0x20 || p[0] == 0x7f;
	if (n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;			/* U+0080 to U+009F */
	if (n != 3 || p[0] != 0xe2)
		return false;
	return (p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||	/* U+2028 to U+202E */
	    (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);		/* U+2066 to U+2069 */
}

/* How many of the first octets, at most max, stay as they are: nearly always all. */
static size_t
plain(struct slice s, size_t max)
{
	size_t n = 0;

	while (n < s.len && n < max && s.p[n] >= 0x20 && s.p[n] < 0x7f)
		n++;
	return n;
}

void
log_clean_to(struct buf *b, struct slice s)
{
	size_t n;

	for (size_t i = 0; i < s.len && !b->failed; i += n) {
		n = plain((struct slice){ s.p + i, s.len - i }, b->max - b->len);
		if (n > 0) {
			buf_put(b, s.p + i, n);
			continue;
		}
		n = character(s.p + i, s.len - i);
		if (n == 0 || is_harmful((const unsigned char *)s.p + i, n)) {
			buf_octet(b, '?');
			n += n == 0;
		} else
			buf_put(b, s.p + i, n);
	}
}

struct log_text
log_clean(struct slice s)
{
	struct log_text out;
	struct buf b;

	buf_fixed(&b, out.text, LOG_CLEAN_MAX);
	log_clean_to(&b, s);
	out.text[b.len] = '\0';
	return out;
}
