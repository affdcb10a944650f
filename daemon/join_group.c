/*
 * Groups and what hangs on them: memory, lists and counts, no decisions.
 */
#include <stdlib.h>

#include "daemon/join_int.h"

#define GROUP_SAVED_MAX	256	/* messages of one token that are kept apart */

void *
join_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL)
		abort();
	return p;
}

struct slice
join_pack(char **at, struct slice s)
{
	struct slice copy = { *at, s.len };

	if (s.p == NULL)
		return s;
	if (s.len > 0)
		memcpy(*at, s.p, s.len);
	*at += s.len;
	return copy;
}

struct join_content *
join_content_new(struct join *j, const struct wire_arrival *a)
{
	size_t octets = a->envelope.len + a->queue_id.len + 1 + a->message_id.len;
	struct join_content *c = join_alloc(sizeof(*c) + octets);
	char *at = c->octets;

	c->refs = 1;
	c->size = sizeof(*c) + octets;
	c->time_ms = a->time_ms;
	c->envelope = join_pack(&at, a->envelope);
	c->queue_id = join_pack(&at, a->queue_id);
	*at++ = '\0';
	c->message_id = join_pack(&at, a->message_id);
	c->reason = a->reason;
	c->kind = a->kind;
	j->content_octets += c->size;
	return c;
}

struct join_content *
join_content_ref(struct join_content *c)
{
	if (c != NULL)
		c->refs++;
	return c;
}

void
join_content_unref(struct join *j, struct join_content *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	j->content_octets -= c->size;
	free(c);
}

/* Room for one more: the oldest memory goes for it, never what waits. */
static bool
make_room(struct join *j)
{
	struct join_group *oldest = TAILQ_FIRST(&j->lists[DECIDED]);

	if (j->n_groups < JOIN_GROUPS_MAX)
		return true;
	if (oldest == NULL)
		return false;
	join_group_free(j, oldest);
	return true;
}

struct join_group *
join_group_new(struct join *j, struct slice key, enum join_state state, int64_t now_ms)
{
	struct join_group *g;

	if (!make_room(j))
		return NULL;
	g = join_alloc(sizeof(*g) + key.len);
	TAILQ_INIT(&g->saved);
	g->key_len = key.len;
	if (key.len > 0) {
		memcpy(g->key, key.p, key.len);
		join_table_add(&j->groups, &g->node, (struct slice){ g->key, key.len });
	}
	g->state = state;
	g->since = now_ms;
	TAILQ_INSERT_TAIL(&j->lists[state], g, entry);
	j->n_groups++;
	return g;
}

struct join_group *
join_group_find(struct join *j, struct slice key)
{
	/* The node is the group's first member. */
	return (struct join_group *)(void *)join_table_find(&j->groups, key);
}

static bool
is_alone(enum join_state state)
{
	return state == ALONE || state == ALONE_SHORT;
}

void
join_group_move(struct join *j, struct join_group *g, enum join_state state, int64_t now_ms)
{
	if (is_alone(g->state))
		j->n_alone -= g->n_saved;
	if (is_alone(state))
		j->n_alone += g->n_saved;
	TAILQ_REMOVE(&j->lists[g->state], g, entry);
	g->state = state;
	g->since = now_ms;
	TAILQ_INSERT_TAIL(&j->lists[state], g, entry);
}

static void
saved_free(struct join *j, struct join_group *g, struct join_saved *s)
{
	if (is_alone(g->state))
		j->n_alone--;
	TAILQ_REMOVE(&g->saved, s, entry);
	g->n_saved--;
	j->n_saved--;
	free(s);
}

void
join_group_release(struct join *j, struct join_group *g)
{
	struct join_claim *claim;

	while ((claim = g->claims) != NULL) {
		g->claims = claim->next;
		j->n_claims--;
		if (--claim->debt->left == 0)
			TAILQ_INSERT_TAIL(&j->paid, claim->debt, entry);
		free(claim);
	}
	join_content_unref(j, g->content);
	g->content = NULL;
	if (!g->synced) {
		free(g->recipient);
		g->recipient = NULL;
	}
}

