/*
 * file: a small file, read whole.
 */
#ifndef ADMIN_FILE_H
#define ADMIN_FILE_H

#include "lib/buf.h"

/* "-" is stdin.  text gets at most max octets; wipe it.  0, or an exit code, and it was said. */
int	file_read(const char *path, size_t max, struct buf *text);

#endif
