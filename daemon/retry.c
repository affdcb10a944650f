/*
 * One answer is evidence about one subscription.  What is not understood is tried again while the
 * news is of use; only 404 and 410 end a subscription.  Waits that a service asks for are kept,
 * since who comes back early is banned; a wait that outlives the records drops them, and goes on.
 */
#include "daemon/retry.h"

#define MINUTE	((int64_t)60)
#define HOUR	((int64_t)3600)
#define DAY	(24 * HOUR)

#define TTL_MAX		(7 * DAY)
#define BACKOFF_FIRST	10
#define VERIFY_RETRIES	2
#define BUCKET_MIDDLE	2641
#define BUCKET_SMALL	1024

/* Waits, or drops what would be too old by then. */
static void
wait_until(const struct retry_input *in, struct retry_output *out, int64_t at)
{
	out->verdict = at < in->expires ? RETRY_LATER : RETRY_DROP;
	out->retry_at = at;
}

/* first, then each time `factor` longer, an hour at most. */
static int64_t
growing_wait(int64_t first, int64_t factor, unsigned n)
{
	int64_t wait = first;

	while (n-- > 1 && wait < HOUR)
		wait *= factor;
	return wait < HOUR ? wait : HOUR;
}

/* Up to a fifth is taken off, never added: the waits stay at most an hour apart. */
static void
back_off(const struct retry_input *in, struct retry_output *out)
{
	int64_t wait = growing_wait(BACKOFF_FIRST, 3, in->tries);

	wait_until(in, out, in->now + wait - in->random % (wait / 5 + 1));
}

/*
 * What the service asked for, up to the longest TTL that a push can have.  "0" asks for nothing:
 * taken at its word it would be a busy loop.
 */
static bool
wait_as_asked(const struct retry_input *in, struct retry_output *out)
{
	if (in->retry_after <= 0)
		return false;
	wait_until(in, out, in->now + (in->retry_after < TTL_MAX ? in->retry_after : TTL_MAX));
	return true;
}

static void
gone(const struct retry_input *in, struct retry_output *out)
{
	out->verdict = in->acknowledged ? RETRY_DELETE : RETRY_QUIET;
}

/* Services were seen to answer 404 for a moment: a second one an hour later makes it true. */
static void
not_found(const struct retry_input *in, struct retry_output *out)
{
	bool first = in->first_404 <= 0 || in->first_404 > in->now;

	out->first_404 = first ? in->now : in->first_404;
	if (!first && in->now - in->first_404 >= HOUR)
		gone(in, out);
	else if (in->verify)
		out->verdict = RETRY_DROP;
	else
		wait_until(in, out, out->first_404 + HOUR);
}

/* The subscription was made for another VAPID key: one probe a day, if it ever worked. */
static void
key_refused(const struct retry_input *in, struct retry_output *out)
{
	out->key_refused = true;
	if (in->verify)
		out->verdict = RETRY_DROP;
	else
		wait_until(in, out, in->now + DAY);
}

static void
too_large(const struct retry_input *in, struct retry_output *out)
{
	bool smallest = in->bucket <= BUCKET_SMALL;

	if (in->verify || (smallest && in->sync_only)) {
		out->verdict = RETRY_DROP;
		return;
	}
	out->verdict = RETRY_SHRINK;
	out->size_limit = in->bucket > BUCKET_MIDDLE ? BUCKET_MIDDLE : BUCKET_SMALL;
	out->as_sync = smallest;
}

static void
too_many(const struct retry_input *in, struct retry_output *out)
{
	if (in->verify)
		out->verdict = RETRY_DROP;
	else if (!wait_as_asked(in, out))
		wait_until(in, out, in->now + growing_wait(MINUTE, 2, in->fail_429));
}

/* A verification that found a broken server is tried twice more, and not a third time. */
static void
server_failed(const struct retry_input *in, struct retry_output *out)
{
	if (in->verify && in->tries > VERIFY_RETRIES)
		out->verdict = RETRY_DROP;
	else if (in->status != 503 || !wait_as_asked(in, out))
		back_off(in, out);
}

/* No answer that could be read. */
static void
no_answer(const struct retry_input *in, struct retry_output *out)
{
	if (in->verify)
		out->verdict = RETRY_DROP;
	else
		back_off(in, out);
}

static void
decide_status(const struct retry_input *in, struct retry_output *out)
{
	switch (in->status) {
	case 401:
	case 403:
		key_refused(in, out);
		break;
	case 404:
		not_found(in, out);
		break;
	case 410:
		gone(in, out);
		break;
	case 413:
		too_large(in, out);
		break;
	case 429:
		too_many(in, out);
		break;
	default:
		if (in->status < 300)
			out->verdict = RETRY_DONE;
		else if (in->status >= 400 && in->status < 500)
			out->verdict = RETRY_DROP;
		else
			server_failed(in, out);	/* 3xx, too: nothing is followed */
	}
}

void
retry_decide(const struct retry_input *in, struct retry_output *out)
{
	bool answered = in->result == PUSH_HTTP && in->status >= 200 && in->status <= 599;

	/* Silence does not break a row of 404s, and any other answer does. */
	*out = (struct retry_output){ .first_404 = answered ? 0 : in->first_404 };
	if (answered)
		decide_status(in, out);
	else
		no_answer(in, out);
}

const char *
retry_verdict_text(enum retry_verdict verdict)
{
	switch (verdict) {
	case RETRY_DONE:
		return "sent";
	case RETRY_LATER:
		return "later";
	case RETRY_DROP:
		return "dropped";
	case RETRY_SHRINK:
		return "smaller";
	case RETRY_DELETE:
		return "gone";
	case RETRY_QUIET:
		return "quiet";
	}
	return "unknown";
}

const char *
push_result_text(enum push_result result)
{
	switch (result) {
	case PUSH_HTTP:
		return "http";
	case PUSH_TIMEOUT:
		return "timeout";
	case PUSH_DNS:
		return "dns";
	case PUSH_CONNECT:
		return "connect";
	case PUSH_TLS:
		return "tls";
	case PUSH_TRANSPORT:
		return "transport";
	case PUSH_REFUSED:
		return "refused";
	}
	return "unknown";
}
