#include <stdarg.h>
#include <stdio.h>

#include "lib/err.h"

int
(err_set)(struct err *err, const char *fmt, ...)
{
	va_list ap;

	if (err != NULL) {
		va_start(ap, fmt);
		vsnprintf(err->text, sizeof(err->text), fmt, ap);
		va_end(ap);
	}
	return -1;
}
