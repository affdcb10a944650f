/*
 * envelope: what lib/envelope makes of the header of each file named on standard input, one path a
 * line.  For each: the reason, a space, the length of the list, a newline, the list, a newline.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/envelope.h"

/* The header block of the file, as a hook keeps it: one octet over the maximum shows that it is too big. */
static struct slice
read_block(const char *path, char *memory, size_t size)
{
	FILE *file = fopen(path, "rb");
	struct slice all;
	size_t end;

	if (file == NULL) {
		perror(path);
		exit(1);
	}
	all = (struct slice){ memory, fread(memory, 1, size, file) };
	fclose(file);
	end = envelope_header_end(all);
	return end == 0 ? all : (struct slice){ memory, end };
}

int
main(void)
{
	static char memory[ENVELOPE_HEADER_MAX + 1];
	char path[4096];
	struct buf out;

	buf_init(&out, 2 * ENVELOPE_TEXT_MAX);
	while (fgets(path, sizeof(path), stdin) != NULL) {
		enum envelope_reason reason;

		path[strcspn(path, "\n")] = '\0';
		buf_reset(&out);
		reason = envelope_write(read_block(path, memory, sizeof(memory)), &out);
		printf("%d %zu\n", (int)reason, out.len);
		fwrite(out.data, 1, out.len, stdout);
		putchar('\n');
	}
	buf_clear(&out);
	return fflush(stdout) == 0 ? 0 : 1;
}
