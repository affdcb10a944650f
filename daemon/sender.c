/*
 * The queue says whom to look at next.  Looking reads the subscription and its due records, and ends
 * in one of four ways: nothing is left (it leaves the queue), it is to wait (a time), its origin has
 * no slot (it stands in line there), or a push starts.  After an answer it is looked at again.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/batch.h"
#include "daemon/operate.h"
#include "daemon/origin.h"
#include "daemon/post.h"
#include "daemon/queue.h"
#include "daemon/sender.h"
#include "daemon/silence.h"
#include "lib/clock.h"
#include "lib/log.h"

#define LOOK_AGAIN_S	3600	/* a wait is looked at again so often: the wall clock may have jumped */
#define LOOKS_A_TURN	256
#define HIGH_AN_HOUR	20
#define TEST_TTL_S	3600

/* A push under way. */
struct flight {
	bool		 used;
	uint64_t	 number;
	char		 account[WIRE_USER_MAX + 1], id[SUB_ID_MAX + 1];
	char		 host[256];
	struct origin	*origin;	/* NULL: a test, which takes no slot */
	uint64_t	 test_peer;	/* 0: no test */
	size_t		 n;
	struct batch_record *records;	/* those that it stands for */
	size_t		 bucket;
	bool		 with_envelope, verify, acknowledged, high;
	int64_t		 expires;
	char		 key[VAPID_ID_LEN + 1];
};

struct sender {
	struct daemon	*daemon;
	struct queue	*queue;
	struct origins	*origins;
	struct post	*post;
	struct batch	*batch;		/* scratch */
	struct flight	 flights[POST_MAX];
	size_t		 total;		/* records in the outbox */
};

/* The queue */

static void
set_count(struct sender *s, struct pending *p, size_t count)
{
	s->total += count - p->count;
	p->count = count;
}

static void
leave_queue(struct sender *s, struct pending *p)
{
	set_count(s, p, 0);
	queue_remove(s->queue, p);
}

static void
wait_for(struct sender *s, struct pending *p, int64_t seconds)
{
	if (seconds > LOOK_AGAIN_S)
		seconds = LOOK_AGAIN_S;
	queue_set_due(s->queue, p, clock_mono_ms() + (seconds < 0 ? 0 : seconds) * 1000);
}

static void
look_now(struct sender *s, struct pending *p, int64_t delay_s)
{
	if (!p->flying && p->waiter.origin == NULL)	/* else it will be looked at anyhow */
		wait_for(s, p, delay_s);
}

void
sender_added(struct sender *s, uint64_t number, size_t n)
{
	struct pending *p = queue_add(s->queue, number);

	set_count(s, p, p->count + n);
	look_now(s, p, s->daemon->config.send_delay);
}

void
sender_look(struct sender *s, uint64_t number)
{
	struct pending *p = queue_get(s->queue, number);

	if (p != NULL)
		look_now(s, p, 0);
}

void
sender_forget(struct sender *s, uint64_t number)
{
	struct pending *p = queue_get(s->queue, number);

	if (p == NULL)
		return;
	set_count(s, p, 0);
	if (!p->flying)		/* else the answer finds no subscription and ends it */
		queue_remove(s->queue, p);
}

size_t
sender_waiting(const struct sender *s, uint64_t number)
{
	const struct pending *p = queue_get(s->queue, number);

	return p == NULL ? 0 : p->count;
}

size_t
sender_total(const struct sender *s)
{
	return s->total;
}

bool
sender_flying(const struct sender *s, uint64_t number)
{
	const struct pending *p = queue_get(s->queue, number);

	return p != NULL && p->flying;
}

int64_t
sender_wait(const struct sender *s, uint64_t number)
{
	const struct pending *p = queue_get(s->queue, number);
	int64_t left;

	if (p == NULL)
		return -1;
	left = p->due_ms == QUEUE_NEVER ? 0 : (p->due_ms - clock_mono_ms()) / 1000;
	return left < 0 ? 0 : left;
}

/* Starting a push */

static struct flight *
free_flight(struct sender *s)
{
	for (size_t i = 0; i < POST_MAX; i++)
		if (!s->flights[i].used)
			return &s->flights[i];
	return NULL;
}

static void
end_flight(struct flight *f)
{
	free(f->records);
	memset(f, 0, sizeof(*f));
}

/* Seconds until the next push of this subscription is allowed: `burst` at once, then one each
 * burst_interval. burst_ms is when the allowance will be full again. */
