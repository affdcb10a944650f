/*
 * retry: each line of the answer table, and its corners.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/retry.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

#define NOW	((int64_t)1800000000)
#define HOUR	((int64_t)3600)
#define DAY	(24 * HOUR)
#define END	(NOW + 7 * DAY)

/* What a row does not say is filled in by complete(). */
#define ACTIVE		.acknowledged = true
#define VERIFY		.verify = true, .sync_only = true
#define NO_WAIT		INT64_MIN	/* Retry-After: 0 */
#define LATER(s)	.verdict = RETRY_LATER, .retry_at = NOW + (s)
#define DROP(s)		.verdict = RETRY_DROP, .retry_at = NOW + (s)
#define IS(v)		.verdict = (v)

static const struct {
	const char		*name;
	struct retry_input	 in;
	struct retry_output	 out;
} rows[] = {
	/* 2xx */
	{ "200", { ACTIVE, .status = 200 }, { IS(RETRY_DONE) } },
	{ "201", { ACTIVE, .status = 201 }, { IS(RETRY_DONE) } },
	{ "202", { ACTIVE, .status = 202 }, { IS(RETRY_DONE) } },
	{ "204", { ACTIVE, .status = 204 }, { IS(RETRY_DONE) } },
	{ "299", { ACTIVE, .status = 299 }, { IS(RETRY_DONE) } },
	{ "201 of a verification", { VERIFY, .status = 201 }, { IS(RETRY_DONE) } },
	{ "201 ends a row of 404s", { ACTIVE, .status = 201, .first_404 = NOW - 9 }, { IS(RETRY_DONE) } },
	{ "201 after the TTL", { ACTIVE, .status = 201, .now = END + 1 }, { IS(RETRY_DONE) } },

	/* 410 */
	{ "410", { ACTIVE, .status = 410 }, { IS(RETRY_DELETE) } },
	{ "410 before ack", { VERIFY, .status = 410 }, { IS(RETRY_QUIET) } },
	{ "410 after a 404", { ACTIVE, .status = 410, .first_404 = NOW - 1 }, { IS(RETRY_DELETE) } },

	/* 404 */
	{ "first 404", { ACTIVE, .status = 404 }, { LATER(HOUR), .first_404 = NOW } },
	{ "404 inside the hour", { ACTIVE, .status = 404, .first_404 = NOW - 600 },
	    { LATER(HOUR - 600), .first_404 = NOW - 600 } },
	{ "404 a second too early", { ACTIVE, .status = 404, .first_404 = NOW - HOUR + 1 },
	    { LATER(1), .first_404 = NOW - HOUR + 1 } },
	{ "404 an hour later", { ACTIVE, .status = 404, .first_404 = NOW - HOUR },
	    { IS(RETRY_DELETE), .first_404 = NOW - HOUR } },
	{ "404 days later", { ACTIVE, .status = 404, .first_404 = NOW - 3 * DAY },
	    { IS(RETRY_DELETE), .first_404 = NOW - 3 * DAY } },
	{ "404, the first in the future", { ACTIVE, .status = 404, .first_404 = NOW + DAY },
	    { LATER(HOUR), .first_404 = NOW } },
	{ "first 404, old news", { ACTIVE, .status = 404, .expires = NOW + HOUR },
	    { DROP(HOUR), .first_404 = NOW } },
	{ "first 404 of a verification", { VERIFY, .status = 404 },
	    { IS(RETRY_DROP), .first_404 = NOW } },
	{ "404 of a verification again", { VERIFY, .status = 404, .first_404 = NOW - HOUR },
	    { IS(RETRY_QUIET), .first_404 = NOW - HOUR } },
	{ "400 breaks the row", { ACTIVE, .status = 400, .first_404 = NOW - HOUR }, { IS(RETRY_DROP) } },
	{ "silence does not", { ACTIVE, .result = PUSH_TIMEOUT, .first_404 = NOW - HOUR },
	    { LATER(10), .first_404 = NOW - HOUR } },

	/* 413 */
	{ "413 at 3993", { ACTIVE, .status = 413, .bucket = 3993 },
	    { IS(RETRY_SHRINK), .size_limit = 2641 } },
	{ "413 at 2641", { ACTIVE, .status = 413, .bucket = 2641 },
	    { IS(RETRY_SHRINK), .size_limit = 1024 } },
	{ "413 at 1024", { ACTIVE, .status = 413 },
	    { IS(RETRY_SHRINK), .size_limit = 1024, .as_sync = true } },
	{ "413 of a big SYNC", { ACTIVE, .status = 413, .bucket = 2641, .sync_only = true },
	    { IS(RETRY_SHRINK), .size_limit = 1024 } },
	{ "413 of the smallest SYNC", { ACTIVE, .status = 413, .sync_only = true }, { IS(RETRY_DROP) } },
	{ "413 of a verification", { VERIFY, .status = 413 }, { IS(RETRY_DROP) } },

	/* 401, 403 */
	{ "401", { ACTIVE, .status = 401 }, { LATER(DAY), .key_refused = true } },
	{ "403", { ACTIVE, .status = 403 }, { LATER(DAY), .key_refused = true } },
	{ "403, old news", { ACTIVE, .status = 403, .expires = NOW + DAY },
	    { DROP(DAY), .key_refused = true } },
	{ "401 of a verification", { VERIFY, .status = 401 }, { IS(RETRY_DROP), .key_refused = true } },
	{ "403 of a verification", { VERIFY, .status = 403 }, { IS(RETRY_DROP), .key_refused = true } },

	/* other 4xx */
	{ "400", { ACTIVE, .status = 400 }, { IS(RETRY_DROP) } },
	{ "402", { ACTIVE, .status = 402 }, { IS(RETRY_DROP) } },
	{ "405", { ACTIVE, .status = 405 }, { IS(RETRY_DROP) } },
	{ "415", { ACTIVE, .status = 415 }, { IS(RETRY_DROP) } },
	{ "421", { ACTIVE, .status = 421 }, { IS(RETRY_DROP) } },
	{ "451", { ACTIVE, .status = 451 }, { IS(RETRY_DROP) } },
	{ "499", { ACTIVE, .status = 499 }, { IS(RETRY_DROP) } },
	{ "400 with Retry-After", { ACTIVE, .status = 400, .retry_after = 5 }, { IS(RETRY_DROP) } },
	{ "400 of a verification", { VERIFY, .status = 400 }, { IS(RETRY_DROP) } },

	/* 429 */
	{ "429", { ACTIVE, .status = 429, .fail_429 = 1 }, { LATER(60) } },
	{ "second 429", { ACTIVE, .status = 429, .fail_429 = 2 }, { LATER(120) } },
	{ "fifth 429", { ACTIVE, .status = 429, .fail_429 = 5 }, { LATER(960) } },
	{ "sixth 429", { ACTIVE, .status = 429, .fail_429 = 6 }, { LATER(1920) } },
	{ "seventh 429", { ACTIVE, .status = 429, .fail_429 = 7 }, { LATER(HOUR) } },
	{ "very many 429s", { ACTIVE, .status = 429, .fail_429 = UINT32_MAX },
	    { LATER(HOUR) } },
	{ "429, not counted", { ACTIVE, .status = 429, .fail_429 = 0 },
	    { LATER(60) } },
	{ "429, Retry-After", { ACTIVE, .status = 429, .retry_after = 7, .fail_429 = 9 },
	    { LATER(7) } },
	{ "429, Retry-After of days", { ACTIVE, .status = 429, .retry_after = 6 * DAY },
	    { LATER(6 * DAY) } },
	{ "429, Retry-After at the end", { ACTIVE, .status = 429, .retry_after = 7 * DAY },
	    { DROP(7 * DAY) } },
	{ "429, Retry-After of 1e9", { ACTIVE, .status = 429, .retry_after = 1000000000 },
	    { DROP(7 * DAY) } },
	{ "429, Retry-After over old news", { ACTIVE, .status = 429, .retry_after = 600,
	    .expires = NOW + 60 }, { DROP(600) } },
	{ "429, Retry-After: 0", { ACTIVE, .status = 429, .retry_after = NO_WAIT, .fail_429 = 2 },
	    { LATER(120) } },
	{ "429 of a verification", { VERIFY, .status = 429 }, { IS(RETRY_DROP) } },
	{ "429 of a verification, Retry-After", { VERIFY, .status = 429, .retry_after = 5 },
	    { IS(RETRY_DROP) } },

	/* 503 */
	{ "503", { ACTIVE, .status = 503 }, { LATER(10) } },
	{ "503, Retry-After", { ACTIVE, .status = 503, .retry_after = 1234 },
	    { LATER(1234) } },
	{ "503, Retry-After: 0", { ACTIVE, .status = 503, .retry_after = NO_WAIT },
	    { LATER(10) } },
	{ "503, Retry-After of 1e9", { ACTIVE, .status = 503, .retry_after = 1000000000 },
	    { DROP(7 * DAY) } },
	{ "503 of a verification, Retry-After", { VERIFY, .status = 503, .retry_after = 90 },
	    { LATER(90) } },
	{ "503 of a verification, too late", { VERIFY, .status = 503, .retry_after = HOUR },
	    { DROP(HOUR) } },

	/* 3xx, 5xx */
	{ "301", { ACTIVE, .status = 301 }, { LATER(10) } },
	{ "307", { ACTIVE, .status = 307 }, { LATER(10) } },
	{ "500", { ACTIVE, .status = 500 }, { LATER(10) } },
	{ "500, Retry-After means nothing", { ACTIVE, .status = 500, .retry_after = 99 }, { LATER(10) } },
	{ "502", { ACTIVE, .status = 502 }, { LATER(10) } },
	{ "504", { ACTIVE, .status = 504 }, { LATER(10) } },
	{ "507", { ACTIVE, .status = 507 }, { LATER(10) } },
	{ "599", { ACTIVE, .status = 599 }, { LATER(10) } },
	{ "second try", { ACTIVE, .status = 500, .tries = 2 }, { LATER(30) } },
	{ "third try", { ACTIVE, .status = 500, .tries = 3 }, { LATER(90) } },
	{ "fourth try", { ACTIVE, .status = 500, .tries = 4 }, { LATER(270) } },
	{ "fifth try", { ACTIVE, .status = 500, .tries = 5 }, { LATER(810) } },
	{ "sixth try", { ACTIVE, .status = 500, .tries = 6 }, { LATER(2430) } },
	{ "seventh try", { ACTIVE, .status = 500, .tries = 7 }, { LATER(HOUR) } },
	{ "very many tries", { ACTIVE, .status = 500, .tries = UINT32_MAX }, { LATER(HOUR) } },
	{ "a second before the TTL ends", { ACTIVE, .status = 500, .expires = NOW + 11 }, { LATER(10) } },
	{ "as the TTL ends", { ACTIVE, .status = 500, .expires = NOW + 10 }, { DROP(10) } },
	{ "after the TTL", { ACTIVE, .status = 500, .expires = NOW - 1 }, { DROP(10) } },
	{ "500 of a verification", { VERIFY, .status = 500 }, { LATER(10) } },
	{ "500 of a verification, 2", { VERIFY, .status = 500, .tries = 2 }, { LATER(30) } },
	{ "500 of a verification, 3", { VERIFY, .status = 500, .tries = 3 }, { IS(RETRY_DROP) } },
	{ "503 of a verification, 3", { VERIFY, .status = 503, .tries = 3, .retry_after = 5 },
	    { IS(RETRY_DROP) } },
	{ "302 of a verification", { VERIFY, .status = 302 }, { LATER(10) } },

	/* no answer */
	{ "timeout", { ACTIVE, .result = PUSH_TIMEOUT }, { LATER(10) } },
	{ "DNS", { ACTIVE, .result = PUSH_DNS }, { LATER(10) } },
	{ "connect", { ACTIVE, .result = PUSH_CONNECT }, { LATER(10) } },
	{ "TLS", { ACTIVE, .result = PUSH_TLS }, { LATER(10) } },
	{ "transport", { ACTIVE, .result = PUSH_TRANSPORT }, { LATER(10) } },
	{ "guard", { ACTIVE, .result = PUSH_REFUSED }, { LATER(10) } },
	{ "a status without an answer", { ACTIVE, .result = PUSH_TRANSPORT, .status = 410 },
	    { LATER(10) } },
	{ "timeout of a verification", { VERIFY, .result = PUSH_TIMEOUT }, { IS(RETRY_DROP) } },
	{ "DNS of a verification", { VERIFY, .result = PUSH_DNS }, { IS(RETRY_DROP) } },
	{ "TLS of a verification", { VERIFY, .result = PUSH_TLS }, { IS(RETRY_DROP) } },
	{ "guard of a verification", { VERIFY, .result = PUSH_REFUSED }, { IS(RETRY_DROP) } },
	{ "status 0", { ACTIVE, .status = 0 }, { LATER(10) } },
	{ "status 101", { ACTIVE, .status = 101 }, { LATER(10) } },
	{ "status 600", { ACTIVE, .status = 600 }, { LATER(10) } },
	{ "status -1", { ACTIVE, .status = -1 }, { LATER(10) } },
};

