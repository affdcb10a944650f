/*
 * headers: header blocks that a program goes through again and again, and what that costs.
 */
#ifndef BENCH_HEADERS_H
#define BENCH_HEADERS_H

#include "lib/slice.h"

/*
 * The blocks are in the file at path: each its length, four octets big endian, and its octets.  For
 * each line of standard input, a number of passes, calls each() for all of them so often, and prints
 * ns of CPU for one pass.  What each() returns is added up and printed, too: it has to be made.
 */
int	headers_serve(const char *path, size_t (*each)(struct slice block));

/* Calls show() for each block. */
int	headers_show(const char *path, void (*show)(struct slice block));

#endif