static int64_t
burst_wait(const struct config *c, const struct delivery *delivery, int64_t now_ms)
{
	int64_t interval = c->burst_interval * 1000, ahead = delivery->burst_ms - now_ms;
	int64_t allowed = (c->burst - 1) * interval;

	if (ahead > c->burst * interval)	/* the clock was set back */
		return 0;
	return ahead <= allowed ? 0 : (ahead - allowed + 999) / 1000;
}

static void
burst_use(const struct config *c, struct delivery *delivery, int64_t now_ms)
{
	int64_t full = c->burst * c->burst_interval * 1000;

	if (delivery->burst_ms < now_ms || delivery->burst_ms > now_ms + full)
		delivery->burst_ms = now_ms;
	delivery->burst_ms += c->burst_interval * 1000;
}

/* High urgency is for twenty pushes an hour; a phone that is woken more often stops listening. */
static bool
may_be_high(struct delivery *delivery, int64_t now_s)
{
	if (now_s - delivery->high_since >= 3600 || now_s < delivery->high_since) {
		delivery->high_since = now_s;
		delivery->high_count = 0;
	}
	return delivery->high_count < HIGH_AN_HOUR;
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
	memcpy(f->account, sub->account, sizeof(f->account));
	memcpy(f->id, sub->id, sizeof(f->id));
	memcpy(f->host, endpoint->host, sizeof(f->host));
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
	struct batch *b = s->batch;
	char token[TOKEN_LEN + 1] = "", id[VAPID_ID_LEN + 1] = "";
	const char *key = NULL;

	if (b->records[0].type == OUTBOX_VERIFY && commit_token(s, sub, token, now_s, err) < 0)
		return -1;
	if (b->records[0].type == OUTBOX_VAPID) {
		if (b->items[0].text.len == VAPID_ID_LEN)
			memcpy(id, b->items[0].text.p, VAPID_ID_LEN);
		key = vapid_public(s->daemon->vapid, id);
		if (key == NULL)
			return err_set(err, "the new VAPID key is not in the ring");
	}
	batch_write(b, delivery->size_limit == 0 ? PUSHMSG_MAX : delivery->size_limit,
	    delivery->as_sync, slice_of(token), slice_of(key), push);
	explicit_bzero(token, sizeof(token));
	return 0;
}

/* Starts a push of what was gathered.  0 started; -1 not, err says why. */
static int
start_push(struct sender *s, struct pending *p, struct subscription *sub, struct delivery *delivery,
    const struct guard_endpoint *endpoint, struct origin *origin, int64_t now_s, struct err *err)
{
	struct flight *f = free_flight(s);
	struct batch_push push;
	enum urgency urgency;

	if (f == NULL)
		return err_set(err, "too many pushes under way");
	if (write_push(s, sub, delivery, now_s, &push, err) < 0)
		return -1;
	fill_flight(f, sub, endpoint, &push);
	f->verify = s->batch->records[0].type == OUTBOX_VERIFY;
	urgency = push.urgency;
	if (urgency == URGENCY_HIGH && !f->verify && !may_be_high(delivery, now_s))
		urgency = URGENCY_NORMAL;
	f->high = urgency == URGENCY_HIGH && !f->verify;
	f->n = push.covers;
	f->records = malloc(f->n * sizeof(*f->records));
	if (f->records == NULL)
		abort();
	memcpy(f->records, s->batch->records, f->n * sizeof(*f->records));
	if (post_push(s, f, sub, endpoint, &push, urgency, now_s, err) < 0) {
		end_flight(f);
		return -1;
	}
	f->origin = origin;
	p->flying = true;
	queue_set_due(s->queue, p, QUEUE_NEVER);
	return 0;
}

/* Reads what a look needs, and cleans the outbox on the way.  1, 0 (the subscription is gone), -1. */
static int
read_all(struct sender *s, uint64_t number, int64_t now_s, struct subscription *sub,
    struct delivery *delivery, struct err *err)
{
	struct store *store = s->daemon->store;
	int rc;

	if (store_begin(store, err) < 0)
		return -1;
	rc = store_sub_number(store, number, sub, err);
	if (rc == 1)
		rc = store_delivery_get(store, number, delivery, err);
	if (rc == 0)
		memset(sub, 0, sizeof(*sub));
	if (rc < 0 || batch_gather(store, number, rc == 1 ? sub->generation : 0, now_s, s->batch,
	    err) < 0 || store_commit(store, err) < 0) {
		store_abort(store);
		return -1;
	}
	s->daemon->counters.expired += s->batch->expired;
	return rc;
}

