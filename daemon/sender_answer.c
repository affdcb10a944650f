/*
 * retry.h decides, this file carries it out: one group of the store for each answer, then the log and
 * the queue.  Where the store fails, the records stay and the push may be repeated.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/operate.h"
#include "daemon/pace.h"
#include "daemon/sender_int.h"
#include "daemon/trace.h"
#include "lib/clock.h"
#include "lib/log.h"

static void
note_success(struct delivery *d, const struct flight *f, int64_t now_s)
{
	d->last_success = now_s;
	d->failures = d->fail_429 = d->tries = 0;
	d->failing_since = d->first_404 = d->wait_until = 0;
	d->key_refused = false;
	if (!f->verify)
		pace_taken(d, f->with_envelope, now_s);
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

/* What the answer means for the records: whether they leave the outbox. */
static bool
records_go(enum retry_verdict verdict)
{
	return verdict == RETRY_DONE || verdict == RETRY_DROP || verdict == RETRY_QUIET;
}

static int
erase(struct store *store, const struct flight *f, struct err *err)
{
	struct subscription sub = { .number = f->number };

	memcpy(sub.account, f->account, sizeof(sub.account));
	memcpy(sub.id, f->id, sizeof(sub.id));
	return store_sub_del(store, &sub, err);
}

static int
commit_answer(struct sender *s, const struct flight *f, struct delivery *delivery,
    enum retry_verdict verdict, struct err *err)
{
	struct store *store = s->daemon->store;