static struct retry_input
complete(struct retry_input in)
{
	in.now = in.now == 0 ? NOW : in.now;
	if (in.expires == 0)
		in.expires = in.verify ? NOW + HOUR : END;
	in.tries = in.tries == 0 ? 1 : in.tries;
	in.bucket = in.bucket == 0 ? 1024 : in.bucket;
	in.retry_after = in.retry_after == 0 ? -1 : in.retry_after == NO_WAIT ? 0 : in.retry_after;
	return in;
}

static void
each_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct retry_output *want = &rows[i].out;
		struct retry_input in = complete(rows[i].in);
		struct retry_output got;

		retry_decide(&in, &got);
		if (got.verdict != want->verdict)
			fail_msg("%s: %s, not %s", rows[i].name, retry_verdict_text(got.verdict),
			    retry_verdict_text(want->verdict));
		if (got.retry_at != want->retry_at)
			fail_msg("%s: at now%+lld, not now%+lld", rows[i].name,
			    (long long)(got.retry_at - NOW), (long long)(want->retry_at - NOW));
		if (got.size_limit != want->size_limit || got.as_sync != want->as_sync)
			fail_msg("%s: size %u", rows[i].name, got.size_limit);
		if (got.first_404 != want->first_404)
			fail_msg("%s: first_404 %lld", rows[i].name, (long long)got.first_404);
		if (got.key_refused != want->key_refused)
			fail_msg("%s: key_refused %d", rows[i].name, got.key_refused);
	}
}