/* Seconds to wait before the next push; 0: none. */
static int64_t
must_wait(const struct sender *s, const struct delivery *delivery, int64_t now_s)
{
	int64_t wait = delivery->wait_until - now_s;

	if (wait > 0)
		return wait;
	if (s->batch->records[0].type == OUTBOX_VERIFY)
		return 0;
	return burst_wait(&s->daemon->config, delivery, clock_wall_ms());
}

static void
try_push(struct sender *s, struct pending *p, struct subscription *sub, struct delivery *delivery,
    int64_t now_s)
{
	struct guard_endpoint endpoint;
	struct origin *origin;
	const char *why;
	struct err err;

	if (guard_check(s->daemon->guard, slice_of(sub->endpoint), &endpoint, &why) < 0) {
		log_notice("user=%s, sub=%.8s: nothing is sent: %s", log_clean(slice_of(sub->account)).text,
		    log_clean(slice_of(sub->id)).text, why);
		wait_for(s, p, LOOK_AGAIN_S);
		return;
	}
	origin = origin_start(s->origins, endpoint.origin, now_s, &p->waiter);
	if (origin == NULL) {
		queue_set_due(s->queue, p, QUEUE_NEVER);
		return;
	}
	if (start_push(s, p, sub, delivery, &endpoint, origin, now_s, &err) < 0) {
		origin_end(s->origins, origin, false, now_s);
		log_warn("a push could not be made, it is tried again in 60 s: %s", err.text);
		wait_for(s, p, 60);
	}
}

/* Nothing goes to what is not acknowledged but its verification. */
static bool
may_receive(const struct sender *s, const struct subscription *sub, const struct delivery *delivery)
{
	if (delivery->quieted)
		return false;
	return sub->state == SUB_ACTIVE || s->batch->records[0].type == OUTBOX_VERIFY;
}

static void
look_at(struct sender *s, struct pending *p)
{
	struct subscription sub;
	struct delivery delivery;
	int64_t now_s = clock_wall_s(), wait;
	struct err err;
	int rc;

	rc = read_all(s, p->number, now_s, &sub, &delivery, &err);
	if (rc < 0) {
		s->daemon->counters.store_errors++;
		log_warn("the outbox cannot be read, it is tried again: %s", err.text);
		wait_for(s, p, 1);
		return;
	}
	set_count(s, p, s->batch->total);
	if (rc == 0 || s->batch->total == 0) {
		leave_queue(s, p);
		return;
	}
	if (s->batch->n == 0) {
		wait_for(s, p, s->batch->next_due - now_s);
		return;
	}
	if (!may_receive(s, &sub, &delivery)) {
		wait_for(s, p, LOOK_AGAIN_S);
		return;
	}
	wait = must_wait(s, &delivery, now_s);
	if (wait > 0)
		wait_for(s, p, wait);
	else
		try_push(s, p, &sub, &delivery, now_s);
	explicit_bzero(&sub, sizeof(sub));
}

/* Answers */

static void
note_success(struct delivery *d, const struct flight *f, const struct config *c, int64_t now_s)
{
	d->last_success = now_s;
	d->failures = d->fail_429 = d->tries = 0;
	d->failing_since = d->first_404 = d->wait_until = 0;
	d->key_refused = false;
	if (f->with_envelope)
		d->unseen++;
	if (f->high)
		d->high_count++;
	if (!f->verify)
		burst_use(c, d, clock_wall_ms());
}

static void
note_failure(struct delivery *d, const struct retry_output *out, int64_t now_s)
{
	d->failures++;
	if (d->failing_since == 0)
		d->failing_since = now_s;
	d->first_404 = out->first_404;
	d->key_refused = d->key_refused || out->key_refused;
	d->tries = out->verdict == RETRY_LATER ? d->tries + 1 : 0;
	d->wait_until = out->verdict == RETRY_LATER || out->verdict == RETRY_DROP ? out->retry_at : 0;
	if (out->verdict == RETRY_SHRINK) {
		d->size_limit = out->size_limit;
		d->as_sync = d->as_sync || out->as_sync;
	}
	if (out->verdict == RETRY_QUIET)
		d->quieted = true;
}

static bool
is_dead(const struct delivery *d, const struct config *c, int64_t now_s)
{
	return d->failing_since != 0 && d->failures >= 3 && now_s - d->failing_since >= c->dead_after;
}

