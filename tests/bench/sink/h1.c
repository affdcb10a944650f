/*
 * HTTP/1.1 with Content-Length, kept alive.  A request is looked at when all of it is there.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/sink/sink.h"

#define LENGTH	"content-length:"

/* What the header says of the body, which follows it. */
static size_t
body_length(const char *head, size_t n)
{
	const char *line = head, *end;

	while ((end = memchr(line, '\n', n - (size_t)(line - head))) != NULL) {
		if (strncasecmp(line, LENGTH, sizeof(LENGTH) - 1) == 0)
			return strtoul(line + sizeof(LENGTH) - 1, NULL, 10);
		line = end + 1;
	}
	return 0;
}

/* The octets of the first request in `in`; 0: not all of it is there. */
static size_t
request_length(const struct buf *in)
{
	const char *head = (const char *)in->data, *end = memmem(head, in->len, "\r\n\r\n", 4);
	size_t n;

	if (end == NULL)
		return 0;
	n = (size_t)(end - head) + 4;
	n += body_length(head, n);
	return n <= in->len ? n : 0;
}

int
h1_take(struct conn *c, const uint8_t *p, size_t n)
{
	size_t used;

	buf_put(&c->in, p, n);
	if (c->in.failed)
		return -1;
	while (c->in.len > 0 && (used = request_length(&c->in)) > 0) {
		buf_drop(&c->in, used);
		conn_request(c, 0);
	}
	return 0;
}

void
h1_answer(struct conn *c, int status)
{
	const struct options *o = &c->sink->options;

	c->closing = o->goaway_every > 0 && c->requests % o->goaway_every == 0;
	buf_printf(&c->out, "HTTP/1.1 %d x\r\nContent-Length: 0\r\n", status);
	if (status == 201)
		buf_text(&c->out, "Location: https://127.0.0.1/m/0123456789abcdef\r\nTTL: 60\r\n");
	else if (o->retry_after_s >= 0)
		buf_printf(&c->out, "Retry-After: %d\r\n", o->retry_after_s);
	buf_text(&c->out, c->closing ? "Connection: close\r\n\r\n" : "\r\n");
}
