/* Any octets as frames: what can be read can be written again, octet for octet. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/frame.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* false: the fields are malformed. */
static bool
rewrite(const struct frame *f, struct buf *out)
{
	struct field field;
	struct slice text;
	uint64_t n;
	size_t pos = 0, start = frame_begin(out, f->type);
	int rc;

	while ((rc = frame_field(f, &pos, &field)) == 1) {
		if (field_u64(&field, &n) == 0)
			frame_put_u64(out, field.tag, n);
		else if (field_text(&field, &text) == 0)
			frame_put_slice(out, field.tag, text);
		else
			frame_put_octets(out, field.tag, field.value.p, field.value.len);
	}
	frame_end(out, start);
	return rc == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame f;
	struct buf out;
	size_t used;

	buf_init(&out, FRAME_MAX + 4);
	while (frame_next(data, size, FRAME_MAX, &f, &used) == 1) {
		if (used > size)
			abort();
		buf_reset(&out);
		if (rewrite(&f, &out) &&
		    (out.failed || out.len != used || memcmp(out.data, data, used) != 0))
			abort();
		data += used;
		size -= used;
	}
	buf_clear(&out);
	return 0;
}
