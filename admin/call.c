#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/call.h"

int
call_complain(int code, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("mailbell: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

bool
call_agreed(const struct options *o, const char *question)
{
	char line[16];

	if (o->yes || !isatty(STDIN_FILENO))
		return true;
	fprintf(stderr, "%s. [y/N] ", question);
	return fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}
