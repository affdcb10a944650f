/*
 * A daemon that refuses may close before it has read the question.  So a failed write is no
 * verdict: the reading that follows finds the refusal, or the end of the connection.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/request.h"
#include "admin/running.h"
#include "lib/log.h"
#include "lib/sock.h"

#define READ_SIZE	65536

static int
connect_failed(const char *path, const struct config *c, struct err *err)
{
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		running_tell(path, c, err);
		return EX_UNAVAILABLE;
	case EACCES:
	case EPERM:
		err_set(err, "%s: %s: only root and members of the group %s may ask (admin_group)",
		    path, strerror(errno), c->admin_group);
		return EX_NOPERM;
	default:
		err_set(err, "%s: %s", path, strerror(errno));
		return EX_UNAVAILABLE;
	}
}

static int
open_socket(struct request *r, const struct config *c, struct err *err)
{
	char text[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 8];
	struct sock_addr addr;

	if ((size_t)snprintf(text, sizeof(text), "unix:%s/admin", c->run_dir) >= sizeof(text) ||
	    sock_parse(text, &addr, err) < 0) {
		err_set(err, "run_dir: '%s' is too long", c->run_dir);
		return EX_CONFIG;
	}
	r->fd = sock_connect(&addr);
	return r->fd < 0 ? connect_failed(text + strlen("unix:"), c, err) : 0;
}

/* 1: the socket is ready for events; 0: it was not in time. */
static int
ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&p, 1, REQUEST_TIMEOUT_MS);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static int
busy(struct err *err)
{
	err_set(err, "mailbelld has done nothing for %d s: it is busy or stopped, try again",
	    REQUEST_TIMEOUT_MS / 1000);
	return EX_TEMPFAIL;
}

static void
send_all(int fd, const struct buf *out)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < out->len && ready(fd, POLLOUT)) {
		n = send(fd, out->data + sent, out->len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return;
		sent += n < 0 ? 0 : (size_t)n;
	}
}

static int
ask(struct request *r, const struct wire_request *question, struct err *err)
{
	const struct wire_hello hello = {
		.program = slice_of("mailbell"), .version = slice_of(MAILBELL_VERSION)
	};
	struct buf out;
	int code = 0;

	buf_init(&out, FRAME_MAX + 1024);
	wire_put_hello(&out, &hello);
	wire_put_request(&out, question);
	if (out.failed) {
		err_set(err, "the arguments are too long");
		code = EX_USAGE;
	} else
		send_all(r->fd, &out);
	buf_clear(&out);
	return code;
}

/* Reads what there is behind what was read so far. */
static int
read_more(struct request *r, struct err *err)
{
	uint8_t *room;
	ssize_t n;

	buf_drop(&r->in, r->used);
	r->used = 0;
	room = buf_room(&r->in, READ_SIZE);
	if (room == NULL || !ready(r->fd, POLLIN))
		return busy(err);
	n = recv(r->fd, room, READ_SIZE, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		err_set(err, "mailbelld closed the connection before its answer was complete%s%s: "
		    "its log says why", n < 0 ? ": " : "", n < 0 ? strerror(errno) : "");
		return EX_TEMPFAIL;
	}
	r->in.len += n < 0 ? 0 : (size_t)n;
	return 0;
}

static int
not_understood(struct err *err)
{
	err_set(err, "mailbelld's answer cannot be read: are both of one version?");
	return EX_PROTOCOL;
}

static int
next_frame(struct request *r, struct frame *f, struct err *err)
{
	size_t used;
	int rc, code;

	for (;;) {
		const uint8_t *p = (const uint8_t *)buf_all(&r->in).p;

		rc = frame_next(p + r->used, r->in.len - r->used, FRAME_MAX_ROW, f, &used);
		if (rc != 0)
			break;
		code = read_more(r, err);
		if (code != 0)
			return code;
	}
	if (rc < 0)
		return not_understood(err);
	r->used += used;
	return 0;
}

static int
read_verdict(struct request *r, struct err *err)
{
	struct slice text;
	struct frame f;
	int code = next_frame(r, &f, err);

	if (code != 0)
		return code;
	if (f.type == WIRE_OK)
		return 0;
	if (wire_get_refused(&f, &text) < 0)
		return not_understood(err);
	err_set(err, "mailbelld refused: %s", log_clean(text).text);
	return EX_NOPERM;
}

int
request_open(struct request *r, const struct config *c, const struct wire_request *question,
    struct err *err)
{
	int code;

	r->fd = -1;
	r->used = 0;
	buf_init(&r->in, FRAME_MAX_ROW + 2 * READ_SIZE);
	code = open_socket(r, c, err);
	if (code == 0)
		code = ask(r, question, err);
	if (code == 0)
		code = read_verdict(r, err);
	return code;
}

int
request_send(struct request *r, struct buf *out, bool *answered, struct err *err)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN | POLLOUT };
	size_t sent = 0;
	ssize_t n;
	int rc;

	while (sent < out->len && !*answered) {
		rc = poll(&p, 1, REQUEST_TIMEOUT_MS);
		if (rc == 0)
			return busy(err);
		*answered = rc > 0 && (p.revents & (POLLIN | POLLHUP | POLLERR)) != 0;
		if (rc < 0 || *answered)
			continue;
		n = send(r->fd, out->data + sent, out->len - sent, MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			*answered = true;	/* the reading that follows finds out */
	}
	buf_reset(out);
	return 0;
}

int
request_next(struct request *r, struct frame *f, struct err *err)
{
	int code = next_frame(r, f, err);

	if (code == 0 && f->type != WIRE_ROW && f->type != WIRE_DONE)
		return not_understood(err);
	return code;
}

void
request_close(struct request *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	buf_clear(&r->in);
}
