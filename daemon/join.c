/*
 * The table of docs/design.md, "Join".  A token's group collects what is said of it, in whatever
 * order; its state (join_int.h) says what it waits for:
 *
 *	ALONE	--- arrival ---------------------------------> LOCATE, or READY where all is there
 *	ALONE	--- arrival_timeout, too many wait ----------> READY	SYNC for each that was saved
 *	LOCATE	--- end with n, and n saved -----------------> READY	n with the ENVELOPE
 *	LOCATE	--- locate_timeout --------------------------> READY	those saved, and one SYNC
 *	READY	--- the sink took all of it -----------------> DECIDED
 *	DECIDED	--- saved, another than before --------------> READY	its SYNC
 *	DECIDED	--- arrival, and nobody was told although its end said n > 0 -> as in ALONE
 *	DECIDED	--- arrival_timeout -------------------------> forgotten
 *
 * What a group still owes is read off it when it is told, so an event that comes while it stands in
 * READY still counts.  A recipient without a token is a group in no table, READY at once.
 */
#include <stdlib.h>

#include "daemon/join_int.h"

#define SHORT_MS	5000	/* an lda delivery, or a milter's, has no slow siblings to wait for */
#define AGAIN_MS	1000

struct join *
join_new(const struct join_limits *limits, const uint8_t key[JOIN_KEY])
{
	struct join *j = join_alloc(sizeof(*j));

	j->limits = *limits;
	join_table_init(&j->groups, key);
	join_table_init(&j->held, key);
	for (int i = 0; i < STATES; i++)
		TAILQ_INIT(&j->lists[i]);
	TAILQ_INIT(&j->paid);
	TAILQ_INIT(&j->held_list);
	return j;
}

static void
drop_paid(struct join *j, const struct join_sink *sink)
{
	struct join_debt *debt;

	while ((debt = TAILQ_FIRST(&j->paid)) != NULL) {
		TAILQ_REMOVE(&j->paid, debt, entry);
		if (sink != NULL && !debt->half)
			sink->acknowledge(sink->arg, debt->peer, debt->seq);
		j->n_debts--;
		free(debt);
	}
}

void
join_free(struct join *j)
{
	struct join_group *g;

	if (j == NULL)
		return;
	for (int i = 0; i < STATES; i++)
		while ((g = TAILQ_FIRST(&j->lists[i])) != NULL)
			join_group_free(j, g);
	drop_paid(j, NULL);
	join_milter_clear(j);
	join_table_clear(&j->groups);
	join_table_clear(&j->held);
	free(j);
}

void
join_limits(struct join *j, const struct join_limits *limits)
{
	j->limits = *limits;
}

/* Arrivals */

/* The account was told of this delivery already, in one way or another. */
static bool
is_answered(const struct join_group *g)
{
	return g->state == DECIDED && (g->arrived || g->n_told > 0 || (g->has_end && g->n == 0));
}

static void
claim(struct join *j, struct join_group *g, struct join_debt *debt)
{
	struct join_claim *c;

	if (g->claims != NULL && g->claims->debt == debt)
		return;		/* equal recipients of one arrival share a token */
	c = join_alloc(sizeof(*c));
	c->debt = debt;
	c->next = g->claims;
	g->claims = c;
	debt->left++;
	j->n_claims++;
}

static void
set_content(struct join *j, struct join_group *g, struct join_content *content,
    struct slice recipient, int64_t now_ms)
{
	char *at;

	g->arrived = true;
	g->content = join_content_ref(content);
	at = g->recipient = join_alloc(recipient.len + 1);
	join_pack(&at, recipient);
	if (g->key_len == 0 || !j->limits.locate || join_group_complete(g))
		join_group_move(j, g, READY, now_ms);
	else
		join_group_move(j, g, LOCATE, now_ms);
}

static int
take_recipient(struct join *j, struct join_debt *debt, struct join_content *content,
    const struct wire_recipient *r, int64_t now_ms)
{
	struct join_group *g = r->token.len == 0 ? NULL : join_group_find(j, r->token);

	if (g != NULL && is_answered(g)) {
		j->counts.repeated++;
		return 0;
	}
	if (g == NULL && (g = join_group_new(j, r->token, ALONE, now_ms)) == NULL)
		return -1;
	claim(j, g, debt);
	if (!g->arrived)
		set_content(j, g, content, r->address, now_ms);
	return 0;
}

int
join_arrival(struct join *j, uint64_t peer, const struct wire_arrival *a, int64_t now_ms)
{
	struct join_content *content;
	struct wire_recipient r;
	struct join_debt *debt;
	size_t pos = 0;
	int rc = 0;

	if (!j->limits.milter && (j->n_claims >= JOIN_CLAIMS_MAX || j->n_debts >= JOIN_CLAIMS_MAX ||
	    j->content_octets >= JOIN_CONTENT_MAX))
		return -1;
	debt = join_alloc(sizeof(*debt));
	*debt = (struct join_debt){ .peer = peer, .seq = a->seq, .left = 1 };
	j->n_debts++;
	if (j->limits.milter) {
		join_milter_arrival(j, a, now_ms);
	} else {
		content = join_content_new(j, a);
		while (rc == 0 && wire_recipient(a, &pos, &r) == 1)
			rc = take_recipient(j, debt, content, &r, now_ms);
		join_content_unref(j, content);
	}
	debt->half = rc < 0;
	if (--debt->left == 0)
		TAILQ_INSERT_TAIL(&j->paid, debt, entry);
	return rc;
}

