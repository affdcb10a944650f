/*
 * A push is made in one go: text, encryption, signature, transfer.  Nothing of it is kept but the
 * flight, which knows what the answer will be about.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/pace.h"
#include "daemon/sender_int.h"
#include "lib/clock.h"
#include "lib/log.h"

#define TEST_TTL_S	3600

static struct flight *
free_flight(struct sender *s)
{
	for (size_t i = 0; i < POST_MAX; i++)
		if (!s->flights[i].used)
			return &s->flights[i];
	return NULL;
}

void
sender_end_flight(struct flight *f)
{
	if (f->crowd != NULL)
		crowd_leave(f->crowd);
	free(f->records);
	memset(f, 0, sizeof(*f));
}

static const char *
urgency_text(enum urgency urgency)
{
	static const char *const words[] = { "low", "normal", "high" };

	return words[urgency];
}

/* Encrypts, signs and hands to libcurl.  0, or -1 and err says why. */
static int
post_push(struct sender *s, struct flight *f, const struct subscription *sub,
    const struct guard_endpoint *endpoint, const struct batch_push *push, enum urgency urgency,
    int64_t now_s, struct err *err)
{
	uint8_t body[ECE_BODY_MAX + ECE_OVERHEAD];
	struct post_request request = {
		.owner = f,
		.url = endpoint->normal,
		.trusted = endpoint->trusted,
		.ttl_s = push->expires > now_s ? push->expires - now_s : 0,
		.urgency = urgency_text(urgency),
		.topic = push->with_envelope ? NULL : sub->topic[push->topic],
		.body = body,
		.len = push->bucket + ECE_OVERHEAD,
	};

	request.authorization = vapid_authorization(s->daemon->vapid, sub->key, endpoint->origin,
	    now_s, err);
	if (request.authorization == NULL)
		return -1;
	if (ece_encrypt(s->daemon->ece, sub->point, sub->auth, push->plain, push->len, push->bucket,
	    body, err) < 0)
		return -1;
	if (post_start(s->post, &request) < 0)
		return err_set(err, "no transfer could be started");
	return 0;
}

static void
fill_flight(struct flight *f, const struct subscription *sub, const struct guard_endpoint *endpoint,
    const struct batch_push *push)
{
	f->used = true;
	f->number = sub->number;
	f->generation = sub->generation;
	memcpy(f->account, sub->account, sizeof(f->account));
	memcpy(f->id, sub->id, sizeof(f->id));
	memcpy(f->host, endpoint->host, sizeof(f->host));
	memcpy(f->origin_name, endpoint->origin, sizeof(f->origin_name));
	memcpy(f->key, sub->key, sizeof(f->key));
	f->bucket = push->bucket;
	f->with_envelope = push->with_envelope;
	f->expires = push->expires;
	f->acknowledged = sub->state == SUB_ACTIVE;
}

/* A verification's token is made when its push is, and only its hash is kept. */
static int
commit_token(struct sender *s, struct subscription *sub, char token[TOKEN_LEN + 1], int64_t now_s,
    struct err *err)
{
	struct store *store = s->daemon->store;
	struct sub_token *slot;

	token_make(token);
	if (sub->n_tokens == SUB_TOKENS) {
		memmove(&sub->tokens[0], &sub->tokens[1], (SUB_TOKENS - 1) * sizeof(sub->tokens[0]));
		sub->n_tokens--;
	}
	slot = &sub->tokens[sub->n_tokens++];
	token_hash(slice_of(token), slot->hash);
	slot->expires = now_s + s->daemon->config.token_lifetime;
	if (store_begin(store, err) < 0)
		return -1;
	if (store_sub_put(store, sub, err) < 0 || store_commit(store, err) < 0) {
		store_abort(store);
		return -1;
	}
	return 0;
}

static int
write_push(struct sender *s, struct subscription *sub, const struct delivery *delivery, int64_t now_s,
    struct batch_push *push, struct err *err)
{
	struct vapid *v = s->daemon->vapid;
	struct batch *b = s->batch;
	char token[TOKEN_LEN + 1] = "";
	const char *key = NULL;

	if (b->records[0].type == OUTBOX_VERIFY && commit_token(s, sub, token, now_s, err) < 0)
		return -1;
	if (b->records[0].type == OUTBOX_VAPID) {	/* the key of now, not of when it was queued */
		if (vapid_current(v) == NULL)
			return err_set(err, "%s", vapid_why(v));
		key = vapid_public(v, vapid_current(v));
	}
	batch_write(b, delivery->size_limit == 0 ? PUSHMSG_MAX : delivery->size_limit,
	    delivery->as_sync || pace_is_away(&s->daemon->config, delivery), slice_of(token),
	    slice_of(key), push);
	explicit_bzero(token, sizeof(token));
	return 0;
}

static enum urgency
urgency_for(const struct batch_push *push, const struct delivery *delivery, bool verify, int64_t now_s)
{
	if (push->urgency == URGENCY_HIGH && !verify && !pace_may_be_high(delivery, now_s))
		return URGENCY_NORMAL;
	return push->urgency;
}

struct flight *
sender_start(struct sender *s, struct pending *p, struct subscription *sub,
    const struct delivery *delivery, const struct guard_endpoint *endpoint, int64_t now_s,
    struct err *err)
{
	struct flight *f = free_flight(s);
	struct batch_push push;
	enum urgency urgency;

	if (f == NULL) {
		err_set(err, "too many pushes under way");
		return NULL;
	}
	if (write_push(s, sub, delivery, now_s, &push, err) < 0)
		return NULL;
	fill_flight(f, sub, endpoint, &push);
	f->verify = s->batch->records[0].type == OUTBOX_VERIFY;
	f->worked = delivery->last_success != 0;
	urgency = urgency_for(&push, delivery, f->verify, now_s);
	f->high = urgency == URGENCY_HIGH && !f->verify;
	f->n = push.covers;
	f->records = malloc(f->n * sizeof(*f->records));
	if (f->records == NULL)
		abort();
	memcpy(f->records, s->batch->records, f->n * sizeof(*f->records));
	if (post_push(s, f, sub, endpoint, &push, urgency, now_s, err) < 0) {
		sender_end_flight(f);
		return NULL;
	}
	p->flying = true;
	return f;
}

int
sender_test(struct sender *s, struct subscription *sub, uint64_t peer, const char **why)
{
	struct flight *f = free_flight(s);
	struct guard_endpoint endpoint;
	struct batch_push push = { .urgency = URGENCY_HIGH, .topic = TOPIC_SYNC };
	struct pushmsg_item item = { .type = PUSHMSG_SYNC };
	int64_t now_s = clock_wall_s();
	struct buf text;
	struct err err;

	if (f == NULL) {
		*why = "too many pushes are under way, try again";
		return -1;
	}
	if (guard_check(s->daemon->guard, slice_of(sub->endpoint), &endpoint, why) < 0)
		return -1;
	buf_fixed(&text, push.plain, sizeof(push.plain));
	pushmsg_write(&item, 1, PUSHMSG_MAX, &text, &push.with_envelope);
	push.len = text.len;
	push.bucket = pushmsg_bucket(text.len);
	push.expires = now_s + TEST_TTL_S;
	fill_flight(f, sub, &endpoint, &push);
	f->test_peer = peer;
	if (post_push(s, f, sub, &endpoint, &push, URGENCY_HIGH, now_s, &err) < 0) {
		sender_end_flight(f);
		*why = "the push could not be made; the daemon's log says why";
		log_warn("test: %s", err.text);
		return -1;
	}
	return 0;
}
