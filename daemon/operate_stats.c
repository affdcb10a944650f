/*
 * stats: counters, gauges and a histogram, a row for each sample.  The names are what dashboards and
 * alerts know: they change like a protocol does.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "daemon/join.h"
#include "daemon/operate_int.h"
#include "daemon/sender.h"
#include "daemon/trace.h"
#include "lib/clock.h"

/* A family of samples; out is where rows go. */
struct family {
	struct buf	*out;
	const char	*name, *type, *help;
};

static void
put_text(const struct family *f, const char *suffix, const char *labels, const char *value)
{
	size_t start = wire_begin_row(f->out);
	char name[96];

	snprintf(name, sizeof(name), "mailbell_%s%s", f->name, suffix);
	wire_row_text(f->out, "metric", slice_of(name));
	wire_row_text(f->out, "labels", labels[0] == '\0' ? SLICE_NIL : slice_of(labels));
	wire_row_text(f->out, "value", slice_of(value));
	wire_row_text(f->out, "type", slice_of(f->type));
	wire_row_text(f->out, "help", slice_of(f->help));
	wire_end_row(f->out, start);
}

static void
put(const struct family *f, const char *labels, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	put_text(f, "", labels, text);
}

static void
put_cause(const struct family *f, const char *label, const char *cause, uint64_t value)
{
	char text[96];

	snprintf(text, sizeof(text), "%s=\"%s\"", label, cause);
	put(f, text, (int64_t)value);
}

static void
put_gauge(struct buf *out, const char *name, int64_t value, const char *help)
{
	struct family f = { out, name, "gauge", help };

	put(&f, "", value);
}

static void
put_counter(struct buf *out, const char *name, uint64_t value, const char *help)
{
	struct family f = { out, name, "counter", help };

	put(&f, "", (int64_t)value);
}

static void
put_info(struct daemon *d, struct buf *out)
{
	static const char *const hooks[] = { "lmtp", "milter", "dovecot" };
	struct family f = { out, "info", "gauge", "What runs; always 1." };
	char labels[96];

	snprintf(labels, sizeof(labels), "version=\"%s\",hook=\"%s\"", MAILBELL_VERSION,
	    hooks[d->config.hook]);
	put(&f, labels, 1);
	put_gauge(out, "start_time_seconds", d->started, "When the daemon was started.");
}

static void
put_gauges(struct daemon *d, struct buf *out)
{
	int64_t oldest = sender_oldest(d->sender), age = clock_wall_ms() - oldest;
	struct join_counts join;

	join_count(d->join, &join);
	put_gauge(out, "subscriptions", store_sub_count(d->store), "Subscriptions, active or not.");
	put_gauge(out, "queue_records", (int64_t)sender_total(d->sender),
	    "Notifications that wait to be sent.");
	put_gauge(out, "queue_oldest_seconds", oldest == 0 || age < 0 ? 0 : age / 1000,
	    "Age of the oldest of them; 0 where nothing waits.");
	put_gauge(out, "pushes_in_flight", (int64_t)sender_in_flight(d->sender), "Pushes under way.");
	put_gauge(out, "origins_paused", (int64_t)origins_paused(sender_origins(d->sender)),
	    "Push services that are left alone for a while.");
	put_gauge(out, "connections", (int64_t)peers_count(d->peers), "Connections to the daemon's sockets.");
	put_gauge(out, "waiting_arrivals", (int64_t)join.waiting_arrivals,
	    "Arrivals of which it is not known yet where they were saved.");
	put_gauge(out, "waiting_saved", (int64_t)join.waiting_saved,
	    "Saved messages of which the content is not known yet.");
}

