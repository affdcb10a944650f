/* Any octets as base64url: refused, or what is read is written and read again the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64url.h"

#define MAX	4096

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t octets[MAX], again[MAX];
	static char text[BASE64URL_LEN(MAX) + 1];
	int len = base64url_decode((struct slice){ (const char *)data, size }, octets, MAX);

	if (len == -1)
		return 0;
	base64url_encode(text, octets, (size_t)len);
	if (strlen(text) > size || base64url_decode(slice_of(text), again, MAX) != len ||
	    memcmp(octets, again, (size_t)len) != 0)
		abort();
	return 0;
}