/* What the modules say */

/* The oldest group that waits for an arrival. */
static struct join_group *
oldest_alone(struct join *j)
{
	struct join_group *a = TAILQ_FIRST(&j->lists[ALONE]), *b = TAILQ_FIRST(&j->lists[ALONE_SHORT]);

	return a == NULL || (b != NULL && b->since < a->since) ? b : a;
}

static void
bound_alone(struct join *j, int64_t now_ms)
{
	struct join_group *g;

	while (j->n_alone > j->limits.saved_max && (g = oldest_alone(j)) != NULL) {
		j->counts.overflow += g->n_saved;
		join_group_move(j, g, READY, now_ms);
	}
}

/* More is known of g. */
static void
look_again(struct join *j, struct join_group *g, int64_t now_ms)
{
	if ((g->state == DECIDED && g->n_saved > 0) || (g->state == LOCATE && join_group_complete(g)))
		join_group_move(j, g, READY, now_ms);
}

void
join_saved(struct join *j, const struct wire_saved *s, int64_t now_ms)
{
	struct join_group *g;

	if (j->limits.milter) {
		join_milter_saved(j, s, now_ms);
	} else if (s->token.len == 0) {
		join_group_single(j, NULL, s, now_ms);
	} else {
		g = join_group_find(j, s->token);
		if (g == NULL)
			g = join_group_new(j, s->token, slice_is(s->service, "lda") ? ALONE_SHORT : ALONE,
			    now_ms);
		if (g == NULL) {
			j->counts.overflow++;
			return;
		}
		join_group_saved(j, g, s, now_ms);
		look_again(j, g, now_ms);
	}
	bound_alone(j, now_ms);
}

void
join_end(struct join *j, const struct wire_end *e, int64_t now_ms)
{
	struct join_group *g;

	if (j->limits.milter || !j->limits.locate || e->token.len == 0)
		return;
	g = join_group_find(j, e->token);
	if (g == NULL)
		g = join_group_new(j, e->token, ALONE, now_ms);
	if (g == NULL || g->has_end)
		return;
	g->has_end = true;
	g->n = e->n;
	look_again(j, g, now_ms);
}

/* Time */

static int64_t
patience(const struct join *j, enum join_state state)
{
	switch (state) {
	case ALONE:
	case DECIDED:
		return j->limits.arrival_timeout_ms;
	case ALONE_SHORT:
		return SHORT_MS;
	case LOCATE:
		return j->limits.locate_timeout_ms;
	default:
		return 0;
	}
}

static int64_t
due(const struct join *j, enum join_state state)
{
	const struct join_group *g = TAILQ_FIRST(&j->lists[state]);

	return g == NULL ? INT64_MAX : g->since + patience(j, state);
}

static void
expire(struct join *j, int64_t now_ms)
{
	static const enum join_state waiting[] = { LOCATE, ALONE_SHORT, ALONE };

	for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
		while (due(j, waiting[i]) <= now_ms)
			join_group_move(j, TAILQ_FIRST(&j->lists[waiting[i]]), READY, now_ms);
	while (due(j, DECIDED) <= now_ms)
		join_group_free(j, TAILQ_FIRST(&j->lists[DECIDED]));
	join_milter_expire(j, now_ms);
}

void
join_run(struct join *j, int64_t now_ms, size_t budget, const struct join_sink *sink)
{
	struct join_group *g;
	int rc = 1;

	expire(j, now_ms);
	while (rc == 1 && budget > 0 && now_ms >= j->hold_until &&
	    (g = TAILQ_FIRST(&j->lists[READY])) != NULL) {
		rc = join_tell(j, g, now_ms, &budget, sink);
		if (rc < 0) {
			/* Behind the others, so that one alone cannot stop all. */
			join_group_move(j, g, READY, now_ms);
			j->hold_until = now_ms + AGAIN_MS;
		}
	}
	drop_paid(j, sink);
}

int64_t
join_next(const struct join *j)
{
	int64_t next = join_milter_next(j);

	if (!TAILQ_EMPTY(&j->paid))
		return 0;
	for (int i = 0; i < STATES; i++) {
		int64_t at = i == READY && !TAILQ_EMPTY(&j->lists[READY]) ? j->hold_until : due(j, i);

		if (at < next)
			next = at;
	}
	return next;
}

void
join_finish(struct join *j, const struct join_sink *sink)
{
	static const enum join_state waiting[] = { READY, LOCATE, ALONE_SHORT, ALONE };
	struct join_group *g, *next;
	size_t budget = SIZE_MAX;

	for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
		for (g = TAILQ_FIRST(&j->lists[waiting[i]]); g != NULL; g = next) {
			next = TAILQ_NEXT(g, entry);
			/* What is not taken keeps its arrival unacknowledged. */
			join_tell(j, g, g->since, &budget, sink);
		}
	}
	drop_paid(j, sink);
}

void
join_count(const struct join *j, struct join_counts *out)
{
	*out = j->counts;
	out->waiting_arrivals = j->n_debts;
	out->waiting_saved = j->n_saved;
	out->held_arrivals = j->held.n;
}
