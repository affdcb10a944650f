/*
 * A table of fixed size, whatever hosts people name: hosts that fall into the same place within a
 * minute share its allowance, which makes some wait and lets none through that should.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "daemon/flood.h"
#include "daemon/hash.h"

#define PLACES	4096
#define MINUTE	60

struct flood {
	struct {
		int64_t		since;
		unsigned	n;
	} place[PLACES];
};

struct flood *
flood_new(void)
{
	struct flood *f = calloc(1, sizeof(*f));

	if (f == NULL)
		abort();
	return f;
}

void
flood_free(struct flood *f)
{
	free(f);
}

static size_t
place_of(const char *host)
{
	return (size_t)(hash_text(host) % PLACES);
}

static bool
is_over(const struct flood *f, size_t i, int64_t now)
{
	return f->place[i].n == 0 || now - f->place[i].since >= MINUTE;
}

int64_t
flood_wait(const struct flood *f, const char *host, int64_t now)
{
	size_t i = place_of(host);

	if (is_over(f, i, now) || f->place[i].n < FLOOD_A_MINUTE)
		return 0;
	return f->place[i].since + MINUTE - now;
}

void
flood_count(struct flood *f, const char *host, int64_t now)
{
	size_t i = place_of(host);

	if (is_over(f, i, now)) {
		f->place[i].since = now;
		f->place[i].n = 0;
	}
	f->place[i].n++;
}
