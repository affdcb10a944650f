/* Any octets as a header block: the fields lie in it one behind the other, and so do their parts. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/header.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool claim)
{
	if (!claim)
		abort();
}

static void
check_name(struct slice name)
{
	must(memchr(name.p, ':', name.len) == NULL);
	must(memchr(name.p, '\n', name.len) == NULL);
	must(name.len == 0 || (name.p[name.len - 1] != ' ' && name.p[name.len - 1] != '\t'));
}

/* A LF is only stood on where another line of the value follows. */
static void
check_value(struct slice value)
{
	struct header_cursor c;
	const char *last = value.p;

	for (header_cursor_init(&c, value); c.p < c.end; header_cursor_step(&c)) {
		must(c.p >= last);
		must(*c.p != '\n' || (c.end - c.p > 1 && (c.p[1] == ' ' || c.p[1] == '\t')));
		last = c.p + 1;
	}
	must(c.p == c.end && c.end == value.p + value.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice block = { (const char *)data, size };
	const char *at = block.p;
	struct header h;
	struct header_field f;

	header_init(&h, block);
	while (header_next(&h, &f)) {
		must(f.start == at || at == NULL);
		must(f.name.p == f.start && f.value.p >= f.name.p + f.name.len);
		must(f.value.p + f.value.len <= h.p && h.p <= block.p + size && h.p > f.start);
		must(h.p[-1] == '\n' || h.p == block.p + size);
		check_name(f.name);
		check_value(f.value);
		must(header_trim(f.value).len <= f.value.len);
		at = h.p;
	}
	return 0;
}
