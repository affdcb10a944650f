/*
 * Modified UTF-7: printable ASCII stands for itself, "&" is "&-", and a run of anything else is
 * "&", the base64 of its UTF-16BE with "," for "/" and no padding, and "-".
 */
#include <strings.h>

#include "lib/imapstr.h"

/* What a string needs, as bits of what is in it; LITERAL wins. */
enum form { PLAIN = 0, ESCAPED = 0x01, LITERAL = 0x80 };

/* Whether all eight octets are printable ASCII but quote and backslash; where not, it may still be so. */
static bool
plain_eight(const char *p)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	v |= (v - each * ' ') | ((v ^ each * '"') - each) | ((v ^ each * '\\') - each);
	return (v & each * 0x80) == 0;
}

/* Most strings are plain: eight octets at once (some twice, at the end), no branch for each of a few. */
static enum form
form_of(struct slice s)
{
	static const uint8_t needs[256] = {
		['\0'] = LITERAL, ['\r'] = LITERAL, ['\n'] = LITERAL, ['"'] = ESCAPED, ['\\'] = ESCAPED
	};
	unsigned seen = 0;

	if (s.len >= 8) {
		const char *last = s.p + s.len - 8, *p = s.p;

		while (p < last && plain_eight(p))
			p += 8;
		if (p >= last && plain_eight(last))
			return PLAIN;
	}
	for (size_t i = 0; i < s.len; i++)
		seen |= needs[(unsigned char)s.p[i]] | ((unsigned char)s.p[i] & 0x80u);
	return seen & LITERAL ? LITERAL : (enum form)seen;
}

static void
put_plain(struct buf *b, struct slice s)
{
	uint8_t *room = buf_room(b, s.len + 2);

	if (room == NULL)
		return;
	room[0] = '"';
	memcpy(room + 1, s.p, s.len);
	room[s.len + 1] = '"';
	b->len += s.len + 2;
}

static void
put_escaped(struct buf *b, struct slice s)
{
	buf_octet(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_octet(b, '\\');
		buf_octet(b, (uint8_t)s.p[i]);
	}
	buf_octet(b, '"');
}

bool
imapstr_quoted(struct buf *b, struct slice s)
{
	enum form form = form_of(s);

	if (form == PLAIN)
		put_plain(b, s);
	else if (form == ESCAPED)
		put_escaped(b, s);
	return form != LITERAL;
}

void
imapstr_nstring(struct buf *b, struct slice s)
{
	if (s.p == NULL) {
		buf_text(b, "NIL");
	} else if (!imapstr_quoted(b, s)) {
		buf_printf(b, "{%zu}\r\n", s.len);
		buf_slice(b, s);
	}
}

/* ATOM-CHAR, RFC 3501 section 9. */
static bool
is_atom(struct slice s)
{
	static const char specials[] = { '(', ')', '{', ' ', '%', '*', '"', '\\', ']' };

	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] > 0x7e ||
		    memchr(specials, s.p[i], sizeof(specials)) != NULL)
			return false;
	return s.len > 0;
}

void
imapstr_astring(struct buf *b, struct slice s)
{
	if (is_atom(s) && !(s.len == 3 && strncasecmp(s.p, "NIL", 3) == 0))
		buf_slice(b, s);
	else
		imapstr_nstring(b, s);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* Bits on their way into base64. */
struct shift {
	uint32_t	bits;
	unsigned	count;		/* of bits not written yet: below 6 between calls */
};

static void
put_unit(struct buf *b, struct shift *s, uint32_t unit)
{
	s->bits = (s->bits << 16 | unit) & 0x3fffff;
	s->count += 16;
	while (s->count >= 6) {
		s->count -= 6;
		buf_octet(b, (uint8_t)alphabet[s->bits >> s->count & 0x3f]);
	}
}

static void
put_codepoint(struct buf *b, struct shift *s, uint32_t cp)
{
	if (cp < 0x10000) {
		put_unit(b, s, cp);
		return;
	}
	cp -= 0x10000;
	put_unit(b, s, 0xd800 | cp >> 10);
	put_unit(b, s, 0xdc00 | (cp & 0x3ff));
}

/* The left-over bits, filled up with zeros. */
static void
end_shift(struct buf *b, struct shift *s)
{
	if (s->count > 0)
		buf_octet(b, (uint8_t)alphabet[s->bits << (6 - s->count) & 0x3f]);
	buf_octet(b, '-');
}

/* The code point at *i of well-formed UTF-8; *i moves on, never past the end. */
static uint32_t
next_codepoint(struct slice s, size_t *i)
{
	unsigned char first = (unsigned char)s.p[(*i)++];
	unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
	uint32_t cp = more == 0 ? first : first & (0x3fu >> more);

	for (; more > 0 && *i < s.len; more--)
		cp = cp << 6 | ((unsigned char)s.p[(*i)++] & 0x3f);
	return cp;
}

static bool
is_direct(char ch)
{
	return ch >= 0x20 && ch <= 0x7e;
}

/* The run of octets from *i on that cannot stand for themselves. */
static void
put_shifted(struct buf *b, struct slice utf8, size_t *i)
{
	struct shift s = { 0, 0 };

	buf_octet(b, '&');
	while (*i < utf8.len && !is_direct(utf8.p[*i]))
		put_codepoint(b, &s, next_codepoint(utf8, i));
	end_shift(b, &s);
}

static void
put_direct(struct buf *b, char ch)
{
	if (ch == '"' || ch == '\\')
		buf_octet(b, '\\');
	buf_octet(b, (uint8_t)ch);
	if (ch == '&')
		buf_octet(b, '-');
}

void
imapstr_mailbox(struct buf *b, struct slice utf8)
{
	size_t i = 0;

	buf_octet(b, '"');
	while (i < utf8.len) {
		if (is_direct(utf8.p[i]))
			put_direct(b, utf8.p[i++]);
		else
			put_shifted(b, utf8, &i);
	}
	buf_octet(b, '"');
}
