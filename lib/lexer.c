/*
 * Comments, quoted strings and domain literals are one thing with three sets of delimiters, read by
 * enclosed(): "(" comments nest (a counter, no recursion), a literal keeps its brackets and
 * backslashes.  What folding left in them, a LF and a CR before it, goes.
 */
#include "lib/lexer.h"

static const char replacement[] = "\xef\xbf\xbd";	/* U+FFFD */

/* What each octet ends: an atom (of atext, as all from 0x80 on are), one with dots, text in delimiters. */
enum { ATOM = 1, DOTTED = 2, TEXT = 4, EACH = ATOM | DOTTED | TEXT };

static const uint8_t ends[256] = {
	EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH,
	EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH, EACH,
	[' '] = ATOM | DOTTED, ['.'] = ATOM | TEXT,
	['"'] = EACH, ['('] = EACH, [')'] = EACH, [','] = EACH, [':'] = EACH, [';'] = EACH, ['<'] = EACH,
	['>'] = EACH, ['@'] = EACH, ['['] = EACH, ['\\'] = EACH, [']'] = EACH, [0x7f] = EACH
};

static bool
is_atext(char ch)
{
	return !(ends[(unsigned char)ch] & ATOM);
}

static bool
at_end(const struct lexer *l)
{
	return l->c.p == l->c.end;
}

void
lexer_init(struct lexer *l, struct slice value, struct buf *comment)
{
	header_cursor_init(&l->c, value);
	l->comment = comment;
}

/* Appends the octets that the lexer stands on, up to the end of an ATOM, DOTTED or TEXT. */
static inline size_t
run(struct lexer *l, uint8_t what, struct buf *out)
{
	const char *start = l->c.p, *p = start, *end = l->c.end;
	size_t len;

	while (p < end && !(ends[(unsigned char)*p] & what))
		p++;
	l->c.p = p;
	len = (size_t)(p - start);
	if (len > 0) {
		buf_put(out, start, len);
		header_cursor_settle(&l->c);
	}
	return len;
}

/* A point in a buffer to which it can be taken back. */
struct mark {
	size_t	len;
	bool	failed;
};

static struct mark
mark(const struct buf *b)
{
	return (struct mark){ b->len, b->failed };
}

static void
back_to(struct buf *b, struct mark m)
{
	buf_cut(b, m.len);
	b->failed = m.failed;
}

/*
 * A backslash.  Before CR, LF and NUL it is an octet like others, else it quotes the next one and,
 * but in a literal, goes.  *sure moves to what Dovecot would have copied by now.
 */
static void
quoted_pair(struct lexer *l, char open, struct buf *out, struct mark *sure)
{
	char next;

	lexer_step(l);
	if (at_end(l))
		return;
	next = *l->c.p;
	if (next == '\r' || next == '\n' || next == '\0') {
		buf_octet(out, '\\');
		if (open == '[')
			*sure = mark(out);
		return;
	}
	if (open == '[')
		buf_octet(out, '\\');
	else
		*sure = mark(out);
	buf_octet(out, (uint8_t)next);
	lexer_step(l);
}

/* An octet that is neither delimiter nor backslash. */
static void
plain(char ch, struct buf *out, struct mark *sure)
{
	switch (ch) {
	case '\0':
		buf_text(out, replacement);
		*sure = mark(out);
		break;
	case '\n':
		if (out->len > sure->len && out->data[out->len - 1] == '\r')
			buf_cut(out, out->len - 1);
		*sure = mark(out);
		break;
	default:
		buf_octet(out, (uint8_t)ch);
	}
}

/*
 * Stands on open; reads to the close that belongs to it.  Where there is none, out keeps what
 * Dovecot, which copies in pieces, has copied: the text up to the last octet that ended a piece.
 */
static int
enclosed(struct lexer *l, char open, char close, struct buf *out)
{
	struct mark sure = mark(out);
	size_t depth = 1;

	if (open == '[')
		buf_octet(out, '[');
	lexer_step(l);
	while (!at_end(l)) {
		char ch = *l->c.p;

		if (run(l, TEXT, out) > 0)
			continue;
		if (ch == '\\') {
			quoted_pair(l, open, out, &sure);
			continue;
		}
		if (ch == '[' && open == '[')
			break;
		if (ch == '(' && open == '(')
			depth++;
		if (ch == close && --depth == 0) {
			if (open == '[')
				buf_octet(out, ']');
			lexer_step(l);
			return 1;
		}
		plain(ch, out, &sure);
		lexer_step(l);
	}
	back_to(out, sure);
	return -1;
}

int
lexer_space_slow(struct lexer *l)
{
	while (!at_end(l)) {
		switch (*l->c.p) {
		case ' ': case '\t': case '\r': case '\n':
			lexer_step(l);
			break;
		case '(':
			buf_reset(l->comment);
			if (enclosed(l, '(', ')', l->comment) < 0)
				return -1;
			break;
		default:
			return 1;
		}
	}
	return 0;
}

int
lexer_quoted(struct lexer *l, struct buf *out)
{
	return enclosed(l, '"', '"', out) < 0 ? -1 : lexer_space(l);
}

/* phrase = 1*word / obs-phrase, obs-phrase = word *(word / "." / CFWS); an empty one passes. */
int
lexer_phrase(struct lexer *l, struct buf *out)
{
	int rc;

	if (at_end(l))
		return 0;
	if (lexer_at(l, '.'))
		return -1;
	for (;;) {
		if (lexer_at(l, '"')) {
			rc = lexer_quoted(l, out);
		} else {
			run(l, DOTTED, out);
			rc = lexer_space(l);
		}
		if (rc <= 0)
			return rc;
		if (!is_atext(*l->c.p) && !lexer_at(l, '"') && !lexer_at(l, '.'))
			return 1;
		buf_octet(out, ' ');
	}
}

/* local-part = dot-atom / quoted-string; a blank may stand before a dot, not behind it. */
int
lexer_local(struct lexer *l, struct buf *out)
{
	int rc = -1;

	if (lexer_at(l, '"'))
		return lexer_quoted(l, out);
	do {
		while (lexer_at(l, '.')) {
			buf_octet(out, '.');
			lexer_step(l);
			if (at_end(l))
				return 0;
			rc = 1;
		}
		if (lexer_at(l, '@'))
			return rc;
		rc = run(l, ATOM, out) == 0 ? -1 : lexer_space(l);
	} while (rc > 0 && lexer_at(l, '.'));
	return rc;
}

/* dot-atom = atom *("." atom), with white space around the dots. */
static int
dot_atom(struct lexer *l, struct buf *out)
{
	int rc;

	for (;;) {
		if (run(l, ATOM, out) == 0)
			return -1;
		rc = lexer_space(l);
		if (rc <= 0 || !lexer_at(l, '.'))
			return rc;
		buf_octet(out, '.');
		lexer_step(l);
		if (lexer_space(l) <= 0)
			return -1;
	}
}

int
lexer_domain(struct lexer *l, struct buf *out)
{
	lexer_step(l);
	if (lexer_space(l) <= 0)
		return -1;
	if (!lexer_at(l, '['))
		return dot_atom(l, out);
	return enclosed(l, '[', ']', out) < 0 ? -1 : lexer_space(l);
}
