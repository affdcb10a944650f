/*
 * The allowance of `burst` pushes at once and then one each burst_interval is one number: the time
 * when it will be full again.  A time that lies further ahead than it can be was written by another
 * clock, and counts for nothing.
 */
#include "daemon/pace.h"

#define HOUR_S	3600

bool
pace_is_away(const struct config *c, const struct delivery *d)
{
	return c->unseen_max > 0 && d->unseen >= (uint64_t)c->unseen_max;
}

static bool
new_hour(const struct delivery *d, int64_t now_s)
{
	return now_s - d->high_since >= HOUR_S || now_s < d->high_since;
}

bool
pace_may_be_high(const struct delivery *d, int64_t now_s)
{
	return new_hour(d, now_s) || d->high_count < PACE_HIGH_AN_HOUR;
}

static int64_t
burst_wait_ms(const struct config *c, const struct delivery *d, int64_t now_ms)
{
	int64_t interval = c->burst_interval * 1000, ahead = d->burst_ms - now_ms;
	int64_t allowed = (c->burst - 1) * interval;

	if (ahead > c->burst * interval)
		return 0;
	return ahead <= allowed ? 0 : ahead - allowed;
}

/* What the answers asked for. */
static int64_t
answer_wait_s(const struct delivery *d, int64_t now_s)
{
	int64_t wait = d->wait_until - now_s, whole = d->wait_until - d->last_try;

	return whole >= 0 && whole < wait ? whole : wait;
}

static int64_t
away_wait_s(const struct config *c, const struct delivery *d, int64_t now_s)
{
	int64_t wait = d->unseen_sync + c->sync_interval - now_s;

	return pace_is_away(c, d) && wait <= c->sync_interval ? wait : 0;
}

int64_t
pace_verify_wait_ms(const struct delivery *d, int64_t now_ms)
{
	int64_t wait = answer_wait_s(d, now_ms / 1000);

	return wait > 0 ? wait * 1000 : 0;
}

int64_t
pace_wait_ms(const struct config *c, const struct delivery *d, int64_t now_ms)
{
	int64_t now_s = now_ms / 1000, wait = burst_wait_ms(c, d, now_ms);
	int64_t answer = pace_verify_wait_ms(d, now_ms), away = away_wait_s(c, d, now_s) * 1000;

	if (answer > wait)
		wait = answer;
	return away > wait ? away : wait;
}

void
pace_used(const struct config *c, struct delivery *d, bool high, int64_t now_ms)
{
	int64_t full = c->burst * c->burst_interval * 1000;

	if (d->burst_ms < now_ms || d->burst_ms > now_ms + full)
		d->burst_ms = now_ms;
	d->burst_ms += c->burst_interval * 1000;
	if (!high)
		return;
	if (new_hour(d, now_ms / 1000)) {
		d->high_since = now_ms / 1000;
		d->high_count = 0;
	}
	d->high_count++;
}

void
pace_taken(struct delivery *d, bool with_envelope, int64_t now_s)
{
	if (with_envelope)
		d->unseen++;
	else
		d->unseen_sync = now_s;
}