/* Every status that there is: no verdict without its rule, and nothing but 404 and 410 deletes. */
static void
no_other_status_removes(void **state)
{
	(void)state;
	for (int status = -1; status < 1200; status++) {
		struct retry_input in = complete((struct retry_input){ ACTIVE, .status = status });
		struct retry_output out;

		retry_decide(&in, &out);
		assert_int_equal(out.verdict == RETRY_DELETE, status == 410);
		assert_int_equal(out.verdict == RETRY_DONE, status >= 200 && status < 300);
		assert_int_not_equal(out.verdict, RETRY_QUIET);
		assert_int_equal(out.key_refused, status == 401 || status == 403);
		in.acknowledged = false;
		retry_decide(&in, &out);
		assert_int_not_equal(out.verdict, RETRY_DELETE);
	}
}

static void
jitter_takes_up_to_a_fifth(void **state)
{
	struct retry_input in = complete((struct retry_input){ ACTIVE, .status = 500, .tries = 9 });
	struct retry_output out;
	int64_t least = INT64_MAX, most = 0;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		in.random = i * 2654435761u;
		retry_decide(&in, &out);
		assert_int_equal(out.verdict, RETRY_LATER);
		least = out.retry_at < least ? out.retry_at : least;
		most = out.retry_at > most ? out.retry_at : most;
	}
	assert_in_range(least - NOW, 2880, 2890);
	assert_in_range(most - NOW, 3590, 3600);
}

