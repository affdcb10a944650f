/*
 * Any octets as the header of a push service's answer, and what follows from it.  The first octets are
 * what is known of the push, then come lines; a line that begins with a digit is a status.
 *	- What is kept of the header is the last Retry-After of the final response, as a model finds it.
 *	- What follows keeps the bounds of docs/protocol.md, whatever the answer is.
 */
#include <ctype.h>
#include <strings.h>

#include "daemon/post_int.h"
#include "tests/fuzz/fuzz.h"

#define NOW	INT64_C(1800000000)
#define DAY	INT64_C(86400)

/* The value of a Retry-After line, trimmed; nil: it is another one. */
static struct slice
model_value(struct slice line)
{
	static const char name[] = "retry-after:";
	size_t start = sizeof(name) - 1, end = line.len;

	if (line.len < start || strncasecmp(line.p, name, start) != 0)
		return SLICE_NIL;
	while (start < end && isspace((unsigned char)line.p[start]))
		start++;
	while (end > start && isspace((unsigned char)line.p[end - 1]))
		end--;
	return (struct slice){ line.p + start, end - start };
}

static bool
is_end(struct slice line)
{
	return slice_is(line, "\r\n") || slice_is(line, "\n");
}

/* The lines of in, one after the other; returns the last status. */
static long
read_header(struct transfer *t, struct input *in)
{
	char wanted[POST_RETRY_AFTER_MAX] = "";
	size_t octets = 0;
	long status = 200;
	bool final = false;

	for (;;) {
		const uint8_t *lf = in->n == 0 ? NULL : memchr(in->p, '\n', in->n);
		struct slice line, value;

		if (lf == NULL)		/* libcurl gives whole lines */
			break;
		line = input_octets(in, (size_t)(lf - in->p) + 1);
		if (isdigit((unsigned char)line.p[0]) && !final)
			status = 100 + line.len * 7 % 500;
		value = model_value(line);
		octets += line.len;
		if (octets <= POST_HEADER_MAX && is_end(line) && !final) {
			final = status >= 200;
			if (!final)
				wanted[0] = '\0';
		} else if (value.p != NULL && value.len < sizeof(wanted) && !final) {
			memcpy(wanted, value.p, value.len);
			wanted[value.len] = '\0';
		}
		if (!post_header(t, line.p, line.len, status)) {
			must(octets > POST_HEADER_MAX);
			break;
		}
		must(octets <= POST_HEADER_MAX && t->final == final);
		must(memchr(t->retry_after, '\0', sizeof(t->retry_after)) != NULL);
		must(memcmp(t->retry_after, wanted, strlen(wanted) + 1) == 0);
	}
	return status;
}

/* Whether a subscription may go for that answer. */
static bool
may_go(const struct retry_input *in)
{
	return in->result == PUSH_HTTP && (in->status == 410 || (in->status == 404 && in->first_404 > 0));
}

static void
check_decision(const struct retry_input *in)
{
	bool taken = in->result == PUSH_HTTP && in->status >= 200 && in->status < 300;
	struct retry_output out = { 0 };

	retry_decide(in, &out);
	must((out.verdict == RETRY_DONE) == taken);
	must((out.verdict != RETRY_DELETE && out.verdict != RETRY_QUIET) || may_go(in));
	must(out.verdict != RETRY_DELETE || in->acknowledged);
	must(out.verdict != RETRY_LATER || (out.retry_at >= in->now && out.retry_at <= in->expires));
	must(out.verdict != RETRY_SHRINK || (in->result == PUSH_HTTP && in->status == 413 &&
	    ((out.size_limit > 0 && out.size_limit < in->bucket) || out.as_sync)));
	must(!out.key_refused || in->status == 401 || in->status == 403);
	must(retry_verdict_text(out.verdict)[0] != '\0' && push_result_text(in->result)[0] != '\0');
	if (in->verify && out.verdict == RETRY_LATER)
		must(in->tries <= 2 && in->result == PUSH_HTTP && in->status / 100 != 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned buckets[] = { 1024, 2641, 3993 };
	struct input rest = { data, size };
	uint8_t what = input_octet(&rest), code = input_octet(&rest), when = input_octet(&rest);
	struct transfer t = { .opened = what & 1, .refused = what & 2 };
	struct retry_input in = {
		.now = NOW, .expires = NOW + when * 5000, .tries = 1u + code % 8, .verify = what & 4,
		.acknowledged = !(what & 4) && (what & 8), .sync_only = what & 16,
		.bucket = buckets[when % 3], .fail_429 = code % 16,
		.first_404 = what & 32 ? NOW - when * 60 : 0, .random = when * 0x1010101u,
	};

	in.status = (int)read_header(&t, &rest);
	in.result = post_result(&t, code);
	must((in.result == PUSH_HTTP) == t.final);
	must((in.result == PUSH_REFUSED) == (!t.final && t.refused && !t.opened));
	if (in.result != PUSH_HTTP)
		in.status = 0;
	in.retry_after = retry_after_parse(t.retry_after, NOW);
	must(in.retry_after >= -1 && in.retry_after <= INT32_MAX);
	check_decision(&in);
	return 0;
}
