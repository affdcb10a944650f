/*
 * Any octets as an IMAP string and, where they are UTF-8, as a mailbox name: what is written reads
 * back the same, and a buffer that is too small says so and nothing else.
 */
#include "lib/frame.h"
#include "lib/imapstr.h"
#include "tests/fuzz/imapread.h"

#define MAX	4096



static void
check_small(void (*write)(struct buf *, struct slice), struct slice s, size_t len, size_t room)
{
	uint8_t *memory = malloc(room + 1);
	struct buf small;

	must(memory != NULL);
	memory[room] = 0x5a;
	buf_fixed(&small, memory, room);
	write(&small, s);
	must(small.len <= room && small.failed == (len > room) && memory[room] == 0x5a);
	free(memory);
}

static struct imapread
written(void (*write)(struct buf *, struct slice), struct slice s, struct buf *out)
{
	buf_reset(out);
	write(out, s);
	must(!out->failed);
	check_small(write, s, out->len, out->len / 2);
	check_small(write, s, out->len, out->len);
	return (struct imapread){ (const char *)out->data, (const char *)out->data + out->len };
}

static void
check_strings(struct slice s, struct buf *out, struct buf *back)
{
	struct imapread r = written(imapstr_nstring, s, out);

	buf_reset(back);
	must(imapread_nstring(&r, back) && r.p == r.end);
	must(slice_equal(s, buf_all(back)));

	r = written(imapstr_astring, s, out);
	if (slice_equal(s, buf_all(out))) {	/* an atom: no reader may take it for something else */
		must(s.len > 0 && strchr("\"{(", s.p[0]) == NULL);
		must(!(s.len == 3 && strncasecmp(s.p, "NIL", 3) == 0));
		for (size_t i = 0; i < s.len; i++)
			must(s.p[i] > ' ' && s.p[i] < 0x7f && strchr("(){%*\"\\]", s.p[i]) == NULL);
		return;
	}
	buf_reset(back);
	must(imapread_nstring(&r, back) && r.p == r.end);
	must(slice_equal(s, buf_all(back)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out_memory[8 * MAX], back_memory[4 * MAX];
	struct slice s = { size == 0 ? "" : (const char *)data, size };
	struct buf out, back;
	struct imapread r;

	if (size > MAX)
		return 0;
	buf_fixed(&out, out_memory, sizeof(out_memory));
	buf_fixed(&back, back_memory, sizeof(back_memory));
	check_strings(s, &out, &back);
	if (!utf8_valid(s))
		return 0;
	r = written(imapstr_mailbox, s, &out);
	buf_reset(&back);
	imapread_mailbox(&r, &back);
	must(r.p == r.end && slice_equal(s, buf_all(&back)));
	return 0;
}