/* What the answer means for the records: whether they leave the outbox. */
static bool
records_go(enum retry_verdict verdict)
{
	return verdict == RETRY_DONE || verdict == RETRY_DROP || verdict == RETRY_QUIET;
}

static int
commit_answer(struct sender *s, const struct flight *f, const struct subscription *sub,
    struct delivery *delivery, enum retry_verdict verdict, struct err *err)
{
	struct store *store = s->daemon->store;

	if (store_begin(store, err) < 0)
		return -1;
	if (verdict == RETRY_DELETE) {
		if (store_sub_del(store, sub, err) < 0)
			goto failed;
	} else if (store_delivery_put(store, delivery, err) < 0)
		goto failed;
	for (size_t i = 0; records_go(verdict) && i < f->n; i++)
		if (store_outbox_del(store, f->number, f->records[i].sequence, err) < 0)
			goto failed;
	if (store_commit(store, err) == 0)
		return 0;
failed:
	store_abort(store);
	return -1;
}

static void
count_verdict(struct counters *c, enum retry_verdict verdict)
{
	switch (verdict) {
	case RETRY_DONE:
		c->sent++;
		break;
	case RETRY_DELETE:
	case RETRY_QUIET:
		c->gone++;
		break;
	case RETRY_DROP:
		c->dropped++;
		break;
	default:
		c->later++;
	}
}

/* "sent (201)", "later (timeout)": for logs and for `mailbell test`. */
static void
outcome_text(char *out, size_t size, enum retry_verdict verdict, const struct post_answer *a)
{
	if (a->result == PUSH_HTTP)
		snprintf(out, size, "%s (%d)", retry_verdict_text(verdict), a->status);
	else
		snprintf(out, size, "%s (%s)", retry_verdict_text(verdict), push_result_text(a->result));
}

static void
log_outcome(const struct flight *f, const struct delivery *delivery, const char *outcome)
{
	int64_t now_ms = clock_wall_ms();
	struct log_text user = log_clean(slice_of(f->account)), id = log_clean(slice_of(f->id));

	for (size_t i = 0; i < f->n; i++)
		log_info("%s: user=%s, sub=%.8s, host=%s, delay=%.2f, try=%u, status=%s",
		    f->records[i].queue_id[0] == '\0' ? "-" : log_clean(slice_of(f->records[i].queue_id)).text,
		    user.text, id.text, f->host, (double)(now_ms - f->records[i].accepted_ms) / 1000,
		    delivery->tries + 1, outcome);
}

static void
decide(const struct flight *f, const struct delivery *delivery, const struct post_answer *a,
    int64_t now_s, struct retry_output *out)
{
	struct retry_input in = {
		.result = a->result, .status = a->status,
		.retry_after = retry_after_parse(a->retry_after, now_s), .now = now_s,
		.expires = f->expires, .tries = delivery->tries + 1, .fail_429 = delivery->fail_429,
		.verify = f->verify, .acknowledged = f->acknowledged, .first_404 = delivery->first_404,
		.bucket = (unsigned)f->bucket, .sync_only = !f->with_envelope,
	};

	token_random(&in.random, sizeof(in.random));
	retry_decide(&in, out);
}

/* The pending entry of a flight that is over: it is looked at again. */
static void
landed(struct sender *s, const struct flight *f, bool deleted)
{
	struct pending *p = queue_get(s->queue, f->number);

	if (p == NULL || f->test_peer != 0)
		return;
	p->flying = false;
	if (deleted)
		leave_queue(s, p);
	else
		wait_for(s, p, 0);
}

