/*
 * HTTP/2 by libnghttp2.  What it has to send is gathered into records of up to 16 KiB, so that many
 * answers share one write.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/sink/sink.h"

#define RECORD	16384

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct conn *c = arg;

	(void)session;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		c->sink->counts.resets++;
	else if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		conn_request(c, frame->hd.stream_id);
	return 0;
}

static int
on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct conn *c = arg;

	(void)session;
	c->sink->counts.goaways += frame->hd.type == NGHTTP2_GOAWAY;
	return 0;
}

/* libnghttp2's own limit is 1,000 resets at once, then 33 a second. */
static void
set_reset_limit(nghttp2_option *option, bool on)
{
	if (!on)
		nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX);
}

void
h2_open(struct conn *c)
{
	nghttp2_settings_entry streams = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
		c->sink->options.streams };
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		abort();
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	set_reset_limit(option, c->sink->options.reset_limit);
	if (nghttp2_session_server_new2(&c->h2, callbacks, c, option) != 0)
		abort();
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(c->h2, NGHTTP2_FLAG_NONE, &streams, 1);
}

int
h2_take(struct conn *c, const uint8_t *p, size_t n)
{
	return nghttp2_session_mem_recv(c->h2, p, n) == (ssize_t)n ? 0 : -1;
}

static nghttp2_nv
field(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
		strlen(value), NGHTTP2_NV_FLAG_NONE };
}

void
h2_answer(struct conn *c, int32_t stream, int status)
{
	const struct options *o = &c->sink->options;
	char code[16], wait[16];
	nghttp2_nv fields[3];
	size_t n = 0;

	snprintf(code, sizeof(code), "%d", status);
	snprintf(wait, sizeof(wait), "%d", o->retry_after_s);
	fields[n++] = field(":status", code);
	if (status == 201) {
		fields[n++] = field("location", "https://127.0.0.1/m/0123456789abcdef");
		fields[n++] = field("ttl", "60");
	} else if (o->retry_after_s >= 0)
		fields[n++] = field("retry-after", wait);
	nghttp2_submit_response(c->h2, stream, fields, n, NULL);
	if (o->goaway_every > 0 && c->requests % o->goaway_every == 0)
		nghttp2_submit_goaway(c->h2, NGHTTP2_FLAG_NONE,
		    nghttp2_session_get_last_proc_stream_id(c->h2), NGHTTP2_NO_ERROR, NULL, 0);
}

int
h2_fill(struct conn *c)
{
	const uint8_t *p;
	ssize_t n = 0;

	while (c->out.len < RECORD && (n = nghttp2_session_mem_send(c->h2, &p)) > 0)
		buf_put(&c->out, p, (size_t)n);
	if (n == 0 && !nghttp2_session_want_read(c->h2) && !nghttp2_session_want_write(c->h2))
		c->closing = true;
	return n < 0 || c->out.failed ? -1 : 0;
}
