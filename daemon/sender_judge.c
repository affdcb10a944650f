/*
 * From an answer to evidence about its origin (daemon/breaker.h).  A pause that the service itself has
 * asked for outlives the process: who comes back earlier is banned.
 */
#include <stdio.h>

#include "daemon/hash.h"
#include "daemon/sender_int.h"
#include "lib/clock.h"
#include "lib/log.h"

/* The witness: an account, by a number that is never 0. */
static uint64_t
witness_of(const struct flight *f)
{
	return f->acknowledged ? hash_text(f->account) | 1 : 0;
}

static void
blame(struct breaker_event *e, enum breaker_cause cause)
{
	e->outcome = BREAKER_FAILED;
	e->cause = cause;
}

static void
judge_status(struct breaker_event *e, const struct flight *f, int status)
{
	e->outcome = status < 300 ? BREAKER_TAKEN : BREAKER_ANSWERED;
	if (status == 429 || (status == 503 && e->retry_after > 0))
		blame(e, BREAKER_BUSY);
	else if ((status == 401 || status == 403) && f->worked)
		blame(e, BREAKER_KEY_REFUSED);
}

static void
judge(struct breaker_event *e, const struct flight *f, const struct post_answer *a)
{
	*e = (struct breaker_event){
		.outcome = BREAKER_NOTHING, .account = witness_of(f), .probe = f->probe,
		.retry_after = retry_after_parse(a->retry_after, clock_wall_s()),
	};
	switch (a->result) {
	case PUSH_HTTP:
		judge_status(e, f, a->status);
		break;
	case PUSH_TIMEOUT:
	case PUSH_DNS:
	case PUSH_CONNECT:
	case PUSH_TLS:
		blame(e, BREAKER_UNREACHABLE);
		break;
	case PUSH_TRANSPORT:
	case PUSH_REFUSED:
		break;
	}
}

/* How many accounts have to agree: three, or all that there are. */
static unsigned
accounts_needed(struct sender *s, const struct flight *f, const struct breaker_event *e)
{
	struct census_count n;

	if (e->outcome != BREAKER_FAILED || e->account == 0)
		return BREAKER_WITNESSES;
	n = census_take(s->census, s->daemon->store, f->origin_name, sender_now());
	return n.whole && n.accounts > 0 ? n.accounts : BREAKER_WITNESSES;
}

static void
remember_pause(struct sender *s, const struct flight *f, int64_t until)
{
	struct store *store = s->daemon->store;
	char key[GUARD_ORIGIN_MAX + 8];
	struct err err;

	snprintf(key, sizeof(key), "pause %s", f->origin_name);
	if (store_begin(store, &err) < 0 || store_number_put(store, key, until, &err) < 0 ||
	    store_commit(store, &err) < 0) {
		store_abort(store);
		log_warn("the pause of a push service was not recorded: %s", err.text);
	}
}

static void
tell(const struct flight *f, const struct origin_news *news)
{
	if (news->change == BREAKER_CLOSED)
		log_notice("host=%s, status=resumed", f->host);
	else if (news->change == BREAKER_LONGER)
		log_info("host=%s, status=paused (%s), for=%lld", f->host,
		    breaker_cause_text(news->why), (long long)news->pause);
	else if (news->why == BREAKER_KEY_REFUSED)
		log_warn("host=%s, status=paused (key refused), for=%lld: the service takes our VAPID "
		    "tokens no more; check this host's clock and vapid_contact", f->host,
		    (long long)news->pause);
	else
		log_warn("host=%s, status=paused (%s), for=%lld", f->host,
		    breaker_cause_text(news->why), (long long)news->pause);
}

void
sender_judge(struct sender *s, struct flight *f, const struct post_answer *a)
{
	struct breaker_event event;
	struct origin_news news;
	uint32_t random = 0;

	judge(&event, f, a);
	if (event.outcome != BREAKER_TAKEN)	/* nothing is to be spread otherwise */
		token_random(&random, sizeof(random));
	news = origin_end(f->origin, &event, accounts_needed(s, f, &event), sender_now(), random);
	f->origin = NULL;
	if (news.change == BREAKER_SAME)
		return;
	tell(f, &news);
	if (news.why == BREAKER_BUSY)
		remember_pause(s, f, news.change == BREAKER_CLOSED ? 0 : clock_wall_s() + news.pause);
}
