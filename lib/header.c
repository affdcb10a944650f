/*
 * Dovecot parses a header twice before it makes an ENVELOPE of it: once to pick the fields, writing
 * LF line ends, and once to read them.  Each time a CR before a LF is taken for a part of the line
 * end.  So a line loses up to two of them, and a last line without a line end, which gets one
 * between the two, loses one.  Between the lines of a value a LF remains, but not before a line
 * that holds a single blank (2.4; 2.3 keeps that one, too).
 */
#include "lib/header.h"

static bool
is_blank(char ch)
{
	return ch == ' ' || ch == '\t';
}

static char
lower(char ch)
{
	return ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch;
}

bool
header_equal_fold(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

struct slice
header_trim(struct slice s)
{
	static const char blanks[] = { ' ', '\t', '\r', '\n' };

	while (s.len > 0 && memchr(blanks, s.p[s.len - 1], sizeof(blanks)) != NULL)
		s.len--;
	while (s.len > 0 && memchr(blanks, *s.p, sizeof(blanks)) != NULL) {
		s.p++;
		s.len--;
	}
	return s;
}

void
header_init(struct header *h, struct slice block)
{
	h->p = block.p == NULL ? "" : block.p;
	h->end = h->p + block.len;
}

/* The end of the line at p, behind its LF; end where it has none. */
static const char *
line_end(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	return lf == NULL ? end : lf + 1;
}

/* The end of the text of the line between start and end: before its LF and the CRs that go with it. */
static const char *
text_end(const char *start, const char *end)
{
	int crs = 1;

	if (end > start && end[-1] == '\n') {
		end--;
		crs = 2;
	}
	while (crs-- > 0 && end > start && end[-1] == '\r')
		end--;
	return end;
}

/*
 * The blanks behind the colon do not belong to the value, whose first line ends at end; of a line
 * of nothing but blanks all but the first do.
 */
static const char *
value_start(const char *p, const char *end)
{
	const char *text = p;

	while (text < end && is_blank(*text))
		text++;
	return text < end || p == end ? text : p + 1;
}

static void
split_field(struct header_field *f, const char *first_end, const char *end)
{
	const char *text = text_end(f->start, first_end);
	const char *colon = memchr(f->start, ':', (size_t)(first_end - f->start));
	const char *name_end = colon == NULL ? f->start : colon;
	const char *value = colon == NULL ? f->start : value_start(colon + 1, text);

	while (name_end > f->start && is_blank(name_end[-1]))
		name_end--;
	f->name = (struct slice){ f->start, (size_t)(name_end - f->start) };
	f->value = (struct slice){ value, (size_t)(text_end(value, end) - value) };
}

bool
header_next(struct header *h, struct header_field *f)
{
	const char *first_end;

	if (h->p == h->end || *h->p == '\n' ||
	    (*h->p == '\r' && h->end - h->p > 1 && h->p[1] == '\n'))
		return false;
	f->start = h->p;
	first_end = h->p = line_end(h->p, h->end);
	while (h->p < h->end && is_blank(*h->p))
		h->p = line_end(h->p, h->end);
	split_field(f, first_end, h->p);
	return true;
}

bool
header_is(const struct header_field *f, struct slice name)
{
	return f->name.len >= name.len &&
	    (f->name.len == name.len || f->name.p[name.len] == '\0') &&
	    header_equal_fold((struct slice){ f->name.p, name.len }, name);
}

/* Where the line that begins at p has its LF, or the value its end, when up to two CRs are skipped. */
static bool
line_ends_at(const char *p, const char *end)
{
	for (int i = 0; i < 2 && p < end && *p == '\r'; i++)
		p++;
	return p == end || *p == '\n';
}

static bool
is_dropped(const char *p, const char *end)
{
	if (*p == '\r')
		return (end - p > 1 && p[1] == '\n') ||
		    (end - p > 2 && p[1] == '\r' && p[2] == '\n');
	return *p == '\n' && end - p > 1 && is_blank(p[1]) && line_ends_at(p + 2, end);
}

void
header_cursor_settle(struct header_cursor *c)
{
	while (c->p < c->end && is_dropped(c->p, c->end))
		c->p++;
}
