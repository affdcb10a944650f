#include <string.h>

#include "daemon/account.h"

int
account_name(struct slice user, char out[WIRE_USER_MAX + 1])
{
	if (user.len == 0 || user.len > WIRE_USER_MAX || memchr(user.p, '\0', user.len) != NULL)
		return -1;
	memcpy(out, user.p, user.len);
	out[user.len] = '\0';
	return 0;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int
account_of_recipient(const struct config *c, struct slice address, char out[WIRE_USER_MAX + 1])
{
	char *at, *detail;

	if (account_name(address, out) < 0)
		return -1;
	if (c->account_format == ACCOUNT_EXACT)
		return 0;
	for (char *p = out; *p != '\0'; p++)
		*p = lower(*p);
	at = strrchr(out, '@');
	if (at == NULL)
		at = out + strlen(out);
	detail = c->recipient_delimiter[0] == '\0' ? NULL : strpbrk(out, c->recipient_delimiter);
	if (detail != NULL && detail > out && detail < at) {
		memmove(detail, at, strlen(at) + 1);
		at = detail;
	}
	if (c->account_format == ACCOUNT_LOCALPART)
		*at = '\0';
	return out[0] == '\0' ? -1 : 0;
}
