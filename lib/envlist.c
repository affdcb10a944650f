/*
 *	envelope	= "(" nstring SP nstring 6(SP list) SP nstring SP nstring ")"
 *	list		= NIL / "(" 1*address ")"
 *	address		= "(" nstring SP nstring SP nstring SP nstring ")"
 *	nstring		= NIL / quoted / literal
 *
 * What is read is written at once; what no longer fits is only checked.  Each string is decoded
 * into a buffer as long as a whole ENVELOPE may be.
 */
#include <strings.h>

#include "lib/envlist.h"
#include "lib/imapstr.h"

struct reader {
	const char	*start, *p, *end;
	struct buf	*out;
	struct buf	 text;
	uint8_t		 memory[ENVELOPE_TEXT_MAX];
	bool		 too_long;
	bool		 too_many;
	struct err	*err;
};

static int
fail(struct reader *r, const char *expected)
{
	return err_set(r->err, "ENVELOPE: %s expected at octet %zu of %zu", expected,
	    (size_t)(r->p - r->start), (size_t)(r->end - r->start));
}

static bool
at(const struct reader *r, char ch)
{
	return r->p < r->end && *r->p == ch;
}

/* An octet of the list's frame, read and written. */
static int
expect(struct reader *r, char ch, const char *what)
{
	if (!at(r, ch))
		return fail(r, what);
	r->p++;
	buf_octet(r->out, (uint8_t)ch);
	return 0;
}

static bool
read_nil(struct reader *r)
{
	if (r->end - r->p < 3 || strncasecmp(r->p, "NIL", 3) != 0)
		return false;
	r->p += 3;
	imapstr_nstring(r->out, SLICE_NIL);
	return true;
}

/* quoted = DQUOTE *(TEXT-CHAR less specials / "\" specials) DQUOTE */
static int
read_quoted(struct reader *r)
{
	for (r->p++; r->p < r->end; r->p++) {
		switch (*r->p) {
		case '"':
			r->p++;
			return 0;
		case '\r': case '\n': case '\0':
			return fail(r, "a character of a quoted string");
		case '\\':
			r->p++;
			if (!at(r, '"') && !at(r, '\\'))
				return fail(r, "a quote or backslash");
			break;
		}
		buf_octet(&r->text, (uint8_t)*r->p);
	}
	return fail(r, "the end of a quoted string");
}

/* literal = "{" 1*DIGIT ["+"] "}" CRLF *CHAR8, without NUL */
static int
read_literal(struct reader *r)
{
	size_t len = 0;
	const char *digits = ++r->p;

	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++) {
		len = len * 10 + (size_t)(*r->p - '0');
		if (len > (size_t)(r->end - r->p))
			return fail(r, "a literal inside the list");
	}
	if (r->p == digits)
		return fail(r, "the length of a literal");
	if (at(r, '+'))
		r->p++;
	if (r->end - r->p < 3 || memcmp(r->p, "}\r\n", 3) != 0)
		return fail(r, "the end of a literal's length");
	r->p += 3;
	if (len > (size_t)(r->end - r->p))
		return fail(r, "a literal inside the list");
	if (memchr(r->p, '\0', len) != NULL)
		return fail(r, "a literal without NUL");
	buf_put(&r->text, r->p, len);
	r->p += len;
	return 0;
}

static int
read_nstring(struct reader *r)
{
	int rc;

	if (read_nil(r))
		return 0;
	buf_reset(&r->text);
	if (at(r, '"'))
		rc = read_quoted(r);
	else if (at(r, '{'))
		rc = read_literal(r);
	else
		rc = fail(r, "a string or NIL");
	if (rc < 0)
		return -1;
	if (r->text.failed)
		r->too_long = true;
	else
		imapstr_nstring(r->out, buf_all(&r->text));
	return 0;
}

static int
read_address(struct reader *r)
{
	if (expect(r, '(', "an address") < 0)
		return -1;
	for (int i = 0; i < 4; i++) {
		if (i > 0 && expect(r, ' ', "a space") < 0)
			return -1;
		if (read_nstring(r) < 0)
			return -1;
	}
	return expect(r, ')', "the end of an address");
}

static int
read_addresses(struct reader *r)
{
	size_t count = 0;

	if (read_nil(r))
		return 0;
	if (expect(r, '(', "a list of addresses or NIL") < 0)
		return -1;
	do {
		if (read_address(r) < 0)
			return -1;
		count++;
	} while (at(r, '('));
	if (count > ENVELOPE_ADDRESSES_MAX)
		r->too_many = true;
	return expect(r, ')', "the end of a list");
}

static int
read_envelope(struct reader *r)
{
	static const bool addresses[] = {
		false, false, true, true, true, true, true, true, false, false
	};

	if (expect(r, '(', "a list") < 0)
		return -1;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		if (i > 0 && expect(r, ' ', "a space") < 0)
			return -1;
		if ((addresses[i] ? read_addresses(r) : read_nstring(r)) < 0)
			return -1;
	}
	if (expect(r, ')', "the end of the list") < 0)
		return -1;
	return r->p == r->end ? 0 : fail(r, "nothing more");
}

int
envlist_rewrite(struct slice list, struct buf *out, enum envelope_reason *reason, struct err *err)
{
	struct reader r = { .out = out, .err = err };
	size_t start = out->len;
	bool failed = out->failed;
	int rc;

	r.start = r.p = list.p == NULL ? "" : list.p;
	r.end = r.p + list.len;
	buf_fixed(&r.text, r.memory, sizeof(r.memory));
	rc = read_envelope(&r);
	if (out->failed || out->len - start > ENVELOPE_TEXT_MAX)
		r.too_long = true;
	*reason = ENVELOPE_OK;
	if (r.too_long)
		*reason = ENVELOPE_TOO_LONG;
	if (r.too_many)
		*reason = ENVELOPE_TOO_MANY_ADDRESSES;
	if (rc < 0 || *reason != ENVELOPE_OK) {
		buf_cut(out, start);
		out->failed = failed;
	}
	return rc;
}
