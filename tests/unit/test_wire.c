/* Each frame reads back as it was written, at its bounds, and is refused beyond them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/wire.h"

#define S(text)	((struct slice){ text, sizeof(text) - 1 })

static uint8_t memory[FRAME_MAX];
static char x[8192];	/* many x */

static struct buf
fresh(void)
{
	struct buf b;

	memset(x, 'x', sizeof(x));
	buf_fixed(&b, memory, sizeof(memory));
	return b;
}

/* The one frame in b. */
static struct frame
whole(const struct buf *b)
{
	struct frame f;
	size_t used;

	assert_false(b->failed);
	assert_int_equal(frame_next(b->data, b->len, FRAME_MAX, &f, &used), 1);
	assert_int_equal(used, b->len);
	return f;
}

static void
assert_slice(struct slice have, struct slice want)
{
	assert_true((have.p == NULL) == (want.p == NULL));
	assert_true(slice_equal(have, want));
}

static void
hello(void **state)
{
	const struct wire_hello in = { .program = S("mailbell-lmtp"), .version = S("0.1"),
		.hook = S("lmtp"), .lost = UINT64_MAX };
	struct buf b = fresh();
	struct wire_hello out;
	struct frame f;

	(void)state;
	wire_put_hello(&b, &in);
	f = whole(&b);
	assert_int_equal(wire_get_hello(&f, &out), 0);
	assert_slice(out.program, in.program);
	assert_slice(out.version, in.version);
	assert_slice(out.module_abi, SLICE_NIL);
	assert_slice(out.hook, in.hook);
	assert_true(out.lost == UINT64_MAX);
	f.type = WIRE_OK;
	assert_int_equal(wire_get_hello(&f, &out), -1);
}

static void
refused(void **state)
{
	struct buf b = fresh();
	struct slice text;
	struct frame f;

	(void)state;
	wire_put_refused(&b, "not you");
	f = whole(&b);
	assert_int_equal(f.type, WIRE_REFUSED);
	assert_int_equal(wire_get_refused(&f, &text), 0);
	assert_slice(text, S("not you"));
	b = fresh();
	wire_put_ok(&b);
	f = whole(&b);
	assert_int_equal(f.type, WIRE_OK);
	assert_int_equal(wire_get_refused(&f, &text), -1);
}

static struct wire_saved
a_saved(void)
{
	return (struct wire_saved){
		.time_ms = 1700000000123, .token = S("tok"), .service = S("lmtp"), .user = S("alice"),
		.mailbox = S("Gel\xc3\xb6scht"), .special_use = S("\\Trash"), .seen = true,
		.uidvalidity = UINT32_MAX, .uid = 1, .queue_id = S("4jYSd"), .message_id = S("<a@b>"),
	};
}

/* Writes and reads; out points into memory. */
static int
through(const struct wire_saved *in, struct wire_saved *out)
{
	struct buf b = fresh();
	struct frame f;

	wire_put_saved(&b, in);
	f = whole(&b);
	return wire_get_saved(&f, out);
}

static void
saved(void **state)
{
	struct wire_saved in = a_saved(), out;

	(void)state;
	assert_int_equal(through(&in, &out), 0);
	assert_int_equal(out.time_ms, in.time_ms);
	assert_slice(out.token, in.token);
	assert_slice(out.service, in.service);
	assert_slice(out.user, in.user);
	assert_slice(out.mailbox, in.mailbox);
	assert_slice(out.special_use, in.special_use);
	assert_true(out.seen);
	assert_int_equal(out.uidvalidity, UINT32_MAX);
	assert_int_equal(out.uid, 1);
	assert_slice(out.queue_id, in.queue_id);
	assert_slice(out.message_id, in.message_id);
	assert_false(out.has_content);
	assert_slice(out.envelope, SLICE_NIL);
	in.seen = false;
	in.special_use = in.queue_id = in.message_id = SLICE_NIL;
	assert_int_equal(through(&in, &out), 0);
	assert_false(out.seen);
	assert_slice(out.queue_id, SLICE_NIL);
}

