/*
 *	closed -- enough witnesses --> paused -- its time is over, one push starts --> probing
 *	probing -- taken, or answered --> closed
 *	probing -- failed --> paused, twice as long
 *	probing -- failed, by an account that has failed a probe of this outage before, or that is no
 *	    witness --> paused until now: the next in line is the probe
 *
 * The last line is what keeps one account from prolonging a pause that it could not have caused.  For
 * the same reason a pause is as long as the least that the witnesses were asked for, and a probe that
 * is asked to wait is believed up to twice the last pause.
 */
#include <string.h>

#include "daemon/breaker.h"

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool
counts(const struct breaker_witness *w, enum breaker_cause cause, int64_t now)
{
	return w->account != 0 && (cause != BREAKER_BUSY || now - w->at < BREAKER_WINDOW_S);
}

/* The account's own place, else a free one, else the oldest. */
static struct breaker_witness *
place_of(struct breaker *b, enum breaker_cause cause, uint64_t account, int64_t now)
{
	struct breaker_witness *w = b->witness[cause], *place = w;

	for (int i = 0; i < BREAKER_WITNESSES; i++)
		if (w[i].account == account)
			return &w[i];
	for (int i = 0; i < BREAKER_WITNESSES; i++) {
		if (!counts(&w[i], cause, now))
			return &w[i];
		if (w[i].at < place->at)
			place = &w[i];
	}
	return place;
}

/* How many accounts speak against the origin; *asked: the least that they were asked to wait. */
static unsigned
count_witnesses(const struct breaker *b, enum breaker_cause cause, int64_t now, int64_t *asked)
{
	const struct breaker_witness *w = b->witness[cause];
	unsigned n = 0;

	*asked = BREAKER_ASKED_MAX_S;
	for (int i = 0; i < BREAKER_WITNESSES; i++)
		if (counts(&w[i], cause, now)) {
			n++;
			*asked = least(*asked, w[i].asked);
		}
	return n;
}

static void
forget(struct breaker *b)
{
	memset(b->witness, 0, sizeof(b->witness));
	b->row = 0;
}

/* Jitter is added, up to a tenth: nobody is to come back earlier than asked. */
static void
pause(struct breaker *b, enum breaker_cause why, int64_t length, int64_t now, uint32_t random)
{
	b->paused = true;
	b->probing = false;
	b->why = why;
	b->length = length;
	b->until = now + length + random % (length / 10 + 1);
	forget(b);
}

static enum breaker_change
close_it(struct breaker *b)
{
	memset(b, 0, sizeof(*b));
	return BREAKER_CLOSED;
}

/* Without a Retry-After a pause lasts from one minute on, each time twice as long, up to ten. */
static int64_t
own_length(const struct breaker *b)
{
	return least(most(2 * b->length, BREAKER_PAUSE_MIN_S), BREAKER_PAUSE_MAX_S);
}

static int64_t
asked_of(const struct breaker_event *e)
{
	return e->retry_after <= 0 ? 0 : least(e->retry_after, BREAKER_ASKED_MAX_S);
}

static bool
probed_before(const struct breaker *b, uint64_t account)
{
	for (unsigned i = 0; i < BREAKER_PROBES; i++)
		if (b->probed[i] == account)
			return true;
	return false;
}

static enum breaker_change
probe_failed(struct breaker *b, const struct breaker_event *e, int64_t now, uint32_t random)
{
	int64_t asked = asked_of(e), length = own_length(b);

	b->probing = false;
	if (e->account == 0 || probed_before(b, e->account)) {
		b->until = least(b->until, now);
		return BREAKER_SAME;
	}
	b->probed[b->n_probed++ % BREAKER_PROBES] = e->account;
	if (asked > 0)
		length = least(asked, most(2 * b->length, BREAKER_PAUSE_MAX_S));
	pause(b, e->cause, length, now, random);
	return BREAKER_LONGER;
}

static enum breaker_change
note_paused(struct breaker *b, const struct breaker_event *e, int64_t now, uint32_t random)
{
	if (!e->probe)	/* it was under way before */
		return e->outcome == BREAKER_TAKEN && b->why != BREAKER_BUSY ? close_it(b) : BREAKER_SAME;
	switch (e->outcome) {
	case BREAKER_TAKEN:
	case BREAKER_ANSWERED:
		return close_it(b);
	case BREAKER_FAILED:
		return probe_failed(b, e, now, random);
	case BREAKER_NOTHING:
		break;
	}
	b->probing = false;
	return BREAKER_SAME;
}

static enum breaker_change
note_failure(struct breaker *b, const struct breaker_event *e, unsigned need, int64_t now,
    uint32_t random)
{
	int64_t asked;

	if (e->account == 0)
		return BREAKER_SAME;
	*place_of(b, e->cause, e->account, now) = (struct breaker_witness){ e->account, now, asked_of(e) };
	if (e->cause == BREAKER_UNREACHABLE && ++b->row < BREAKER_FAILURES)
		return BREAKER_SAME;
	if (count_witnesses(b, e->cause, now, &asked) < need)
		return BREAKER_SAME;
	pause(b, e->cause, asked > 0 ? asked : own_length(b), now, random);
	return BREAKER_OPENED;
}

enum breaker_change
breaker_note(struct breaker *b, const struct breaker_event *e, unsigned need, int64_t now,
    uint32_t random)
{
	if (b->paused)
		return note_paused(b, e, now, random);
	switch (e->outcome) {
	case BREAKER_TAKEN:
		memset(b->witness[BREAKER_KEY_REFUSED], 0, sizeof(b->witness[0]));
		/* FALLTHROUGH */
	case BREAKER_ANSWERED:
		memset(b->witness[BREAKER_UNREACHABLE], 0, sizeof(b->witness[0]));
		b->row = 0;
		break;
	case BREAKER_FAILED:
		if (e->cause != BREAKER_UNREACHABLE) {	/* it was reached */
			memset(b->witness[BREAKER_UNREACHABLE], 0, sizeof(b->witness[0]));
			b->row = 0;
		}
		return note_failure(b, e, need, now, random);
	case BREAKER_NOTHING:
		break;
	}
	return BREAKER_SAME;
}

bool
breaker_allows(const struct breaker *b, int64_t now)
{
	return !b->paused || (!b->probing && now >= b->until);
}

bool
breaker_start(struct breaker *b)
{
	b->probing = b->paused;
	return b->probing;
}

void
breaker_restore(struct breaker *b, enum breaker_cause why, int64_t until)
{
	b->paused = true;
	b->why = why;
	b->until = until;
}

bool
breaker_idle(const struct breaker *b, int64_t now)
{
	int64_t asked;

	if (b->paused || b->row > 0)
		return false;
	for (int cause = 0; cause < BREAKER_CAUSES; cause++)
		if (count_witnesses(b, (enum breaker_cause)cause, now, &asked) > 0)
			return false;
	return true;
}

const char *
breaker_cause_text(enum breaker_cause cause)
{
	static const char *const texts[BREAKER_CAUSES] = { "unreachable", "busy", "key refused" };

	return texts[cause];
}
