/*
 * hook = milter.  The milter speaks before anything is delivered, also of mail that never will be:
 * its arrivals are kept for a while, acknowledged when taken in, and any number of saved events may
 * take their content.  Both ids must be there and agree: a local sender can forge the first, anyone
 * the second.
 */
#include <stdlib.h>

#include "daemon/join_int.h"

/* "queue id NUL Message-ID"; empty where one of the two is not there. */
static struct slice
pair_key(char room[2 * WIRE_ID_MAX + 1], struct slice queue_id, struct slice message_id)
{
	char *at = room;

	if (queue_id.len == 0 || message_id.len == 0 || queue_id.len > WIRE_ID_MAX ||
	    message_id.len > WIRE_ID_MAX)
		return SLICE_NIL;
	join_pack(&at, queue_id);
	*at++ = '\0';
	join_pack(&at, message_id);
	return (struct slice){ room, (size_t)(at - room) };
}

static struct join_content *
held_find(const struct join *j, struct slice key)
{
	struct join_node *node = join_table_find(&j->held, key);

	return node == NULL ? NULL :
	    (struct join_content *)(void *)((char *)node - offsetof(struct join_content, node));
}

static void
held_drop(struct join *j, struct join_content *c)
{
	j->held_octets -= c->size;
	join_table_remove(&j->held, &c->node);
	TAILQ_REMOVE(&j->held_list, c, entry);
	join_content_unref(j, c);
}

static void
held_add(struct join *j, struct join_content *c, int64_t now_ms)
{
	/* As they lie there, the two ids are what pair_key writes. */
	join_table_add(&j->held, &c->node, (struct slice){ c->queue_id.p,
	    c->queue_id.len + 1 + c->message_id.len });
	c->since = now_ms;
	TAILQ_INSERT_TAIL(&j->held_list, c, entry);
	j->held_octets += c->size;
	while (j->held_octets > j->limits.milter_max)
		held_drop(j, TAILQ_FIRST(&j->held_list));
}

void
join_milter_arrival(struct join *j, const struct wire_arrival *a, int64_t now_ms)
{
	char room[2 * WIRE_ID_MAX + 1];
	struct slice key = pair_key(room, a->queue_id, a->message_id);
	struct join_content *c;
	struct join_group *g;

	if (key.len == 0)
		return;	/* nothing could find it */
	if ((c = held_find(j, key)) != NULL) {
		j->counts.repeated++;
		held_drop(j, c);	/* the same again, or a queue id used anew: the newer one counts */
	}
	c = join_content_new(j, a);
	if ((g = join_group_find(j, key)) != NULL && g->content == NULL) {
		g->content = join_content_ref(c);
		join_group_move(j, g, READY, now_ms);
	}
	held_add(j, c, now_ms);
}

void
join_milter_saved(struct join *j, const struct wire_saved *s, int64_t now_ms)
{
	char room[2 * WIRE_ID_MAX + 1];
	struct slice key = pair_key(room, s->queue_id, s->message_id);
	struct join_content *c = key.len == 0 ? NULL : held_find(j, key);
	struct join_group *g;

	if (key.len == 0 || c != NULL) {
		join_group_single(j, c, s, now_ms);
		return;
	}
	if ((g = join_group_find(j, key)) == NULL) {
		if ((g = join_group_new(j, key, ALONE_SHORT, now_ms)) == NULL) {
			j->counts.overflow++;
			return;
		}
		g->forget = true;
	}
	join_group_saved(j, g, s, now_ms);
}

void
join_milter_expire(struct join *j, int64_t now_ms)
{
	struct join_content *c;

	while ((c = TAILQ_FIRST(&j->held_list)) != NULL && join_milter_next(j) <= now_ms)
		held_drop(j, c);
}

int64_t
join_milter_next(const struct join *j)
{
	const struct join_content *c = TAILQ_FIRST(&j->held_list);

	return c == NULL ? INT64_MAX : c->since + j->limits.milter_wait_ms;
}

void
join_milter_clear(struct join *j)
{
	struct join_content *c;

	while ((c = TAILQ_FIRST(&j->held_list)) != NULL)
		held_drop(j, c);
}
