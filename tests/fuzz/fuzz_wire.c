/* Any octets on a socket of the daemon: what is taken can be written, and reads back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each reads a frame and writes what it understood; false: not such a frame. */
#define AGAIN(name)							\
	static bool							\
	again_##name(const struct frame *f, struct buf *out)		\
	{								\
		struct wire_##name x;					\
									\
		if (wire_get_##name(f, &x) < 0)				\
			return false;					\
		wire_put_##name(out, &x);				\
		return true;						\
	}
AGAIN(hello)
AGAIN(saved)
AGAIN(end)
AGAIN(session)
AGAIN(verb)
AGAIN(answer)
AGAIN(request)
AGAIN(done)

static bool
again_arrival(const struct frame *f, struct buf *out)
{
	struct wire_arrival a;
	struct wire_recipient to;
	size_t start, pos = 0;

	if (wire_get_arrival(f, &a) < 0)
		return false;
	start = wire_begin_arrival(out, &a);
	while (wire_recipient(&a, &pos, &to) == 1)
		wire_put_recipient(out, &to);
	wire_end_arrival(out, start);
	return true;
}

static bool
again_ack(const struct frame *f, struct buf *out)
{
	uint64_t seq;

	if (wire_get_ack(f, &seq) < 0)
		return false;
	wire_put_ack(out, seq);
	return true;
}

static bool
again_refused(const struct frame *f, struct buf *out)
{
	struct slice text;
	char *copy;

	if (wire_get_refused(f, &text) < 0)
		return false;
	copy = strndup(text.p, text.len);
	wire_put_refused(out, copy);
	free(copy);
	return true;
}

static bool
again_row(const struct frame *f, struct buf *out)
{
	struct wire_value v;
	size_t pos = 0, start = wire_begin_row(out);
	char *name;
	int rc;

	while ((rc = wire_row_value(f, &pos, &v)) == 1) {
		name = strndup(v.name.p, v.name.len);
		if (v.is_number)
			wire_row_number(out, name, v.number);
		else
			wire_row_text(out, name, v.text);
		free(name);
	}
	wire_end_row(out, start);
	return rc == 0;
}

static const struct {
	enum wire_type	type;
	bool		(*again)(const struct frame *f, struct buf *out);
} frames[] = {
	{ WIRE_HELLO, again_hello }, { WIRE_REFUSED, again_refused }, { WIRE_SAVED, again_saved },
	{ WIRE_END, again_end }, { WIRE_ARRIVAL, again_arrival }, { WIRE_ACK, again_ack },
	{ WIRE_SESSION, again_session }, { WIRE_VERB, again_verb }, { WIRE_ANSWER, again_answer },
	{ WIRE_REQUEST, again_request }, { WIRE_ROW, again_row }, { WIRE_DONE, again_done },
};

static void
check(const struct frame *f, bool (*again)(const struct frame *, struct buf *))
{
	struct buf first, second;
	struct frame g;
	size_t used;

	/* Numbers that were not there are written as 0. */
	buf_init(&first, FRAME_MAX + 1024);
	buf_init(&second, FRAME_MAX + 1024);
	if (again(f, &first)) {
		if (first.failed ||
		    frame_next(first.data, first.len, FRAME_MAX + 1024, &g, &used) != 1)
			abort();
		if (!again(&g, &second) || first.len != second.len ||
		    memcmp(first.data, second.data, first.len) != 0)
			abort();
	}
	buf_clear(&first);
	buf_clear(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame f;
	size_t used;

	while (frame_next(data, size, FRAME_MAX, &f, &used) == 1) {
		for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
			if (frames[i].type == f.type)
				check(&f, frames[i].again);
		data += used;
		size -= used;
	}
	return 0;
}
