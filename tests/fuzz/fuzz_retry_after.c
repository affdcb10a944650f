/* Any octets as Retry-After: -1, or a wait within its bounds that does not grow as time goes by. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/retry.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t now = 1800000000;
	char *text = malloc(size + 1);
	int64_t wait, later;

	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	wait = retry_after_parse(text, now);
	later = retry_after_parse(text, now + 60);
	if (wait < -1 || wait > INT32_MAX || (wait == -1) != (later == -1) || later > wait)
		abort();
	free(text);
	return 0;
}
