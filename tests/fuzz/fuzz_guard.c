/*
 * Any octets as an endpoint: refused with a reason, or taken with a normal form that is taken, too,
 * and is its own normal form; what is trusted lies below its prefix; what is not has a public host.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/guard.h"

#define PREFIX	"https://ntfy.lan/up/"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guard *
guard(void)
{
	static char any[] = "*", https[] = "443", alternative[] = "8443", prefix[] = PREFIX;
	static char *hosts[] = { any }, *ports[] = { https, alternative }, *allow[] = { prefix };
	static struct config c = {
		.endpoint_hosts = { hosts, 1 }, .endpoint_ports = { ports, 2 },
		.endpoint_allow = { allow, 1 }, .endpoint_literals = true,
	};
	static struct guard *g;

	if (g == NULL)
		g = guard_new(&c, NULL);
	return g;
}

static void
check(const struct guard_endpoint *e)
{
	size_t origin_len = strlen(e->origin);

	if (strncmp(e->normal, e->origin, origin_len) != 0 || e->normal[origin_len] != '/')
		abort();
	if (e->host[0] == '\0' || strstr(e->origin, e->host) != e->origin + strlen("https://"))
		abort();
	if (e->trusted != (strncmp(e->normal, PREFIX, strlen(PREFIX)) == 0))
		abort();
	if (!e->trusted && e->host[0] != '[' && strchr(e->host, '.') == NULL)
		abort();
	if (strpbrk(e->normal, "\\#\"<> ") != NULL || strchr(e->origin, '@') != NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guard_endpoint e, again;
	const char *why = NULL;

	if (guard_check(guard(), (struct slice){ (const char *)data, size }, &e, &why) == -1) {
		if (why == NULL || *why == '\0')
			abort();
		return 0;
	}
	check(&e);
	if (strlen(e.normal) > GUARD_ENDPOINT_MAX)
		return 0;
	if (guard_check(guard(), slice_of(e.normal), &again, &why) == -1 ||
	    strcmp(e.normal, again.normal) != 0 || strcmp(e.origin, again.origin) != 0)
		abort();
	return 0;
}
