#include <stdio.h>
#include <string.h>

#include "daemon/describe.h"
#include "daemon/join.h"
#include "daemon/peers.h"
#include "daemon/retry.h"
#include "daemon/sender.h"
#include "daemon/silence.h"
#include "lib/clock.h"
#include "lib/wire.h"

#define ORIGINS_SHOWN	10000

const char *
describe_host(const struct subscription *sub, char *out, size_t size)
{
	static const char scheme[] = "https://";
	const char *host = sub->normal;

	if (strncmp(host, scheme, sizeof(scheme) - 1) == 0)
		host += sizeof(scheme) - 1;
	snprintf(out, size, "%.*s", (int)strcspn(host, "/?#"), host);
	return out;
}

static const char *
state_of(struct daemon *d, const struct subscription *sub, const struct delivery *delivery)
{
	if (sub->state == SUB_NEWER)
		return "newer format";
	if (sub->state == SUB_UNACKNOWLEDGED)
		return delivery->quieted ? "not acknowledged, endpoint gone" : "not acknowledged";
	if (delivery->key_refused)
		return "key refused";
	if (silence_holds(d, delivery, clock_wall_s()))
		return "silent";
	return delivery->failing_since != 0 ? "failing" : "active";
}

/* The class of the last answer: "201", "timeout"; nil: nothing was ever sent. */
static struct slice
last_answer(const struct delivery *delivery, char *out, size_t size)
{
	if (delivery->last_try == 0)
		return SLICE_NIL;
	if (delivery->last_result == PUSH_HTTP)
		snprintf(out, size, "%u", delivery->last_status);
	else
		snprintf(out, size, "%s", push_result_text(delivery->last_result));
	return slice_of(out);
}

/* A subscription of a newer format has no delivery record that can be read. */
static int
read_delivery(struct daemon *d, const struct subscription *sub, struct delivery *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	if (sub->state == SUB_NEWER)
		return 0;
	return store_delivery_get(d->store, sub->number, out, err) < 0 ? -1 : 0;
}

static void
put_common(struct daemon *d, const struct subscription *sub, const struct delivery *delivery,
    struct buf *out)
{
	char host[256], answer[32];

	wire_row_text(out, "account", slice_of(sub->account));
	wire_row_text(out, "id", slice_of(sub->id));
	wire_row_text(out, "state", slice_of(state_of(d, sub, delivery)));
	wire_row_text(out, "host", slice_of(describe_host(sub, host, sizeof(host))));
	wire_row_number(out, "last_success_time", delivery->last_success);
	wire_row_text(out, "last_answer", last_answer(delivery, answer, sizeof(answer)));
	wire_row_number(out, "waiting", (int64_t)sender_waiting(d->sender, sub->number));
}

int
describe_row(struct daemon *d, const struct subscription *sub, struct buf *out, struct err *err)
{
	struct delivery delivery;
	size_t start;

	if (read_delivery(d, sub, &delivery, err) < 0)
		return -1;
	start = wire_begin_row(out);
	put_common(d, sub, &delivery, out);
	wire_end_row(out, start);
	return 0;
}

/* When what waits is tried again; 0: nothing waits.  The queue looks earlier than a long wait ends. */
static int64_t
next_try(struct daemon *d, const struct subscription *sub, const struct delivery *delivery)
{
	int64_t wait = sender_wait(d->sender, sub->number), at;

	if (wait < 0)
		return 0;
	at = clock_wall_s() + wait;
	return delivery->wait_until > at ? delivery->wait_until : at;
}

int
describe_subscription(struct daemon *d, const struct subscription *sub, struct buf *out,
    struct err *err)
{
	struct delivery delivery;
	size_t start;

	if (read_delivery(d, sub, &delivery, err) < 0)
		return -1;
	start = wire_begin_row(out);
	put_common(d, sub, &delivery, out);
	wire_row_text(out, "vapid_key", slice_of(sub->key));
	wire_row_number(out, "created_time", sub->created);
	wire_row_number(out, "refreshed_time", sub->refreshed);
	wire_row_number(out, "acknowledged_time", sub->acknowledged);
	wire_row_number(out, "last_try_time", delivery.last_try);
	wire_row_number(out, "failures", delivery.failures);
	wire_row_number(out, "failing_since_time", delivery.failing_since);
	wire_row_number(out, "next_try_time", next_try(d, sub, &delivery));
	wire_row_number(out, "silent_until_time", delivery.silent_until);
	wire_row_number(out, "unseen", delivery.unseen);
	wire_row_number(out, "size_limit", delivery.size_limit);
	wire_end_row(out, start);
	return 0;
}

static const char *const contents[] = { "envelope", "sync" };

int
describe_content_parse(struct slice word, int *content)
{
	if (slice_is(word, "site"))
		*content = -1;
	else if (slice_is(word, contents[CONTENT_ENVELOPE]))
		*content = CONTENT_ENVELOPE;
	else if (slice_is(word, contents[CONTENT_SYNC]))
		*content = CONTENT_SYNC;
	else
		return -1;
	return 0;
}

void
describe_account(struct daemon *d, const struct account *account, struct buf *out)
{
	size_t start = wire_begin_row(out);
	int content = account->content;

	wire_row_text(out, "account", slice_of(account->name));
	wire_row_text(out, "content", slice_of(content < 0 ? "site" : contents[content]));
	wire_row_text(out, "content_in_force", slice_of(contents[content < 0 ? d->config.content : content]));
	wire_end_row(out, start);
}