#define T0	((int64_t)784111777)	/* Sun, 06 Nov 1994 08:49:37 GMT */

static const struct {
	const char	*text;
	int64_t		 now, want;
} waits[] = {
	{ NULL, T0, -1 }, { "", T0, -1 }, { "  ", T0, -1 },
	{ "0", T0, 0 }, { "120", T0, 120 }, { " 120\t", T0, 120 }, { "007", T0, 7 },
	{ "2147483647", T0, INT32_MAX }, { "2147483648", T0, INT32_MAX },
	{ "99999999999999999999999999999999999999", T0, INT32_MAX },
	{ "1000000000000000000000000000000000000000000000000000000000000000", T0, -1 },	/* 64 */
	{ "Sun, 06 Nov 1994 08:49:37 GMT, and so on, and so on, and so on ...", T0, -1 },
	{ "-1", T0, -1 }, { "+1", T0, -1 }, { "1.5", T0, -1 }, { "1e9", T0, -1 }, { "12 0", T0, -1 },
	{ "120, 120", T0, -1 }, { "soon", T0, -1 }, { "0x10", T0, -1 }, { "12\x80", T0, -1 },
	/* the three forms of a date */
	{ "Sun, 06 Nov 1994 08:49:37 GMT", T0, 0 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT", T0 - 90, 90 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT", T0 + 90, 0 },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", T0 - 90, 90 },
	{ "Sun Nov  6 08:49:37 1994", T0 - 90, 90 },
	{ "Wed Nov 16 08:49:37 1994", T0, 10 * DAY },
	{ "  Sun, 06 Nov 1994 08:49:37 GMT ", T0 - 5, 5 },
	{ "Sat, 01 Jan 2000 00:00:00 GMT", 946684800 - 7, 7 },
	{ "Tue, 29 Feb 2000 23:59:60 GMT", 951868800 - 8, 8 },
	{ "Mon, 01 Mar 2100 00:00:00 GMT", 4107542400 - 9, 9 },
	{ "Fri, 31 Dec 9999 23:59:59 GMT", T0, INT32_MAX },
	{ "Thu, 01 Jan 1970 00:00:00 GMT", T0, 0 }, { "Mon, 01 Jan 0001 00:00:00 GMT", T0, 0 },
	{ "Mon, 06 Nov 1994 08:49:37 GMT", T0 - 1, 1 },	/* the wrong day */
	/* two digits: at most 50 years ahead */
	{ "Thursday, 01-Jan-26 00:00:00 GMT", 1767225600 - 3, 3 },
	{ "Saturday, 01-Jan-94 00:00:00 GMT", 1767225600, 0 },
	{ "Wednesday, 01-Jan-70 00:00:00 GMT", 1767225600, 1388534400 },
	{ "Thursday, 01-Jan-76 00:00:00 GMT", 1767225600, 1577836800 },	/* 50 years: 2076 */
	{ "Saturday, 01-Jan-77 00:00:00 GMT", 1767225600, 0 },		/* 51 years: 1977 */
	{ "Tuesday, 01-Jan-05 00:00:00 GMT", 4070908800, 189302400 },	/* 2099: it is 2105 */
	/* not dates */
	{ "Sun, 06 Nov 1994 08:49:37", T0, -1 }, { "Sun, 06 Nov 1994 08:49:37 UTC", T0, -1 },
	{ "Sun, 06 Nov 1994 08:49:37 +0000", T0, -1 }, { "Sun, 06 Nov 1994 08:49:37 GMT x", T0, -1 },
	{ "Sun, 6 Nov 1994 08:49:37 GMT", T0, -1 }, { "Sun, 06 Nov 94 08:49:37 GMT", T0, -1 },
	{ "sun, 06 nov 1994 08:49:37 gmt", T0, -1 }, { "Sun, 00 Nov 1994 08:49:37 GMT", T0, -1 },
	{ "Sun, 31 Nov 1994 08:49:37 GMT", T0, -1 }, { "Wed, 29 Feb 2100 00:00:00 GMT", T0, -1 },
	{ "Sun, 06 Nov 1994 24:00:00 GMT", T0, -1 }, { "Sun, 06 Nov 1994 08:60:00 GMT", T0, -1 },
	{ "Sun, 06 Nov 1994 08:49:61 GMT", T0, -1 }, { "Sun, 06 Nov 1994 08-49-37 GMT", T0, -1 },
	{ "Sun, 06 Foo 1994 08:49:37 GMT", T0, -1 }, { "Foo, 06 Nov 1994 08:49:37 GMT", T0, -1 },
	{ "Sunday, 06 Nov 1994 08:49:37 GMT", T0, -1 }, { "Sun Nov 6 08:49:37 1994", T0, -1 },
	{ "Sun Nov  6 08:49:37 1994 GMT", T0, -1 }, { "Sun", T0, -1 }, { "Sun,", T0, -1 },
	{ "Sun, 06 Nov 1994 08:49:3", T0, -1 }, { "Sunday, 06-Nov-94", T0, -1 },
};

static void
retry_after(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(waits); i++) {
		int64_t got = retry_after_parse(waits[i].text, waits[i].now);

		if (got != waits[i].want)
			fail_msg("\"%s\": %lld, not %lld", waits[i].text, (long long)got,
			    (long long)waits[i].want);
	}
}

static void
words(void **state)
{
	(void)state;
	assert_string_equal(retry_verdict_text(RETRY_DONE), "sent");
	assert_string_equal(retry_verdict_text(RETRY_DELETE), "gone");
	assert_string_equal(push_result_text(PUSH_HTTP), "http");
	assert_string_equal(push_result_text(PUSH_REFUSED), "refused");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer),
		cmocka_unit_test(no_other_status_removes),
		cmocka_unit_test(jitter_takes_up_to_a_fifth),
		cmocka_unit_test(retry_after),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
