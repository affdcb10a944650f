#include "lib/log.h"
#include "lib/uplink.h"
#include "lib/wire.h"

#define ANSWER_MAX	2048	/* octets of a frame of the daemon */

void
uplink_fill(struct frameq *q, struct buf *out)
{
	struct slice frame;

	while (out->len < UPLINK_OUT_HIGH && (frame = frameq_unsent(q)).p != NULL) {
		buf_slice(out, frame);
		frameq_sent(q);
	}
}

static int
take_frame(struct frameq *q, const struct frame *f, bool *welcome, struct err *err)
{
	struct frameq_item *item;
	struct slice text;
	uint64_t seq;

	if (f->type == WIRE_OK && !*welcome) {
		*welcome = true;
		return 0;
	}
	if (wire_get_ack(f, &seq) == 0) {
		item = frameq_find(q, seq);
		if (item != NULL)
			frameq_drop(q, item);
		return 0;
	}
	if (wire_get_refused(f, &text) == 0)
		return err_set(err, "refused: %s", log_clean(text).text);
	return err_set(err, "the daemon gave no answer that this program knows");
}

int
uplink_take(struct frameq *q, struct buf *in, bool *welcome, struct err *err)
{
	struct frame f;
	size_t pos = 0, used;
	int rc;

	while ((rc = frame_next(in->data + pos, in->len - pos, ANSWER_MAX, &f, &used)) == 1) {
		if (take_frame(q, &f, welcome, err) < 0)
			return -1;
		pos += used;
	}
	if (rc < 0)
		return err_set(err, "the daemon sent what is no frame");
	buf_drop(in, pos);
	return 0;
}