static void
on_answer(struct sender *s, struct flight *f, const struct post_answer *a)
{
	struct daemon *d = s->daemon;
	struct retry_output out = { .verdict = RETRY_LATER };
	struct subscription sub;
	struct delivery delivery, before;
	int64_t now_s = clock_wall_s();
	char outcome[64];
	struct err err;
	int rc;

	rc = store_sub_number(d->store, f->number, &sub, &err);
	if (rc == 1)
		rc = store_delivery_get(d->store, f->number, &delivery, &err);
	if (rc == 1) {
		if (a->result == PUSH_HTTP && a->status == 429)
			delivery.fail_429++;
		decide(f, &delivery, a, now_s, &out);
		outcome_text(outcome, sizeof(outcome), out.verdict, a);
		log_outcome(f, &delivery, outcome);
		before = delivery;
		delivery.last_try = now_s;
		delivery.last_result = a->result;
		delivery.last_status = (uint32_t)a->status;
		if (out.verdict == RETRY_DONE)
			note_success(&delivery, f, &d->config, now_s);
		else
			note_failure(&delivery, &out, now_s);
		if (out.verdict != RETRY_DONE && is_dead(&delivery, &d->config, now_s))
			out.verdict = RETRY_DELETE;
		if (f->test_peer != 0 && out.verdict != RETRY_DONE) {	/* a test makes nobody wait */
			delivery.wait_until = before.wait_until;
			delivery.tries = before.tries;
		}
		count_verdict(&d->counters, out.verdict);
		rc = commit_answer(s, f, &sub, &delivery, out.verdict, &err);
		if (f->test_peer != 0)
			operate_tested(d, f->test_peer, f->id, f->host, outcome);
	}
	if (rc < 0)
		log_warn("the outcome of a push could not be stored, it may be repeated: %s", err.text);
	if (f->origin != NULL)
		origin_end(s->origins, f->origin, out.verdict == RETRY_DONE, now_s);
	landed(s, f, out.verdict == RETRY_DELETE);
	end_flight(f);
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
		end_flight(f);
		*why = "the push could not be made; the daemon's log says why";
		log_warn("test: %s", err.text);
		return -1;
	}
	return 0;
}

/* The loop's side */

static void
take_answers(struct sender *s)
{
	struct post_answer answer;

	while (post_take(s->post, &answer) == 1)
		on_answer(s, answer.owner, &answer);
}

static bool
has_room(struct sender *s)
{
	return post_in_flight(s->post) < POST_MAX;
}

void
sender_run(struct sender *s, int64_t now_ms)
{
	struct pending *p;

	post_run(s->post, now_ms);
	take_answers(s);
	while (has_room(s) && (p = origin_next(s->origins, clock_wall_s())) != NULL)
		look_at(s, p);
	for (int i = 0; i < LOOKS_A_TURN && has_room(s); i++) {
		p = queue_first(s->queue);
		if (p == NULL || p->due_ms > now_ms)
			break;
		look_at(s, p);
	}
}

int64_t
sender_next(const struct sender *s)
{
	const struct pending *p = queue_first(s->queue);
	int64_t next = post_next(s->post);

	if (p != NULL && p->due_ms < next && post_in_flight(s->post) < POST_MAX)
		next = p->due_ms;
	return next;
}

/* What a killed daemon left: a digest whose silence hung on a connection is owed now. */
static int
load(struct sender *s, struct err *err)
{
	struct store *store = s->daemon->store;
	struct outbox_record r;
	struct delivery delivery;
	uint64_t number = 0, sequence = 0;
	int rc;

	while ((rc = store_outbox_next(store, number, sequence, &r, err)) == 1) {
		number = r.number;
		sequence = r.sequence;
		sender_added(s, number, 1);
		if (r.due != OUTBOX_NEVER)
			continue;
		rc = store_delivery_get(store, number, &delivery, err);
		if (rc < 0 || store_begin(store, err) < 0)
			return -1;
		r.due = rc == 0 ? 0 : silence_ends(s->daemon, &delivery, clock_wall_s());
		if (store_outbox_put(store, &r, err) < 0 || store_commit(store, err) < 0) {
			store_abort(store);
			return -1;
		}
	}
	return rc;
}

struct sender *
sender_new(struct daemon *d, struct err *err)
{
	struct sender *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->daemon = d;
	s->queue = queue_new();
	s->origins = origins_new();
	s->batch = calloc(1, sizeof(*s->batch));
	if (s->batch == NULL)
		abort();
	s->post = post_new(d->loop, d->guard, &d->config, err);
	if (s->post == NULL || load(s, err) < 0) {
		sender_free(s);
		return NULL;
	}
	return s;
}

void
sender_reload(struct sender *s)
{
	post_guard(s->post, s->daemon->guard);
}

void
sender_free(struct sender *s)
{
	if (s == NULL)
		return;
	post_free(s->post);
	for (size_t i = 0; i < POST_MAX; i++) {
		if (s->flights[i].used && s->flights[i].origin != NULL)
			origin_end(s->origins, s->flights[i].origin, false, 0);
		end_flight(&s->flights[i]);
	}
	queue_free(s->queue);
	origins_free(s->origins);
	free(s->batch);
	free(s);
}
