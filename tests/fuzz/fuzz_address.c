/* Any octets as an address list: groups are closed, addresses are whole, strings are clean. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/address.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool claim)
{
	if (!claim)
		abort();
}

static void
check_string(struct slice s)
{
	must(s.len <= ADDRESS_TEXT_MAX);
	must(s.p == NULL || memchr(s.p, '\0', s.len) == NULL);
	must(s.p == NULL || memchr(s.p, '\n', s.len) == NULL);
}

/* Where a group is open, the structure without any string closes it. */
static bool
check_address(const struct address *a, bool in_group)
{
	check_string(a->name);
	check_string(a->route);
	check_string(a->mailbox);
	check_string(a->host);
	if (a->host.p != NULL) {
		must(a->mailbox.p != NULL && a->host.len > 0);
		must(a->name.p == NULL || a->name.len > 0 || a->mailbox.p != NULL);
		return in_group;
	}
	must(a->name.p == NULL && a->route.p == NULL);
	must((a->mailbox.p == NULL) == in_group);
	return !in_group;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address_list list;
	struct address a;
	bool in_group = false;
	size_t n = 0;
	int rc;

	address_init(&list, (struct slice){ size == 0 ? "" : (const char *)data, size });
	while ((rc = address_next(&list, &a)) > 0) {
		must(++n <= 2 * size);
		in_group = check_address(&a, in_group);
	}
	must(rc < 0 ? size > ADDRESS_TEXT_MAX : !in_group);
	return 0;
}