static void
saved_with_content(void **state)
{
	struct wire_saved in = a_saved(), out;

	(void)state;
	in.has_content = true;
	in.envelope = S("(NIL)");
	in.kind = 3;
	assert_int_equal(through(&in, &out), 0);
	assert_true(out.has_content);
	assert_slice(out.envelope, in.envelope);
	assert_int_equal(out.reason, ENVELOPE_OK);
	assert_int_equal(out.kind, 3);
	in.envelope = SLICE_NIL;
	in.reason = ENVELOPE_TOO_LONG;
	assert_int_equal(through(&in, &out), 0);
	assert_true(out.has_content);
	assert_int_equal(out.reason, ENVELOPE_TOO_LONG);
	in.reason = ENVELOPE_OK;	/* neither content nor a reason */
	assert_int_equal(through(&in, &out), -1);
	in.envelope = S("(NIL)");	/* both */
	in.reason = ENVELOPE_NONE;
	assert_int_equal(through(&in, &out), -1);
	in.envelope = SLICE_NIL;
	in.reason = (enum envelope_reason)(ENVELOPE_NONE + 1);
	assert_int_equal(through(&in, &out), -1);
}

/* Each field at its bound is taken, one octet more ends the connection. */
static void
saved_bounds(void **state)
{
	static const struct {
		size_t offset, max;
	} cases[] = {
		{ offsetof(struct wire_saved, token), WIRE_TOKEN_MAX },
		{ offsetof(struct wire_saved, user), WIRE_USER_MAX },
		{ offsetof(struct wire_saved, mailbox), WIRE_MAILBOX_MAX },
	};
	struct wire_saved in, out;
	struct slice *s;

	(void)state;
	fresh();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		in = a_saved();
		s = (struct slice *)((char *)&in + cases[i].offset);
		*s = (struct slice){ x, cases[i].max };
		assert_int_equal(through(&in, &out), 0);
		s->len++;
		assert_int_equal(through(&in, &out), -1);
		*s = S("a\0b");
		assert_int_equal(through(&in, &out), -1);
		*s = S("\xff");
		assert_int_equal(through(&in, &out), -1);
		*s = SLICE_NIL;
		assert_int_equal(through(&in, &out), -1);
	}
}

/* An id of foreign make that is too long must not cost the whole event. */
static void
long_ids_are_left_out(void **state)
{
	struct wire_saved in = a_saved(), out;

	(void)state;
	fresh();
	in.queue_id = (struct slice){ x, WIRE_ID_MAX };
	in.message_id = (struct slice){ x, WIRE_ID_MAX + 1 };
	assert_int_equal(through(&in, &out), 0);
	assert_int_equal(out.queue_id.len, WIRE_ID_MAX);
	assert_slice(out.message_id, SLICE_NIL);
	in.message_id = S("<\xff@latin1>");
	assert_int_equal(through(&in, &out), 0);
	assert_slice(out.message_id, in.message_id);
}

static void
end(void **state)
{
	const struct wire_end in = { .token = S("tok"), .user = S("alice"), .n = 0 };
	struct buf b = fresh();
	struct wire_end out;
	struct frame f;

	(void)state;
	wire_put_end(&b, &in);
	f = whole(&b);
	assert_int_equal(wire_get_end(&f, &out), 0);
	assert_slice(out.token, in.token);
	assert_slice(out.user, in.user);
	assert_int_equal(out.n, 0);
}

