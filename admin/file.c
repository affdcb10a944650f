#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "admin/call.h"
#include "admin/file.h"

int
file_read(const char *path, size_t max, struct buf *text)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "r");
	uint8_t *room;
	bool failed;

	buf_init(text, max + 1);
	if (file == NULL)
		return call_complain(EX_NOINPUT, "%s: %s", path, strerror(errno));
	room = buf_room(text, max + 1);
	text->len = fread(room, 1, max + 1, file);
	failed = ferror(file);
	if (!is_stdin)
		fclose(file);
	if (failed)
		return call_complain(EX_NOINPUT, "%s: it cannot be read", path);
	if (text->len == 0 || text->len > max)
		return call_complain(EX_DATAERR, "%s: it is empty, or longer than %zu octets", path, max);
	return 0;
}
