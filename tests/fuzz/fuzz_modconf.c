/* Any octets as run_dir/module: rules of one line each, within the text, and not more than the bound. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/modconf.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct modconf m;
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	modconf_parse(text, &m);
	if (m.n > MODCONF_QUIET_MAX)
		abort();
	for (size_t i = 0; i < m.n; i++)
		if (m.quiet[i] < text || m.quiet[i] > text + size || *m.quiet[i] == '\0' ||
		    strchr(m.quiet[i], '\n') != NULL)
			abort();
	free(text);
	return 0;
}
