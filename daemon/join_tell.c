/*
 * From a group to the notices that it owes.  The messages first, then the SYNC for what is missing:
 * whether something is, is seen only when the last one is told.
 */
#include "daemon/join_int.h"

static void
describe_saved(const struct join_group *g, const struct join_saved *s, struct join_notice *n)
{
	const struct join_content *c = g->content;

	*n = (struct join_notice){
		.user = s->user, .mailbox = s->mailbox, .special_use = s->special_use,
		.seen = s->seen, .uidvalidity = s->uidvalidity, .uid = s->uid,
		.accepted_ms = (int64_t)s->time_ms, .queue_id = s->queue_id,
		.message_id = s->message_id, .cause = "no arrival",
	};
	if (c != NULL) {
		n->cause = "joined";
		n->envelope = c->envelope;
		n->reason = c->reason;
		n->kind = c->kind;
		n->accepted_ms = (int64_t)c->time_ms;
		n->queue_id = c->queue_id.p != NULL ? c->queue_id : s->queue_id;
		n->message_id = c->message_id.p != NULL ? c->message_id : s->message_id;
	} else if (g->arrived || g->n_told > 0) {
		n->cause = "late";
	}
	if (g->synced)
		n->recipient = slice_of(g->recipient);
}

static const char *
sync_cause(const struct join *j, const struct join_group *g)
{
	if (g->key_len == 0)
		return "no token";
	if (!j->limits.locate)
		return "not located";
	return g->has_end ? "fewer saved" : "no end";
}

static void
describe_sync(const struct join *j, const struct join_group *g, struct join_notice *n)
{
	const struct join_content *c = g->content;

	*n = (struct join_notice){
		.recipient = slice_of(g->recipient), .kind = c->kind, .reason = c->reason,
		.accepted_ms = (int64_t)c->time_ms, .queue_id = c->queue_id,
		.message_id = c->message_id, .cause = sync_cause(j, g),
	};
}

static bool
owes_sync(const struct join_group *g)
{
	return g->arrived && g->content != NULL && !g->synced && !join_group_complete(g);
}

/* The next notice that g owes: 0, or -1 where the sink did not take it. */
static int
tell_one(struct join *j, struct join_group *g, const struct join_sink *sink)
{
	struct join_saved *s = TAILQ_FIRST(&g->saved);
	struct join_notice n;

	if (s != NULL)
		describe_saved(g, s, &n);
	else
		describe_sync(j, g, &n);
	if (sink->notice(sink->arg, &n) < 0)
		return -1;
	if (s == NULL) {
		g->synced = true;
		j->counts.sync_no_end++;
		return 0;
	}
	if (g->content != NULL)
		j->counts.joined++;
	else
		j->counts.sync_no_arrival++;
	join_group_told(j, g);
	return 0;
}

/* Sieve has discarded it, redirected it ... */
static void
tell_nothing(const struct join *j, const struct join_group *g, const struct join_sink *sink)
{
	struct join_notice n;

	describe_sync(j, g, &n);
	n.cause = "nothing was saved";
	sink->nothing(sink->arg, &n);
}

int
join_tell(struct join *j, struct join_group *g, int64_t now_ms, size_t *budget,
    const struct join_sink *sink)
{
	bool silent = g->n_saved == 0 && !owes_sync(g);

	if (silent && *budget > 0)
		--*budget;	/* it takes its time, too */
	if (silent && g->content != NULL && g->n_told == 0 && sink->nothing != NULL)
		tell_nothing(j, g, sink);
	while (g->n_saved > 0 || owes_sync(g)) {
		if (*budget == 0)
			return 0;
		--*budget;
		if (tell_one(j, g, sink) < 0)
			return -1;
	}
	join_group_release(j, g);
	if (g->key_len == 0 || g->forget)
		join_group_free(j, g);
	else
		join_group_move(j, g, DECIDED, now_ms);
	return 1;
}
