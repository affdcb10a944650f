/*
 * Preloaded, it makes allocations fail as the file $NOMEMORY says, which is mapped into every process:
 * five numbers of 64 bits,
 *
 *	armed	0: nothing is counted, nothing fails
 *	nth	this call since then fails, and no other; 0: none
 *	every	one in so many fails, in no order; 0: none
 *	calls	that were counted
 *	failed	of them
 *
 * With $NOMEMORY_IN, only calls count that have a function of such an object (a part of its path) among
 * their callers: one module's, in a program whose own calls are none of our business.
 *
 *	cc -D_GNU_SOURCE -shared -fPIC -fexceptions -o nomemory.so nomemory.c -lgcc_s
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

#define FRAMES_MAX	64

void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);

struct control {
	_Atomic uint64_t armed, nth, every, calls, failed;
};

static struct control *control;
static char within[64];	/* "": all calls.  A copy, as Dovecot writes over its environment */
static __thread bool looking;	/* what follows may allocate itself */

struct walk {
	int	frames;
	bool	found;
};

static _Unwind_Reason_Code
on_frame(struct _Unwind_Context *context, void *arg)
{
	struct walk *walk = arg;
	struct dl_find_object object;

	/* dladdr would look for the symbol, too, each time. */
	if (_dl_find_object((void *)_Unwind_GetIP(context), &object) == 0 &&
	    object.dlfo_link_map->l_name != NULL && strstr(object.dlfo_link_map->l_name, within) != NULL)
		walk->found = true;
	return walk->found || ++walk->frames == FRAMES_MAX ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static bool
counts(void)
{
	struct walk walk = { 0 };

	if (within[0] == '\0')
		return true;
	looking = true;
	_Unwind_Backtrace(on_frame, &walk);
	looking = false;
	return walk.found;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("NOMEMORY"), *in = getenv("NOMEMORY_IN");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *map = MAP_FAILED;

	if (in != NULL)
		(void)snprintf(within, sizeof(within), "%s", in);
	if (fd >= 0) {
		map = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (map != MAP_FAILED)
		control = map;
}

static bool
fails(void)
{
	int saved = errno;
	uint64_t call, every;

	if (control == NULL || control->armed == 0 || looking || !counts()) {
		errno = saved;
		return false;
	}
	errno = saved;
	call = ++control->calls;
	every = control->every;
	if (call != control->nth && (every == 0 || ((uint32_t)(call * 2654435761u) >> 16) % every != 0))
		return false;
	control->failed++;
	errno = ENOMEM;
	return true;
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