	if (store_begin(store, err) < 0)
		return -1;
	if (verdict == RETRY_DELETE) {
		if (erase(store, f, err) < 0)
			goto failed;
	} else if (store_delivery_put(store, delivery, err) < 0)
		goto failed;
	for (size_t i = 0; records_go(verdict) && i < f->n; i++)
		if (store_outbox_del(store, f->number, f->records[i].sequence, err) < 0)
			goto failed;
	if (store_commit_later(store, err) == 0)
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

static enum answer
class_of_status(int status)
{
	switch (status) {
	case 401:
	case 403:
		return ANSWER_KEY_REFUSED;
	case 404:
	case 410:
		return ANSWER_GONE;
	case 413:
		return ANSWER_TOO_LARGE;
	case 429:
		return ANSWER_TOO_MANY;
	case 503:
		return ANSWER_503;
	default:
		if (status < 300)
			return ANSWER_TAKEN;
		return status >= 400 && status < 500 ? ANSWER_4XX : ANSWER_5XX;
	}
}

static enum answer
class_of(const struct post_answer *a)
{
	switch (a->result) {
	case PUSH_HTTP:
		return class_of_status(a->status);
	case PUSH_TIMEOUT:
		return ANSWER_TIMEOUT;
	case PUSH_DNS:
		return ANSWER_DNS;
	case PUSH_CONNECT:
		return ANSWER_CONNECT;
	case PUSH_TLS:
		return ANSWER_TLS;
	case PUSH_REFUSED:
		return ANSWER_GUARD;
	case PUSH_TRANSPORT:
		break;
	}
	return ANSWER_BROKEN;
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
trace_outcome(struct trace *t, const struct flight *f, const struct batch_record *r, unsigned try,
    const char *outcome)
{
	const struct trace_event e = {
		.queue_id = slice_of(r->queue_id), .number = f->number, .sequence = r->sequence,
		.event = "push", .account = slice_of(f->account), .id = slice_of(f->id),
	};

	if (r->type != OUTBOX_VERIFY && r->type != OUTBOX_VAPID)
		trace_put(t, &e, "%s, host=%s, try=%u", outcome, f->host, try);
}

/* How long those took that were pushed. */
static void
count_lag(struct counters *c, const struct flight *f)
{
	int64_t now_ms = clock_wall_ms();

	for (size_t i = 0; i < f->n; i++)
		if (f->records[i].type == OUTBOX_MAIL || f->records[i].type == OUTBOX_SYNC)
			lag_add(&c->lag, now_ms - f->records[i].accepted_ms);
}

static void
log_outcome(const struct daemon *d, const struct flight *f, const struct delivery *delivery,
    const char *outcome)
{
	int64_t now_ms = clock_wall_ms();
	struct log_text user = log_clean(slice_of(f->account)), id = log_clean(slice_of(f->id));
	struct slice queue_id;

	for (size_t i = 0; i < f->n; i++) {
		queue_id = slice_of(f->records[i].queue_id[0] == '\0' ? "-" : f->records[i].queue_id);
		trace_outcome(d->trace, f, &f->records[i], delivery->tries + 1, outcome);
		log_info("%s: user=%s, sub=%.8s, host=%s, delay=%.2f, try=%u, status=%s",
		    log_clean(queue_id).text, user.text, id.text, f->host,
		    (double)(now_ms - f->records[i].accepted_ms) / 1000, delivery->tries + 1, outcome);
	}
}

static void
decide(const struct daemon *d, const struct flight *f, const struct delivery *delivery,
    const struct post_answer *a, int64_t now_s, struct retry_output *out)
{
	bool trusted = clock_mono_ms() >= d->distrust_ms;	/* ages mean something */
	struct retry_input in = {
		.result = a->result, .status = a->status,
		.retry_after = retry_after_parse(a->retry_after, now_s), .now = now_s,
		.expires = f->expires, .tries = delivery->tries + 1, .fail_429 = delivery->fail_429,
		.verify = f->verify, .acknowledged = f->acknowledged,
		.first_404 = trusted ? delivery->first_404 : 0,
		.bucket = (unsigned)f->bucket, .sync_only = !f->with_envelope,
	};

	if (class_of(a) != ANSWER_TAKEN)	/* nothing is to be spread otherwise */
		token_random(&in.random, sizeof(in.random));
	retry_decide(&in, out);
}

/*
 * The pending entry of a flight that is over, and that took so many records: it is looked at again.
 * Not where these were all that was there, and nothing has come or gone since.
 */
static void
landed(struct sender *s, const struct flight *f, bool deleted, size_t taken)
{
	struct pending *p = queue_get(s->queue, f->number);

	if (p == NULL || f->test_peer != 0)
		return;
	p->flying = false;
	sender_set_count(s, p, p->count > taken ? p->count - taken : 0);
	if (deleted || (p->count == 0 && !p->changed))
		sender_leave(s, p);
	else
		sender_wait_for(s, p, 0);
}

/* What becomes of the delivery record. */
static void
note_answer(struct daemon *d, const struct flight *f, const struct post_answer *a,
    const struct retry_output *out, struct delivery *delivery)
{
	struct delivery before = *delivery;
	int64_t now_s = clock_wall_s();

	delivery->last_try = now_s;
	delivery->last_result = a->result;
	delivery->last_status = (uint32_t)a->status;
	if (!f->verify)
		pace_used(&d->config, delivery, f->high, clock_wall_ms());
	if (out->verdict == RETRY_DONE)
		note_success(delivery, f, now_s);
	else
		note_failure(delivery, out, now_s);
	if (f->test_peer != 0 && out->verdict != RETRY_DONE) {	/* a test makes nobody wait */
		delivery->wait_until = before.wait_until;
		delivery->tries = before.tries;
	}
}

/*
 * 1: f's subscription is as it was when the push was made; 0: it is gone or another one; -1.  A change
 * puts its verification into the outbox, so mostly it need not be read.
 */
static int
read_delivery(struct sender *s, const struct flight *f, struct delivery *delivery, struct err *err)
{
	struct store *store = s->daemon->store;
	const struct pending *p = f->test_peer != 0 ? NULL : queue_get(s->queue, f->number);
	struct subscription sub;
	int rc;

	if (p != NULL && !p->changed)
		return store_delivery_get(store, f->number, delivery, err);
	rc = store_delivery_both(store, f->number, delivery, &sub, err);
	if (rc == 1)
		rc = sub.generation == f->generation;
	explicit_bzero(&sub, sizeof(sub));
	return rc;
}

void
sender_answer(struct sender *s, struct flight *f, const struct post_answer *a)
{
	struct daemon *d = s->daemon;
	struct retry_output out = { .verdict = RETRY_LATER };
	struct delivery delivery;
	char outcome[64];
	struct err err;
	bool stored = false;
	int rc;

	d->counters.answers[class_of(a)]++;
	rc = read_delivery(s, f, &delivery, &err);
	if (rc == 1) {
		if (class_of(a) == ANSWER_TOO_MANY)
			delivery.fail_429++;
		decide(d, f, &delivery, a, clock_wall_s(), &out);
		outcome_text(outcome, sizeof(outcome), out.verdict, a);
		log_outcome(d, f, &delivery, outcome);
		note_answer(d, f, a, &out, &delivery);
		count_verdict(&d->counters, out.verdict);
		if (out.verdict == RETRY_DONE)
			count_lag(&d->counters, f);
		rc = commit_answer(s, f, &delivery, out.verdict, &err);
		stored = rc == 0;
		if (f->test_peer != 0)
			operate_tested(d, f->test_peer, f->id, f->host, outcome);
	}
	if (rc < 0)
		log_warn("the outcome of a push could not be stored, it may be repeated: %s", err.text);
	if (f->origin != NULL)
		sender_judge(s, f, a);
	landed(s, f, stored && out.verdict == RETRY_DELETE,
	    stored && records_go(out.verdict) ? f->n : 0);
	sender_end_flight(f);
}
