/*
 * A join whose sink writes down what it hears, one line per notice and acknowledgement, to be compared
 * as text.
 */
#ifndef TESTS_JOIN_ROOM_H
#define TESTS_JOIN_ROOM_H

#include <string.h>

#include "daemon/join.h"

static const uint8_t hash_key[JOIN_KEY] = { 1, 2, 3 };

static const struct join_limits defaults = {
	.locate = true, .locate_timeout_ms = 2000, .arrival_timeout_ms = 120000,
	.milter_wait_ms = 3600000, .saved_max = 50000, .milter_max = 64 * 1024 * 1024,
};

struct room {
	struct join	*join;
	struct buf	 heard;
	bool		 refuses;
	size_t		 notices;
};

static inline int
on_notice(void *arg, const struct join_notice *n)
{
	struct room *r = arg;

	if (r->refuses)
		return -1;
	r->notices++;
	buf_printf(&r->heard, "%s:", n->cause);
	if (n->user.p != NULL)
		buf_printf(&r->heard, " %.*s", (int)n->user.len, n->user.p);
	if (n->mailbox.p != NULL)
		buf_printf(&r->heard, " %.*s/%u", (int)n->mailbox.len, n->mailbox.p, n->uid);
	if (n->recipient.p != NULL)
		buf_printf(&r->heard, " <%.*s>", (int)n->recipient.len, n->recipient.p);
	buf_printf(&r->heard, " %.*s\n", n->envelope.p == NULL ? 4 : (int)n->envelope.len,
	    n->envelope.p == NULL ? "SYNC" : n->envelope.p);
	return 0;
}

static inline void
on_acknowledge(void *arg, uint64_t peer, uint64_t seq)
{
	struct room *r = arg;

	buf_printf(&r->heard, "ack %u/%u\n", (unsigned)peer, (unsigned)seq);
}

static inline void
on_nothing(void *arg, const struct join_notice *n)
{
	struct room *r = arg;

	buf_printf(&r->heard, "nothing: <%.*s>\n", (int)n->recipient.len, n->recipient.p);
}

static inline void
room_open(struct room *r, const struct join_limits *limits)
{
	memset(r, 0, sizeof(*r));
	r->join = join_new(limits, hash_key);
	buf_init(&r->heard, 1 << 20);
}

static inline void
room_close(struct room *r)
{
	join_free(r->join);
	buf_clear(&r->heard);
}

static inline void
run(struct room *r, int64_t now_ms)
{
	struct join_sink sink = { on_notice, on_acknowledge, r, on_nothing };

	join_run(r->join, now_ms, 1000, &sink);
}

/* What was heard since the last call. */
static inline void
expect(struct room *r, const char *text)
{
	buf_octet(&r->heard, '\0');
	assert_string_equal((char *)r->heard.data, text);
	buf_reset(&r->heard);
}

/* recipients: address, token (NULL: none), ..., NULL. */
static inline int
arrive_as(struct room *r, uint64_t seq, const char *envelope, const char *message_id, int64_t now_ms,
    const char *const *recipients)
{
	struct wire_arrival a = { .seq = seq, .time_ms = 7, .queue_id = slice_of("QID"),
		.message_id = slice_of(message_id), .envelope = slice_of(envelope), .kind = 1 };
	struct wire_recipient to;
	struct frame f;
	struct buf b;
	size_t start, used;
	int rc;

	if (envelope == NULL)
		a.reason = ENVELOPE_TOO_LONG;
	buf_init(&b, FRAME_MAX);
	start = wire_begin_arrival(&b, &a);
	for (; *recipients != NULL; recipients += 2) {
		to.address = slice_of(recipients[0]);
		to.token = slice_of(recipients[1]);
		wire_put_recipient(&b, &to);
	}
	wire_end_arrival(&b, start);
	assert_int_equal(frame_next(b.data, b.len, FRAME_MAX, &f, &used), 1);
	assert_int_equal(wire_get_arrival(&f, &a), 0);
	rc = join_arrival(r->join, 1, &a, now_ms);
	buf_clear(&b);
	return rc;
}

#define ARRIVE(r, seq, now, ...)	assert_int_equal(arrive_as(r, seq, "(E)", "<m@x>", now, \
	    (const char *const[]){ __VA_ARGS__, NULL, NULL }), 0)

static inline void
save_as(struct room *r, const char *service, const char *token, const char *user,
    const char *mailbox, uint32_t uid, const char *message_id, int64_t now_ms)
{
	struct wire_saved s = { .token = slice_of(token), .service = slice_of(service),
		.user = slice_of(user), .mailbox = slice_of(mailbox), .uidvalidity = 9, .uid = uid,
		.queue_id = slice_of("QID"), .message_id = slice_of(message_id) };

	join_saved(r->join, &s, now_ms);
}

static inline void
save(struct room *r, const char *token, const char *user, const char *mailbox, uint32_t uid,
    int64_t now_ms)
{
	save_as(r, "lmtp", token, user, mailbox, uid, "<m@x>", now_ms);
}

static inline void
end(struct room *r, const char *token, uint64_t n, int64_t now_ms)
{
	struct wire_end e = { .token = slice_of(token), .user = slice_of("alice"), .n = n };

	join_end(r->join, &e, now_ms);
}

#endif