static void
put_answers(const struct counters *c, struct buf *out)
{
	static const char *const names[ANSWERS] = {
		[ANSWER_TAKEN] = "answers_2xx", [ANSWER_KEY_REFUSED] = "answers_401_403",
		[ANSWER_GONE] = "answers_404_410", [ANSWER_TOO_LARGE] = "answers_413",
		[ANSWER_TOO_MANY] = "answers_429", [ANSWER_4XX] = "answers_other_4xx",
		[ANSWER_503] = "answers_503", [ANSWER_5XX] = "answers_other_5xx",
		[ANSWER_TIMEOUT] = "answers_timeout", [ANSWER_DNS] = "answers_dns",
		[ANSWER_CONNECT] = "answers_connect", [ANSWER_TLS] = "answers_tls",
		[ANSWER_BROKEN] = "answers_broken", [ANSWER_GUARD] = "answers_guard",
	};

	for (int i = 0; i < ANSWERS; i++)
		wire_row_number(out, names[i], (int64_t)c->answers[i]);
}

static void
put_counters(const struct counters *c, struct buf *out)
{
	const struct {
		const char	*name;
		uint64_t	 value;
	} rows[] = {
		{ "saved", c->saved }, { "arrivals", c->arrivals },
		{ "notifications", c->notifications }, { "no_subscription", c->no_subscription },
		{ "silent", c->silent }, { "quiet", c->quiet },
		{ "sent", c->sent }, { "later", c->later }, { "dropped", c->dropped },
		{ "gone", c->gone }, { "expired", c->expired }, { "collapsed", c->collapsed },
		{ "wrong_hook", c->wrong_hook }, { "lost_by_hooks", c->lost_by_hooks },
		{ "bad_frames", c->bad_frames }, { "refused_peers", c->refused_peers },
		{ "store_errors", c->store_errors },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		wire_row_number(out, rows[i].name, (int64_t)rows[i].value);
	put_answers(c, out);
}

/* The seconds of the monotonic clock as time of the day. */
static int64_t
wall_of(int64_t mono_s)
{
	return clock_wall_s() + mono_s - clock_mono_ms() / 1000;
}

void
describe_origins(struct daemon *d, struct buf *out)
{
	const struct origins *all = sender_origins(d->sender);
	const struct origin *o = NULL;
	struct origin_view v;
	size_t start;

	for (int i = 0; i < ORIGINS_SHOWN && (o = origin_walk(all, o)) != NULL; i++) {
		origin_show(o, &v);
		start = wire_begin_row(out);
		wire_row_text(out, "host", slice_of(v.name + strlen("https://")));
		wire_row_text(out, "state", slice_of(!v.paused ? "open" : v.probing ? "probed" : "paused"));
		wire_row_number(out, "in_flight", (int64_t)v.in_flight);
		wire_row_number(out, "waiting", (int64_t)v.waiting);
		wire_row_number(out, "last_success_time", v.was_taken ? wall_of(v.last_taken) : 0);
		wire_row_number(out, "paused_until_time", v.paused ? wall_of(v.until) : 0);
		wire_row_text(out, "why", slice_of(v.why));
		wire_end_row(out, start);
	}
}

void
describe_status(struct daemon *d, struct buf *out)
{
	static const char *const hooks[] = { "lmtp", "milter", "dovecot" };
	struct join_counts join;
	const char *key = vapid_current(d->vapid);
	int64_t oldest = sender_oldest(d->sender);
	size_t start = wire_begin_row(out);

	join_count(d->join, &join);
	wire_row_text(out, "version", slice_of(MAILBELL_VERSION));
	wire_row_text(out, "hook", slice_of(hooks[d->config.hook]));
	wire_row_number(out, "started_time", d->started);
	wire_row_text(out, "vapid_key", slice_of(key));
	wire_row_number(out, "subscriptions", store_sub_count(d->store));
	wire_row_number(out, "connections", (int64_t)peers_count(d->peers));
	wire_row_number(out, "outbox", (int64_t)sender_total(d->sender));
	wire_row_number(out, "oldest_age", oldest == 0 ? 0 : (clock_wall_ms() - oldest) / 1000);
	wire_row_number(out, "in_flight", (int64_t)sender_in_flight(d->sender));
	wire_row_number(out, "origins_paused", (int64_t)origins_paused(sender_origins(d->sender)));
	wire_row_number(out, "waiting_arrivals", (int64_t)join.waiting_arrivals);
	wire_row_number(out, "waiting_saved", (int64_t)join.waiting_saved);
	wire_row_number(out, "held_arrivals", (int64_t)join.held_arrivals);
	wire_row_number(out, "joined", (int64_t)join.joined);
	wire_row_number(out, "sync_no_end", (int64_t)join.sync_no_end);
	wire_row_number(out, "sync_no_arrival", (int64_t)join.sync_no_arrival);
	wire_row_number(out, "repeated", (int64_t)join.repeated);
	wire_row_number(out, "overflow", (int64_t)join.overflow);
	put_counters(&d->counters, out);
	wire_end_row(out, start);
}
