/* Any octets as a header block: ids lie in it and are printable; one's own is never the queue id. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/msgfacts.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool claim)
{
	if (!claim)
		abort();
}

static void
check_id(struct slice block, struct slice id)
{
	if (id.p == NULL)
		return;
	must(id.len > 0 && id.p >= block.p && id.p + id.len <= block.p + block.len);
	for (size_t i = 0; i < id.len; i++)
		must(id.p[i] >= 0x20 && id.p[i] <= 0x7e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const quiet[] = { "X-Spam-Flag: YES", "X:" };
	struct slice block = { (const char *)data, size };
	struct msgfacts facts, without;

	msgfacts_scan(block, quiet, 2, SLICE_NIL, &facts);
	check_id(block, facts.queue_id);
	check_id(block, facts.message_id);
	must((facts.kind & ~(KIND_BULK | KIND_QUIET)) == 0);

	msgfacts_scan(block, quiet, 2, facts.queue_id, &without);
	must(without.kind == facts.kind && slice_equal(without.message_id, facts.message_id));
	must(facts.queue_id.p == NULL || !slice_equal(without.queue_id, facts.queue_id));
	return 0;
}