static void
arrival(void **state)
{
	const struct wire_arrival in = { .seq = 7, .time_ms = 8, .queue_id = S("q"),
		.envelope = S("(x)"), .kind = 1 };
	const struct wire_recipient to[] = {
		{ S("a@x"), S("t1") }, { S("b@x"), SLICE_NIL }, { S("c@x"), S("t3") },
	};
	struct wire_recipient got;
	struct wire_arrival out;
	struct buf b = fresh();
	struct frame f;
	size_t start, pos = 0;

	(void)state;
	start = wire_begin_arrival(&b, &in);
	for (size_t i = 0; i < 3; i++)
		wire_put_recipient(&b, &to[i]);
	wire_end_arrival(&b, start);
	f = whole(&b);
	assert_int_equal(wire_get_arrival(&f, &out), 0);
	assert_int_equal(out.seq, 7);
	assert_int_equal(out.time_ms, 8);
	assert_slice(out.queue_id, in.queue_id);
	assert_slice(out.message_id, SLICE_NIL);
	assert_slice(out.envelope, in.envelope);
	assert_int_equal(out.reason, ENVELOPE_OK);
	assert_int_equal(out.kind, 1);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(wire_recipient(&out, &pos, &got), 1);
		assert_slice(got.address, to[i].address);
		assert_slice(got.token, to[i].token);
	}
	assert_int_equal(wire_recipient(&out, &pos, &got), 0);
	assert_int_equal(wire_recipient(&out, &pos, &got), 0);
}

static void
arrival_with_a_long_token(void **state)
{
	struct wire_arrival in = { .reason = ENVELOPE_NONE }, out;
	struct wire_recipient to;
	struct buf b;
	struct frame f;
	size_t start;

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		b = fresh();
		to = (struct wire_recipient){ S("a"), { x, WIRE_TOKEN_MAX + more } };
		start = wire_begin_arrival(&b, &in);
		wire_put_recipient(&b, &to);
		wire_end_arrival(&b, start);
		f = whole(&b);
		assert_int_equal(wire_get_arrival(&f, &out), more == 0 ? 0 : -1);
	}
}

static void
ack(void **state)
{
	struct buf b = fresh();
	struct frame f;
	uint64_t seq;

	(void)state;
	wire_put_ack(&b, UINT64_MAX);
	f = whole(&b);
	assert_int_equal(wire_get_ack(&f, &seq), 0);
	assert_true(seq == UINT64_MAX);
}

static void
session(void **state)
{
	struct wire_session in = { .user = S("alice"), .session = S("s1"), .begin = true }, out;
	struct buf b;
	struct frame f;

	(void)state;
	for (int i = 0; i < 2; i++) {
		b = fresh();
		in.begin = i == 0;
		wire_put_session(&b, &in);
		f = whole(&b);
		assert_int_equal(wire_get_session(&f, &out), 0);
		assert_slice(out.user, in.user);
		assert_slice(out.session, in.session);
		assert_int_equal(out.begin, in.begin);
	}
}

