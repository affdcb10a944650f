/*
 * Any octets as a header block: an ENVELOPE is what the reader of lists takes and writes again octet
 * for octet, no ENVELOPE leaves nothing behind, and CRLF or LF is no difference.
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/envelope.h"
#include "lib/envlist.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool claim)
{
	if (!claim)
		abort();
}

static void
check_read_back(struct slice list)
{
	static uint8_t memory[ENVELOPE_TEXT_MAX];
	enum envelope_reason reason;
	struct buf again;

	buf_fixed(&again, memory, sizeof(memory));
	must(envlist_rewrite(list, &again, &reason, NULL) == 0 && reason == ENVELOPE_OK);
	must(slice_equal(list, buf_all(&again)));
}

static void
check_crlf(struct slice block, enum envelope_reason reason, struct slice list)
{
	static uint8_t block_memory[2 * ENVELOPE_HEADER_MAX], memory[2 * ENVELOPE_TEXT_MAX];
	struct buf crlf, out;

	buf_fixed(&crlf, block_memory, sizeof(block_memory));
	for (size_t i = 0; i < block.len; i++) {
		if (block.p[i] == '\n')
			buf_octet(&crlf, '\r');
		buf_octet(&crlf, (uint8_t)block.p[i]);
	}
	if (crlf.len > ENVELOPE_HEADER_MAX)
		return;
	buf_fixed(&out, memory, sizeof(memory));
	must(envelope_write(buf_all(&crlf), &out) == reason);
	must(slice_equal(buf_all(&out), list));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[2 * ENVELOPE_TEXT_MAX];
	struct slice block = { size == 0 ? "" : (const char *)data, size };
	enum envelope_reason reason;
	struct buf out;
	size_t end = envelope_header_end(block);

	must(end <= size && (end == 0 || block.p[end - 1] == '\n'));
	buf_fixed(&out, memory, sizeof(memory));
	reason = envelope_write(block, &out);
	must(!out.failed && (reason == ENVELOPE_OK) == (out.len > 0) && out.len <= ENVELOPE_TEXT_MAX);
	if (reason == ENVELOPE_OK)
		check_read_back(buf_all(&out));
	if (size <= ENVELOPE_HEADER_MAX && memchr(block.p, '\r', size) == NULL)
		check_crlf(block, reason, buf_all(&out));
	return 0;
}
