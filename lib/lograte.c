#include <stddef.h>

#include "lib/lograte.h"

/* The slot of a kind: its own, or that of the kind that was quiet for the longest. */
static struct lograte_kind *
find(struct lograte *r, const void *key, int64_t now_ms)
{
	struct lograte_kind *oldest = &r->kinds[0];

	for (int i = 0; i < LOGRATE_KINDS; i++) {
		if (r->kinds[i].key == key)
			return &r->kinds[i];
		if (r->kinds[i].key == NULL || r->kinds[i].last_ms < oldest->last_ms)
			oldest = &r->kinds[i];
		if (oldest->key == NULL)
			break;
	}
	*oldest = (struct lograte_kind){ .key = key, .since_ms = now_ms };
	return oldest;
}

bool
lograte_may(struct lograte *r, const void *key, int64_t now_ms, uint64_t *left_out)
{
	struct lograte_kind *kind = find(r, key, now_ms);

	kind->last_ms = now_ms;
	if (now_ms - kind->since_ms >= LOGRATE_MS) {
		kind->since_ms = now_ms;
		kind->written = 0;
	}
	if (kind->written == LOGRATE_LINES) {
		kind->left_out++;
		return false;
	}
	kind->written++;
	*left_out = kind->left_out;
	kind->left_out = 0;
	return true;
}
