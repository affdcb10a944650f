/*
 * A field's lines are put together as Dovecot does it: each loses its line end (a LF, with a CR
 * before it), and gets a LF back where another line follows, but not where that line is a single
 * blank (older 2.3 write a LF there, too).
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

/* The end of the text of the line between start and end: without its line end. */
static const char *
text_end(const char *start, const char *end)
{
	if (end > start && end[-1] == '\n') {
		end--;
		if (end > start && end[-1] == '\r')
			end--;
	}
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

/* Whether the line of which p is a part is over at p, or the value is. */
static bool
is_line_end(const char *p, const char *end)
{
	return p == end || *p == '\n' || (*p == '\r' && end - p > 1 && p[1] == '\n');
}

static bool
is_dropped(const char *p, const char *end)
{
	if (end - p < 2)
		return false;
	if (*p == '\r')
		return p[1] == '\n';
	return *p == '\n' && is_blank(p[1]) && is_line_end(p + 2, end);
}

void
header_cursor_settle_fold(struct header_cursor *c)
{
	while (c->p < c->end && is_dropped(c->p, c->end))
		c->p++;
}
