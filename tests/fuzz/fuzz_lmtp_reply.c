/*
 * Any octets as the backend's answer, whole and in pieces: the reader agrees with a model that looks
 * at one line after the other; a token is a word of the text; what is left of an answer to LHLO is an
 * answer with the extensions that pass, and passes again as it is.
 */
#include "lib/wire.h"
#include "lmtp/reply.h"
#include "tests/fuzz/fuzz.h"

struct model {
	int	rc, code;
	size_t	all, text, text_len;	/* octets of the answer; where the last line's text is */
};

static bool
is_digit(uint8_t ch)
{
	return ch >= '0' && ch <= '9';
}

static struct model
model(const uint8_t *p, size_t n)
{
	struct model m = { 0 };
	size_t start = 0, end, len;
	int code;

	for (;;) {
		for (end = start; end < n && p[end] != '\n'; end++)
			;
		if (end == n) {
			m.rc = n >= REPLY_MAX ? -1 : 0;
			return m;
		}
		len = end - start;
		if (len > 0 && p[end - 1] == '\r')
			len--;
		code = len < 3 || !is_digit(p[start]) || !is_digit(p[start + 1]) ||
		    !is_digit(p[start + 2]) ? 0 : (p[start] - '0') * 100 +
		    (p[start + 1] - '0') * 10 + p[start + 2] - '0';
		if (code < 200 || code > 599 || (len > 3 && p[start + 3] != ' ' && p[start + 3] != '-') ||
		    (m.code != 0 && m.code != code) || end + 1 > REPLY_MAX) {
			m.rc = -1;
			return m;
		}
		m.code = code;
		if (len <= 3 || p[start + 3] == ' ') {
			m.rc = 1;
			m.all = end + 1;
			m.text = start + 4;
			m.text_len = len > 4 ? len - 4 : 0;
			return m;
		}
		start = end + 1;
	}
}

static void
check_token(const struct reply *r)
{
	struct slice token = reply_token(r);
	const char *end;

	if (token.p == NULL)
		return;
	must(token.len > 0 && token.len <= WIRE_TOKEN_MAX && utf8_valid(token));
	must(token.p > r->text.p && token.p[-1] == ' ' && memchr(token.p, ' ', token.len) == NULL);
	end = token.p + token.len;
	must(r->text.p + r->text.len == end + 6 && memcmp(end, " Saved", 6) == 0);
}

static void
check_lhlo(const struct reply *r)
{
	static uint8_t memory[2 * REPLY_MAX], again_memory[2 * REPLY_MAX];
	struct buf out, again;
	struct reply passed;

	buf_fixed(&out, memory, sizeof(memory));
	reply_filter_lhlo(r, &out);
	must(!out.failed && out.len <= r->all.len + 4);
	if (out.len > REPLY_MAX)
		return;
	must(reply_parse(out.data, out.len, &passed) == 1);
	must(passed.code == r->code && passed.all.len == out.len);
	must(memcmp(out.data + out.len - 2, "\r\n", 2) == 0);
	buf_fixed(&again, again_memory, sizeof(again_memory));
	reply_filter_lhlo(&passed, &again);
	must(slice_equal(buf_all(&out), buf_all(&again)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model m = model(data, size);
	struct reply r, part;

	must(reply_parse(data, size, &r) == m.rc);
	if (m.rc != 1)
		return 0;
	must(r.code == m.code && r.all.p == (const char *)data && r.all.len == m.all);
	must(r.text.len == m.text_len);
	must(m.text_len == 0 || r.text.p == (const char *)data + m.text);
	/* No beginning of it is an answer, and none is refused. */
	for (size_t n = 0; n < m.all; n += 1 + m.all / 64)
		must(reply_parse(data, n, &part) == 0);
	check_token(&r);
	check_lhlo(&r);
	return 0;
}
