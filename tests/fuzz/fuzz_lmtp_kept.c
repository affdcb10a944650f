/*
 * Any text as what a program hands to the next: empty where it is refused, else within bounds and,
 * written and read again, the same.
 */
#include "lmtp/kept.h"
#include "tests/fuzz/fuzz.h"

#define SELF	42

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kept k, again, empty;
	char *text = malloc(size + 1);
	struct buf out;

	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (kept_parse(text, SELF, &k) == 0) {
		must(memcmp(&k, &empty, sizeof(k)) == 0);
	} else {
		must(k.n_listeners <= KEPT_LISTENERS_MAX && k.n_workers <= KEPT_WORKERS_MAX);
		buf_init(&out, 32 * 1024);
		kept_write(&k, SELF, &out);
		must(!out.failed && out.data[out.len - 1] == '\0');
		must(kept_parse((const char *)out.data, SELF, &again) == 1);
		must(memcmp(&k, &again, sizeof(k)) == 0);
		must(kept_parse((const char *)out.data, SELF + 1, &again) == 0);
		buf_clear(&out);
	}
	free(text);
	return 0;
}
