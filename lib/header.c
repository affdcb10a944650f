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
		if (a.p[i] != b.p[i] && lower(a.p[i]) != lower(b.p[i]))
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
 * What is behind p, which is behind the colon.  The blanks there do not belong to the value; of a first
 * line of nothing but blanks all but the first do.
 */
static struct slice
value_at(const char *p, const struct header_lines *l)
{
	const char *first_end = text_end(l->start, l->first_end);
	const char *start = p;

	while (start < first_end && is_blank(*start))
		start++;
	if (start == first_end && p < first_end)
		start = p + 1;
	return (struct slice){ start, (size_t)(text_end(start, l->end) - start) };
}

static void
split_field(struct header_field *f, const struct header_lines *l)
{
	const char *colon = memchr(l->start, ':', (size_t)(l->first_end - l->start));
	const char *name_end = colon == NULL ? l->start : colon;
	const char *text = text_end(l->start, l->end);

	while (name_end > l->start && is_blank(name_end[-1]))
		name_end--;
	f->start = l->start;
	f->name = (struct slice){ l->start, (size_t)(name_end - l->start) };
	f->value = colon != NULL ? value_at(colon + 1, l) :
	    (struct slice){ l->start, (size_t)(text - l->start) };
}

bool
header_skip(struct header *h, struct header_lines *l)
{
	const char *p = h->p;

	if (p == h->end || *p == '\n' || (*p == '\r' && h->end - p > 1 && p[1] == '\n'))
		return false;
	l->start = p;
	p = l->first_end = line_end(p, h->end);
	while (p < h->end && is_blank(*p))
		p = line_end(p, h->end);
	l->end = h->p = p;
	return true;
}

bool
header_next(struct header *h, struct header_field *f)
{
	struct header_lines l;

	if (!header_skip(h, &l))
		return false;
	split_field(f, &l);
	return true;
}

bool
header_is(const struct header_field *f, struct slice name)
{
	return f->name.len >= name.len &&
	    (f->name.len == name.len || f->name.p[name.len] == '\0') &&
	    header_equal_fold((struct slice){ f->name.p, name.len }, name);
}

bool
header_value(const struct header_lines *l, struct slice name, struct slice *value)
{
	const char *p, *end = l->first_end;

	if ((size_t)(end - l->start) <= name.len ||
	    !header_equal_fold((struct slice){ l->start, name.len }, name))
		return false;
	p = l->start + name.len;
	if (*p == '\0')
		p = memchr(p, ':', (size_t)(end - p));
	else
		while (p < end && is_blank(*p))
			p++;
	if (p == NULL || p == end || *p != ':')
		return false;
	*value = value_at(p + 1, l);
	return true;
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
