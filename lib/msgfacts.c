/*
 * A Received field (RFC 5321 section 4.4) is pairs of a keyword and its value, with comments
 * between them, up to a ";".  It is read in pairs: a host that calls itself "id" is then a value of
 * "from", and names no queue id.
 */
#include "lib/header.h"
#include "lib/msgfacts.h"

static bool
is_space(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

/* Skips a comment; where it has no end, all that follows is in it. */
static void
skip_comment(struct header_cursor *c)
{
	size_t depth = 0;

	while (c->p < c->end) {
		char ch = *c->p;

		header_cursor_step(c);
		if (ch == '\\' && c->p < c->end)
			header_cursor_step(c);
		else if (ch == '(')
			depth++;
		else if (ch == ')' && --depth == 0)
			return;
	}
}

/*
 * The next word, raw, before a ";".  It ends behind its last octet: where the cursor stands then
 * may be further, past octets that it drops.
 */
static bool
next_word(struct header_cursor *c, struct slice *word)
{
	const char *end;
	bool quoted = false;

	while (c->p < c->end && (is_space(*c->p) || *c->p == '(')) {
		if (*c->p == '(')
			skip_comment(c);
		else
			header_cursor_step(c);
	}
	word->p = end = c->p;
	while (c->p < c->end && (quoted || (!is_space(*c->p) && *c->p != '(' && *c->p != ';'))) {
		if (*c->p == '"')
			quoted = !quoted;
		end = c->p + 1;
		header_cursor_step(c);
	}
	word->len = (size_t)(end - word->p);
	return word->len > 0;
}

static bool
is_one_of(struct slice word, const char *const *list)
{
	for (; *list != NULL; list++)
		if (header_equal_fold(word, slice_of(*list)))
			return true;
	return false;
}

/* Ids are compared and logged; one that is no printable ASCII identifies nothing. */
static struct slice
usable_id(struct slice id)
{
	for (size_t i = 0; i < id.len; i++)
		if (id.p[i] < 0x20 || id.p[i] > 0x7e)
			return SLICE_NIL;
	return id.len == 0 ? SLICE_NIL : id;
}

static struct slice
received_id(struct slice value)
{
	static const char *const keywords[] = { "from", "by", "via", "with", "id", "for", NULL };
	struct header_cursor c;
	struct slice keyword, word;

	header_cursor_init(&c, value);
	while (next_word(&c, &keyword)) {
		if (!is_one_of(keyword, keywords))
			continue;
		if (!next_word(&c, &word))
			break;
		if (header_equal_fold(keyword, slice_of("id")))
			return usable_id(word);
	}
	return SLICE_NIL;
}

static bool
is_bulk(const struct header_field *f)
{
	static const char *const no[] = { "no", NULL };
	static const char *const bulk[] = { "bulk", "list", "junk", NULL };
	struct header_cursor c;
	struct slice word;

	if (header_is(f, slice_of("List-Id")))
		return true;
	header_cursor_init(&c, f->value);
	if (header_is(f, slice_of("Auto-Submitted")))
		return next_word(&c, &word) && !is_one_of(word, no);
	if (header_is(f, slice_of("Precedence")))
		return next_word(&c, &word) && is_one_of(word, bulk);
	return false;
}

/* Whether the value, unfolded and trimmed, begins with wanted. */
static bool
value_begins(struct slice value, struct slice wanted)
{
	struct header_cursor c;
	size_t i = 0;

	header_cursor_init(&c, header_trim(value));
	for (; c.p < c.end && i < wanted.len; header_cursor_step(&c)) {
		if (*c.p == '\r' || *c.p == '\n')
			continue;
		if (!header_equal_fold((struct slice){ c.p, 1 }, (struct slice){ wanted.p + i, 1 }))
			return false;
		i++;
	}
	return i == wanted.len;
}

static bool
matches_rule(const struct header_field *f, const char *rule)
{
	const char *colon = strchr(rule, ':');
	struct slice name;

	if (colon == NULL)
		return false;
	name = header_trim((struct slice){ rule, (size_t)(colon - rule) });
	return name.len > 0 && header_is(f, name) &&
	    value_begins(f->value, header_trim(slice_of(colon + 1)));
}

static bool
is_quiet(const struct header_field *f, const char *const *quiet, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (matches_rule(f, quiet[i]))
			return true;
	return false;
}

/* Whether a Received field counts; if so *id is its id. */
static bool
counts(const struct header_field *f, struct slice own_id, struct slice *id)
{
	*id = received_id(f->value);
	return own_id.p == NULL || id->p == NULL || !slice_equal(*id, own_id);
}

void
msgfacts_scan(struct slice block, const char *const *quiet, size_t n, struct slice own_id,
    struct msgfacts *facts)
{
	struct header h;
	struct header_field f;
	bool received = false;

	*facts = (struct msgfacts){ SLICE_NIL, SLICE_NIL, 0 };
	header_init(&h, block);
	while (header_next(&h, &f)) {
		if (!received && header_is(&f, slice_of("Received"))) {
			struct slice id;

			received = counts(&f, own_id, &id);
			facts->queue_id = received ? id : SLICE_NIL;
		} else if (header_is(&f, slice_of("Message-ID"))) {
			facts->message_id = usable_id(header_trim(f.value));
		}
		if (is_bulk(&f))
			facts->kind |= KIND_BULK;
		if (is_quiet(&f, quiet, n))
			facts->kind |= KIND_QUIET;
	}
}
