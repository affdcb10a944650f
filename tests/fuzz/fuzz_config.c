/* Any octets as mailbell.conf: refused, or printed and read back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/config.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
load(const void *data, size_t size, struct config *c)
{
	struct err err;
	char path[64];
	int fd = memfd_create("mailbell.conf", MFD_CLOEXEC), rc;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = config_load(path, c, &err);
	close(fd);
	return rc;
}

static char *
print(const struct config *c, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	if (out == NULL)
		abort();
	config_print(c, out);
	fclose(out);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config a, b;
	char *first, *second;
	size_t first_size, second_size;

	if (load(data, size, &a) < 0)
		return 0;
	first = print(&a, &first_size);
	if (load(first, first_size, &b) < 0)
		abort();
	second = print(&b, &second_size);
	if (first_size != second_size || memcmp(first, second, first_size) != 0)
		abort();
	free(first);
	free(second);
	config_clear(&a);
	config_clear(&b);
	return 0;
}
