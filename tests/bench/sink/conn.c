/*
 * A connection is read until nothing more is there, and only then written to: so what came together
 * is answered together.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/sink/sink.h"

#define CHUNK		16384
#define IN_MAX		65536
#define OUT_MAX		(1 << 20)

static void
end(struct conn *c)
{
	loop_del(c->sink->loop, &c->watch);
	close(c->watch.fd);
	SSL_free(c->ssl);
	nghttp2_session_del(c->h2);
	buf_clear(&c->in);
	buf_clear(&c->out);
	c->sink->counts.open -= c->greeted;
	c->over = true;
	conn_let_go(c);
}

void
conn_let_go(struct conn *c)
{
	if (c->over && c->owed == 0)
		free(c);
}

static int
status_of(struct sink *sink)
{
	const struct options *o = &sink->options;
	uint64_t n = sink->counts.good + sink->counts.bad;

	/* Spread evenly, and the same in every run. */
	return o->bad_every > 0 && (n + 1) % o->bad_every == 0 ? o->bad_status : 201;
}

void
conn_answer(struct conn *c, int32_t stream)
{
	int status = status_of(c->sink);

	if (status == 201)
		c->sink->counts.good++;
	else
		c->sink->counts.bad++;
	if (c->h2 != NULL)
		h2_answer(c, stream, status);
	else
		h1_answer(c, status);
}

void
conn_request(struct conn *c, int32_t stream)
{
	c->requests++;
	c->sink->counts.requests++;
	if (c->sink->options.never)
		return;
	if (c->sink->options.delay_ms > 0)
		later_put(c->sink, c, stream);
	else
		conn_answer(c, stream);
}

/* 1: may go on; 0: the kernel is full; -1: broken. */
static int
write_out(struct conn *c)
{
	int n, why;

	while (c->out.len > 0) {
		n = SSL_write(c->ssl, c->out.data, (int)c->out.len);
		if (n <= 0) {
			why = SSL_get_error(c->ssl, n);
			return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : -1;
		}
		buf_drop(&c->out, (size_t)n);
	}
	return 1;
}

void
conn_flush(struct conn *c)
{
	int rc;

	do {
		rc = c->h2 != NULL && h2_fill(c) < 0 ? -1 : 1;
		if (c->out.len == 0)
			break;
		if (rc > 0)
			rc = write_out(c);
	} while (rc > 0);
	if (rc < 0 || (rc > 0 && c->closing))
		end(c);
	else
		loop_change(c->sink->loop, &c->watch, EPOLLIN | (rc == 0 ? EPOLLOUT : 0));
}

static void
count_connection(struct counts *counts)
{
	counts->connections++;
	if (++counts->open > counts->most)
		counts->most = counts->open;
}

/* 1: done; 0: more is to come; -1: broken. */
static int
greet(struct conn *c)
{
	const unsigned char *chosen;
	unsigned len;
	int rc = SSL_accept(c->ssl), why;

	if (rc <= 0) {
		why = SSL_get_error(c->ssl, rc);
		return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
	}
	c->greeted = true;
	count_connection(&c->sink->counts);
	SSL_get0_alpn_selected(c->ssl, &chosen, &len);
	if (len == 2 && memcmp(chosen, "h2", 2) == 0) {
		c->sink->counts.h2_connections++;
		h2_open(c);
	}
	return 1;
}

/* Takes all that is there.  0, or -1. */
static int
read_in(struct conn *c)
{
	uint8_t chunk[CHUNK];
	int n, why;

	while ((n = SSL_read(c->ssl, chunk, sizeof(chunk))) > 0) {
		c->sink->counts.octets += (uint64_t)n;
		if ((c->h2 != NULL ? h2_take : h1_take)(c, chunk, (size_t)n) < 0)
			return -1;
	}
	why = SSL_get_error(c->ssl, n);
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void
on_ready(void *arg, uint32_t events)
{
	struct conn *c = arg;
	int rc = c->greeted ? 1 : greet(c);

	(void)events;
	if (rc > 0)
		rc = read_in(c);
	if (rc < 0)
		end(c);
	else if (c->greeted)
		conn_flush(c);
}

void
conn_open(struct sink *sink, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->ssl = SSL_new(sink->tls)) == NULL)
		abort();
	c->sink = sink;
	c->watch = (struct loop_watch){ fd, EPOLLIN, on_ready, c };
	buf_init(&c->in, IN_MAX);
	buf_init(&c->out, OUT_MAX);
	SSL_set_fd(c->ssl, fd);
	if (loop_add(sink->loop, &c->watch) < 0)
		abort();
}
