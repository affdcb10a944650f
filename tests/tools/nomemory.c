/*
 * Preloaded, it lets one in 40 allocations fail, in no order, while the file $NOMEMORY is there.
 *	cc -shared -fPIC -o nomemory.so nomemory.c
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);

static int
fails(void)
{
	static atomic_uint calls;
	const char *path = getenv("NOMEMORY");
	int saved = errno, there = path != NULL && access(path, F_OK) == 0;

	errno = saved;
	if (!there || (atomic_fetch_add(&calls, 1) * 2654435761u >> 16) % 40 != 0)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}
