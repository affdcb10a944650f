/*
 * envelope: from a header block to the ENVELOPE, by ours.
 *
 *	envelope FILE <passes		(tests/bench/headers/headers.h)
 *	envelope --show FILE		for each block the reason, the length, and the ENVELOPE
 */
#include <stdio.h>
#include <string.h>

#include "lib/envelope.h"
#include "tests/bench/headers/headers.h"

static struct buf out;

static size_t
each(struct slice block)
{
	buf_reset(&out);
	(void)envelope_write(block, &out);
	return out.len;
}

static void
show(struct slice block)
{
	enum envelope_reason reason;

	buf_reset(&out);
	reason = envelope_write(block, &out);
	printf("%d %zu\n", (int)reason, out.len);
	fwrite(out.data, 1, out.len, stdout);
	putchar('\n');
}

int
main(int argc, char **argv)
{
	buf_init(&out, 2 * ENVELOPE_TEXT_MAX);
	if (argc == 3 && strcmp(argv[1], "--show") == 0)
		return headers_show(argv[2], show);
	return argc == 2 ? headers_serve(argv[1], each) : 64;
}
