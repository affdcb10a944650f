/*
 * Only small sites are counted to the end, and only there it matters: a big one has three accounts at
 * every service that counts, and what is left over is bounded by the waits of each subscription.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/census.h"
#include "daemon/guard.h"
#include "daemon/hash.h"

#define PLACES	64

struct known {
	char			origin[GUARD_ORIGIN_MAX];	/* "": nothing */
	int64_t			at;
	struct census_count	count;
};

struct census {
	struct known	place[PLACES];
};

struct census *
census_new(void)
{
	struct census *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	return c;
}

void
census_free(struct census *c)
{
	free(c);
}

static bool
is_at(const struct subscription *sub, const char *origin)
{
	char name[GUARD_ORIGIN_MAX];

	guard_origin(sub->normal, name);
	return sub->state == SUB_ACTIVE && strcmp(name, origin) == 0;
}

static struct census_count
count(struct store *s, const char *origin)
{
	struct census_count n = { 0, false };
	struct subscription sub;
	char account[WIRE_USER_MAX + 1] = "", id[SUB_ID_MAX + 1] = "", last[WIRE_USER_MAX + 1] = "";
	struct err err;
	int rc = 1;

	for (int i = 0; i < CENSUS_LOOKS && n.accounts < CENSUS_ENOUGH; i++) {
		rc = store_sub_next(s, account, id, &sub, &err);
		if (rc != 1)
			break;
		memcpy(account, sub.account, sizeof(account));
		memcpy(id, sub.id, sizeof(id));
		if (!is_at(&sub, origin) || strcmp(last, account) == 0)
			continue;
		memcpy(last, account, sizeof(last));
		n.accounts++;
	}
	n.whole = rc == 0;
	explicit_bzero(&sub, sizeof(sub));
	return n;
}

static size_t
place_of(const char *origin)
{
	return (size_t)(hash_text(origin) % PLACES);
}

struct census_count
census_take(struct census *c, struct store *s, const char *origin, int64_t now)
{
	struct known *k = &c->place[place_of(origin)];

	if (strcmp(k->origin, origin) == 0 &&
	    now - k->at < (k->count.accounts == 0 ? CENSUS_NOBODY_S : CENSUS_KEEP_S))
		return k->count;
	k->origin[0] = '\0';
	strncat(k->origin, origin, sizeof(k->origin) - 1);
	k->at = now;
	k->count = count(s, origin);
	return k->count;
}