static void
put_mail(struct daemon *d, struct buf *out)
{
	const struct counters *c = &d->counters;
	struct family f = { out, "decisions_total", "counter", "What became of deliveries in the join." };
	struct join_counts join;

	put_counter(out, "arrivals_total", c->arrivals, "Arrivals that hooks have told of.");
	put_counter(out, "saved_total", c->saved, "Saved messages that the storage module has told of.");
	join_count(d->join, &join);
	put_cause(&f, "cause", "joined", join.joined);
	put_cause(&f, "cause", "no_end", join.sync_no_end);
	put_cause(&f, "cause", "no_arrival", join.sync_no_arrival);
	put_cause(&f, "cause", "repeated", join.repeated);
	put_cause(&f, "cause", "overflow", join.overflow);
	put_counter(out, "notifications_total", c->notifications, "Notifications that were queued.");
	f = (struct family){ out, "not_rung_total", "counter", "Mail that rang no device, by cause." };
	put_cause(&f, "cause", "no_subscription", c->no_subscription);
	put_cause(&f, "cause", "silent", c->silent);
	put_cause(&f, "cause", "quiet", c->quiet);
}

static void
put_pushes(const struct counters *c, struct buf *out)
{
	static const char *const answers[ANSWERS] = {
		[ANSWER_TAKEN] = "2xx", [ANSWER_KEY_REFUSED] = "key_refused", [ANSWER_GONE] = "gone",
		[ANSWER_TOO_LARGE] = "413", [ANSWER_TOO_MANY] = "429", [ANSWER_4XX] = "4xx",
		[ANSWER_503] = "503", [ANSWER_5XX] = "5xx", [ANSWER_TIMEOUT] = "timeout",
		[ANSWER_DNS] = "dns", [ANSWER_CONNECT] = "connect", [ANSWER_TLS] = "tls",
		[ANSWER_BROKEN] = "broken", [ANSWER_GUARD] = "guard",
	};
	struct family f = { out, "pushes_total", "counter", "Pushes by what followed." };

	put_cause(&f, "result", "sent", c->sent);
	put_cause(&f, "result", "later", c->later);
	put_cause(&f, "result", "dropped", c->dropped);
	put_cause(&f, "result", "gone", c->gone);
	f = (struct family){ out, "answers_total", "counter", "Pushes by the push service's answer." };
	for (int i = 0; i < ANSWERS; i++)
		put_cause(&f, "answer", answers[i], c->answers[i]);
	f = (struct family){ out, "given_up_total", "counter",
	    "Notifications that were never sent as they were." };
	put_cause(&f, "cause", "expired", c->expired);
	put_cause(&f, "cause", "collapsed", c->collapsed);
}

static void
put_trouble(struct daemon *d, struct buf *out)
{
	const struct counters *c = &d->counters;
	struct family f = { out, "trouble_total", "counter", "What an operator may have to mend." };

	put_cause(&f, "cause", "wrong_hook", c->wrong_hook);
	put_cause(&f, "cause", "lost_by_hooks", c->lost_by_hooks);
	put_cause(&f, "cause", "bad_frames", c->bad_frames);
	put_cause(&f, "cause", "refused_peers", c->refused_peers);
	put_cause(&f, "cause", "store_errors", c->store_errors);
	put_cause(&f, "cause", "trace_lost", trace_lost(d->trace));
}

static void
put_lag(const struct lag *l, struct buf *out)
{
	struct family f = { out, "push_lag_seconds", "histogram",
	    "From the mail server's acceptance to the push service's." };
	char labels[32], value[32];
	uint64_t below = 0;

	for (int i = 0; i < LAG_BUCKETS; i++) {
		below += l->count[i];
		if (i == LAG_BUCKETS - 1)
			snprintf(labels, sizeof(labels), "le=\"+Inf\"");
		else
			snprintf(labels, sizeof(labels), "le=\"%g\"", (double)lag_bound_ms(i) / 1000);
		snprintf(value, sizeof(value), "%" PRIu64, below);
		put_text(&f, "_bucket", labels, value);
	}
	snprintf(value, sizeof(value), "%.3f", (double)l->sum_ms / 1000);
	put_text(&f, "_sum", "", value);
	snprintf(value, sizeof(value), "%" PRIu64, l->total);
	put_text(&f, "_count", "", value);
}

void
daemon_stats(struct ask *a)
{
	struct daemon *d = a->daemon;
	struct buf *out = &a->peer->out;

	put_info(d, out);
	put_gauges(d, out);
	put_mail(d, out);
	put_pushes(&d->counters, out);
	put_trouble(d, out);
	put_lag(&d->counters.lag, out);
	operate_finish(a->peer, EX_OK, "%s", "");
}
