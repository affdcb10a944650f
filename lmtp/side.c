#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lmtp/side.h"

void
side_init(struct side *s, struct loop *loop, size_t in_max, void (*ready)(void *arg, uint32_t events),
    void *arg)
{
	memset(s, 0, sizeof(*s));
	s->loop = loop;
	s->watch = (struct loop_watch){ .fd = -1, .ready = ready, .arg = arg };
	buf_init(&s->in, in_max);
}

void
side_open(struct side *s, int fd)
{
	s->watch.fd = fd;
	s->eof = s->deaf = false;
}

void
side_close(struct side *s)
{
	side_want(s, 0);
	if (s->watch.fd >= 0)
		close(s->watch.fd);
	s->watch.fd = -1;
	s->eof = s->deaf = true;
	buf_clear(&s->in);
}

void
side_want(struct side *s, uint32_t events)
{
	if (s->watch.fd < 0 || (events == 0 && !s->watched))
		return;
	if (events == 0) {
		loop_del(s->loop, &s->watch);
		s->watched = false;
	} else if (s->watched) {
		loop_change(s->loop, &s->watch, events);
	} else {
		s->watch.events = events;
		s->watched = loop_add(s->loop, &s->watch) == 0;
	}
}

bool
side_may_read(const struct side *s)
{
	return s->watch.fd >= 0 && !s->eof && s->in.len < s->in.max;
}

void
side_read(struct side *s, size_t chunk)
{
	size_t room = s->in.max - s->in.len;
	ssize_t n;

	if (!side_may_read(s))
		return;
	if (chunk > room)
		chunk = room;
	n = recv(s->watch.fd, buf_room(&s->in, chunk), chunk, 0);
	if (n > 0)
		s->in.len += (size_t)n;
	else if (n == 0)
		s->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		s->eof = s->deaf = true;
}

size_t
side_write(struct side *s, struct buf *out)
{
	size_t before = out->len;
	ssize_t n = 0;

	while (!s->deaf && out->len > 0) {
		n = send(s->watch.fd, out->data, out->len, MSG_NOSIGNAL);
		if (n > 0)
			buf_drop(out, (size_t)n);
		else if (n < 0 && errno == EAGAIN)
			break;
		else if (n < 0 && errno != EINTR)
			s->deaf = true;
	}
	if (s->deaf)
		buf_reset(out);
	return before - out->len;
}