static void
verb(void **state)
{
	struct wire_verb in = { .user = S("alice"), .name = S("SILWEBPUSH"), .n = 3,
		.args = { S("id \xff"), SLICE_NIL, S("") } }, out;
	struct buf b = fresh();
	struct frame f;

	(void)state;
	wire_put_verb(&b, &in);
	f = whole(&b);
	assert_int_equal(wire_get_verb(&f, &out), 0);
	assert_slice(out.session, SLICE_NIL);
	assert_slice(out.name, in.name);
	assert_false(out.malformed);
	assert_int_equal(out.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_slice(out.args[i], in.args[i]);
	b = fresh();
	in.n = 1000;		/* more than are looked at: the count is still right */
	in.malformed = true;
	wire_put_verb(&b, &in);
	f = whole(&b);
	assert_int_equal(wire_get_verb(&f, &out), 0);
	assert_int_equal(out.n, 1000);
	assert_slice(out.args[2], in.args[2]);
	assert_true(out.malformed);
}

static void
answer(void **state)
{
	const struct wire_answer in = { .untagged = S("* X \"\xff\"\r\n"), .tagged = S("OK done"),
		.keep = true };
	struct buf b = fresh();
	struct wire_answer out;
	struct frame f;

	(void)state;
	wire_put_answer(&b, &in);
	f = whole(&b);
	assert_int_equal(wire_get_answer(&f, &out), 0);
	assert_slice(out.untagged, in.untagged);
	assert_slice(out.tagged, in.tagged);
	assert_true(out.keep);
}

static void
request(void **state)
{
	const struct wire_request in = { .verb = S("show"), .n = 2, .args = { S("alice"), S("id") } };
	struct buf b = fresh();
	struct wire_request out;
	struct frame f;

	(void)state;
	wire_put_request(&b, &in);
	f = whole(&b);
	assert_int_equal(wire_get_request(&f, &out), 0);
	assert_slice(out.verb, in.verb);
	assert_int_equal(out.n, 2);
	assert_slice(out.args[0], in.args[0]);
	assert_slice(out.args[1], in.args[1]);
}

static void
row(void **state)
{
	struct buf b = fresh();
	struct wire_value v;
	struct frame f;
	size_t start, pos = 0;

	(void)state;
	start = wire_begin_row(&b);
	wire_row_text(&b, "id", S("a"));
	wire_row_text(&b, "last", SLICE_NIL);
	wire_row_number(&b, "count", -5);
	wire_row_text(&b, "end", SLICE_NIL);
	wire_end_row(&b, start);
	f = whole(&b);
	assert_int_equal(wire_row_value(&f, &pos, &v), 1);
	assert_slice(v.name, S("id"));
	assert_slice(v.text, S("a"));
	assert_false(v.is_number);
	assert_int_equal(wire_row_value(&f, &pos, &v), 1);
	assert_slice(v.name, S("last"));
	assert_slice(v.text, SLICE_NIL);
	assert_int_equal(wire_row_value(&f, &pos, &v), 1);
	assert_true(v.is_number);
	assert_true(v.number == -5);
	assert_int_equal(wire_row_value(&f, &pos, &v), 1);
	assert_slice(v.name, S("end"));
	assert_int_equal(wire_row_value(&f, &pos, &v), 0);
}

static void
done(void **state)
{
	struct wire_done in = { .exit_code = 67, .text = S("no such account") }, out;
	struct buf b = fresh();
	struct frame f;

	(void)state;
	wire_put_done(&b, &in);
	f = whole(&b);
	assert_int_equal(wire_get_done(&f, &out), 0);
	assert_int_equal(out.exit_code, 67);
	assert_slice(out.text, in.text);
	b = fresh();
	in = (struct wire_done){ .exit_code = 256 };
	wire_put_done(&b, &in);
	f = whole(&b);
	assert_int_equal(wire_get_done(&f, &out), -1);
}

/* A later version may add fields; a frame without a needed one is refused. */
static void
unknown_and_missing_fields(void **state)
{
	struct buf b = fresh();
	struct frame f;
	uint64_t seq;
	size_t start;

	(void)state;
	start = frame_begin(&b, WIRE_ACK);
	frame_put_text(&b, 250, "from the future");
	frame_put_u64(&b, 0, 1);
	frame_end(&b, start);
	f = whole(&b);
	assert_int_equal(wire_get_ack(&f, &seq), -1);
	b = fresh();
	wire_put_ack(&b, 5);
	frame_put_text(&b, 250, "from the future");
	frame_end(&b, 0);
	f = whole(&b);
	assert_int_equal(wire_get_ack(&f, &seq), 0);
	assert_int_equal(seq, 5);
	f.len--;
	assert_int_equal(wire_get_ack(&f, &seq), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello), cmocka_unit_test(refused), cmocka_unit_test(saved),
		cmocka_unit_test(saved_with_content), cmocka_unit_test(saved_bounds),
		cmocka_unit_test(long_ids_are_left_out), cmocka_unit_test(end), cmocka_unit_test(arrival),
		cmocka_unit_test(arrival_with_a_long_token), cmocka_unit_test(ack),
		cmocka_unit_test(session), cmocka_unit_test(verb), cmocka_unit_test(answer),
		cmocka_unit_test(request), cmocka_unit_test(row), cmocka_unit_test(done),
		cmocka_unit_test(unknown_and_missing_fields),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
