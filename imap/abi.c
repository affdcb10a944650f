/*
 * Dovecot ends a process whose module exports the version of another ABI, or needs a function that is
 * not there; in lmtp that stops mail.  So our modules export no version, and are linked so that nothing
 * has to be there (see the Makefile): they load into any Dovecot, and look for themselves, here.
 *
 * What this Dovecot's ABI is, each module of its own says.  The one asked is notify, which comes with
 * Dovecot's core and which the storage module builds on; it lies in our own folder.
 *
 * Only libc is called directly, and i_error if it is there.
 */
#include "config.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "imap/abi.h"

#define NOTIFY	"lib15_notify_plugin.so"
#define REMEDY	"it does nothing, mail and IMAP go on; install the mailbell for this Dovecot, " \
		"then doveadm reload"

/* Our own file: *name, and the length of the folder before it, with the slash. */
static const char *
whereabouts(int *folder_len)
{
	static const char here;
	const char *slash;
	Dl_info info;

	*folder_len = 0;
	if (dladdr(&here, &info) == 0)
		return "";
	slash = strrchr(info.dli_fname, '/');
	if (slash != NULL)
		*folder_len = (int)(slash + 1 - info.dli_fname);
	return info.dli_fname;
}

/* As Dovecot compares: what stands in parentheses behind it does not count. */
static bool
is_same(const char *a, const char *b)
{
	size_t n = strcspn(a, "(");

	return n == strcspn(b, "(") && memcmp(a, b, n) == 0;
}

static void
complain(const char *name, const char *running)
{
	void (*log_error)(const char *, ...) = NULL;
	char line[512];

	if (running == NULL)
		(void)snprintf(line, sizeof(line), "mailbell: %s was built for Dovecot's ABI %s, and "
		    "which one this is cannot be found out (" NOTIFY "): " REMEDY, name, ABI_BUILT_FOR);
	else
		(void)snprintf(line, sizeof(line), "mailbell: %s was built for Dovecot's ABI %s, and "
		    "this one has %s: " REMEDY, name, ABI_BUILT_FOR, running);
	*(void **)&log_error = dlsym(RTLD_DEFAULT, "i_error");
	if (log_error != NULL)
		log_error("%s", line);
	else	/* Dovecot's log process reads it */
		(void)fprintf(stderr, "%s\n", line);
}

bool
abi_fits(void)
{
	int folder_len;
	const char *file = whereabouts(&folder_len), *const *running = NULL;
	char path[PATH_MAX];
	void *notify;
	bool fits;

	(void)snprintf(path, sizeof(path), "%.*s" NOTIFY, folder_len, file);
	notify = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (notify != NULL)
		running = dlsym(notify, "notify_plugin_version");
	fits = running != NULL && is_same(*running, ABI_BUILT_FOR);
	if (!fits)
		complain(file + folder_len, running == NULL ? NULL : *running);
	if (notify != NULL)
		(void)dlclose(notify);
	return fits;
}
