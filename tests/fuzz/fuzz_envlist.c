/* Any octets as a list: what is taken is short enough, and is taken again as it was written. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/envlist.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool claim)
{
	if (!claim)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[2 * ENVELOPE_TEXT_MAX], again_memory[ENVELOPE_TEXT_MAX];
	struct err err = { "" };
	enum envelope_reason reason;
	struct buf out, again;

	buf_fixed(&out, memory, sizeof(memory));
	if (envlist_rewrite((struct slice){ (const char *)data, size }, &out, &reason, &err) < 0) {
		must(err.text[0] != '\0' && out.len == 0 && !out.failed);
		return 0;
	}
	must(!out.failed && (reason == ENVELOPE_OK) == (out.len > 0) && out.len <= ENVELOPE_TEXT_MAX);
	if (reason != ENVELOPE_OK)
		return 0;
	must(memchr(out.data, '\0', out.len) == NULL);
	buf_fixed(&again, again_memory, sizeof(again_memory));
	must(envlist_rewrite(buf_all(&out), &again, &reason, NULL) == 0 && reason == ENVELOPE_OK);
	must(slice_equal(buf_all(&out), buf_all(&again)));
	return 0;
}