void
join_group_free(struct join *j, struct join_group *g)
{
	struct join_saved *s;

	while ((s = TAILQ_FIRST(&g->saved)) != NULL)
		saved_free(j, g, s);
	join_group_release(j, g);
	if (g->key_len > 0)
		join_table_remove(&j->groups, &g->node);
	TAILQ_REMOVE(&j->lists[g->state], g, entry);
	j->n_groups--;
	free(g->recipient);
	free(g->told);
	free(g);
}

bool
join_group_complete(const struct join_group *g)
{
	return g->has_end && g->n_told + g->n_saved >= g->n;
}

/* The same message has the same number, whoever tells of it. */
static uint64_t
ident_of(const struct join *j, const struct wire_saved *s)
{
	uint64_t parts[3] = {
		join_hash(j->groups.key, s->user), join_hash(j->groups.key, s->mailbox),
		(uint64_t)s->uidvalidity << 32 | s->uid,
	};

	return join_hash(j->groups.key, (struct slice){ (const char *)parts, sizeof(parts) });
}

static bool
is_known(const struct join_group *g, uint64_t ident)
{
	const struct join_saved *s;

	for (size_t i = 0; i < g->n_told; i++)
		if (g->told[i] == ident)
			return true;
	TAILQ_FOREACH(s, &g->saved, entry)
		if (s->ident == ident)
			return true;
	return false;
}

static void
add(struct join *j, struct join_group *g, const struct wire_saved *s, uint64_t ident)
{
	size_t octets = s->user.len + s->mailbox.len + s->special_use.len + s->queue_id.len +
	    s->message_id.len + 1;
	struct join_saved *copy = join_alloc(sizeof(*copy) + octets);
	char *at = copy->octets;

	copy->ident = ident;
	copy->time_ms = s->time_ms;
	copy->user = join_pack(&at, s->user);
	copy->mailbox = join_pack(&at, s->mailbox);
	copy->special_use = join_pack(&at, s->special_use);
	copy->queue_id = join_pack(&at, s->queue_id);
	copy->message_id = join_pack(&at, s->message_id);
	copy->seen = s->seen;
	copy->uidvalidity = s->uidvalidity;
	copy->uid = s->uid;
	TAILQ_INSERT_TAIL(&g->saved, copy, entry);
	g->n_saved++;
	j->n_saved++;
	if (is_alone(g->state))
		j->n_alone++;
}

void
join_group_saved(struct join *j, struct join_group *g, const struct wire_saved *s, int64_t now_ms)
{
	uint64_t ident = ident_of(j, s);

	if (is_known(g, ident))
		j->counts.repeated++;
	else if (j->n_saved >= 2 * j->limits.saved_max + 1)
		j->counts.overflow++;
	else if (g->n_saved + g->n_told >= GROUP_SAVED_MAX)
		join_group_single(j, NULL, s, now_ms);
	else
		add(j, g, s, ident);
}

void
join_group_told(struct join *j, struct join_group *g)
{
	struct join_saved *s = TAILQ_FIRST(&g->saved);
	uint64_t *more = realloc(g->told, (g->n_told + 1) * sizeof(*more));

	if (more == NULL)
		abort();
	g->told = more;
	g->told[g->n_told++] = s->ident;
	saved_free(j, g, s);
}

void
join_group_single(struct join *j, struct join_content *content, const struct wire_saved *s,
    int64_t now_ms)
{
	struct join_group *g;

	if (j->n_saved >= 2 * j->limits.saved_max + 1 ||
	    (g = join_group_new(j, SLICE_NIL, READY, now_ms)) == NULL) {
		j->counts.overflow++;
		return;
	}
	g->forget = true;
	g->content = join_content_ref(content);
	add(j, g, s, 0);
}
