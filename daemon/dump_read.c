/*
 * A row is read strictly: what is not known, is there twice, or is missing is an error, since it would
 * be lost.
 */
#include <inttypes.h>
#include <string.h>

#include "daemon/dump_int.h"
#include "lib/base64url.h"

#define MEMBERS_MAX	64	/* a set of them is 64 bits */
#define DIGITS_MAX	18	/* of a number that int64_t always holds */

/* Values: 0, or -1 where it is none of its shape */

static int
get_text(struct slice text, char *out, size_t size)
{
	if (text.p == NULL || text.len >= size || memchr(text.p, '\0', text.len) != NULL)
		return -1;
	memcpy(out, text.p, text.len);
	out[text.len] = '\0';
	return 0;
}

static int
get_word(struct slice text, const char *const words[2], int *out)
{
	for (int i = 0; i < 2; i++)
		if (slice_is(text, words[i])) {
			*out = i;
			return 0;
		}
	return -1;
}

/* The next word of text, which moves on; empty: there is none. */
static struct slice
next_word(struct slice *text)
{
	const char *space = memchr(text->p, ' ', text->len);
	struct slice word = { text->p, space == NULL ? text->len : (size_t)(space - text->p) };
	size_t used = word.len + (space != NULL);

	*text = (struct slice){ text->p + used, text->len - used };
	return word;
}

static int
get_digits(struct slice word, int64_t *out)
{
	*out = 0;
	if (word.len == 0 || word.len > DIGITS_MAX)
		return -1;
	for (size_t i = 0; i < word.len; i++) {
		if (word.p[i] < '0' || word.p[i] > '9')
			return -1;
		*out = *out * 10 + (word.p[i] - '0');
	}
	return 0;
}

static int
get_tokens(struct slice text, struct subscription *sub)
{
	struct sub_token *token;

	if (text.p == NULL)
		return -1;
	while (text.len > 0) {
		if (sub->n_tokens == SUB_TOKENS)
			return -1;
		token = &sub->tokens[sub->n_tokens++];
		if (base64url_decode(next_word(&text), token->hash, TOKEN_HASH) != TOKEN_HASH ||
		    get_digits(next_word(&text), &token->expires) < 0)
			return -1;
	}
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
get_hex(struct slice text, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < text.len; i++) {
		int digit = hex_digit(text.p[i]);

		if (digit < 0)
			return -1;
		*out = *out << 4 | (uint64_t)digit;
	}
	return text.len == 16 ? 0 : -1;
}

static int
get_number(const struct wire_value *v, enum dump_shape shape, void *at)
{
	if (!v->is_number)
		return -1;
	if (shape == DUMP_I64) {
		*(int64_t *)at = v->number;
		return 0;
	}
	if (v->number < 0 || v->number > (shape == DUMP_FLAG ? 1 : UINT32_MAX))
		return -1;
	if (shape == DUMP_FLAG)
		*(bool *)at = v->number != 0;
	else
		*(uint32_t *)at = (uint32_t)v->number;
	return 0;
}

static int
get_field(const struct dump_member *f, const struct wire_value *v, struct dump *d)
{
	void *at = (char *)d + f->offset;
	int word;

	switch (f->shape) {
	case DUMP_TEXT:
		return get_text(v->text, at, f->size);
	case DUMP_OCTETS:
		return base64url_decode(v->text, at, f->size) == (int)f->size ? 0 : -1;
	case DUMP_I64:
	case DUMP_U32:
	case DUMP_FLAG:
		return get_number(v, f->shape, at);
	case DUMP_HEX64:
		return get_hex(v->text, at);
	case DUMP_TOKENS:
		return get_tokens(v->text, &d->sub);
	case DUMP_STATE:
		if (get_word(v->text, dump_states, &word) < 0)
			return -1;
		d->sub.state = word == 1 ? SUB_ACTIVE : SUB_UNACKNOWLEDGED;
		return 0;
	case DUMP_CONTENT:
		return get_word(v->text, dump_contents, &d->account.content);
	}
	return -1;
}

/* The first two values of a row: its version and its kind. */
static const struct dump_table *
get_kind(const struct frame *row, size_t *pos, struct dump *out, struct err *err)
{
	struct wire_value v;

	if (wire_row_value(row, pos, &v) != 1 || !slice_is(v.name, "version") || !v.is_number) {
		err_set(err, "it does not begin with a version");
		return NULL;
	}
	if (v.number != DUMP_VERSION) {
		err_set(err, "version %" PRId64 " is not known here, only %d", v.number, DUMP_VERSION);
		return NULL;
	}
	if (wire_row_value(row, pos, &v) == 1 && slice_is(v.name, "kind"))
		for (size_t i = 0; i < DUMP_KINDS; i++)
			if (slice_is(v.text, dump_tables[i].name)) {
				out->kind = (enum dump_kind)i;
				return &dump_tables[i];
			}
	err_set(err, "its kind is not known");
	return NULL;
}

/* Reads one value, and notes that it was there. */
static int
take_value(const struct dump_table *kind, const struct wire_value *v, struct dump *out, uint64_t *seen,
    struct err *err)
{
	int name = v->name.len > 64 ? 64 : (int)v->name.len;
	size_t i = 0;

	while (i < kind->n && !slice_is(v->name, kind->members[i].name))
		i++;
	if (i == kind->n || i >= MEMBERS_MAX)
		return err_set(err, "%.*s is not known", name, v->name.p);
	if (*seen & (uint64_t)1 << i)
		return err_set(err, "%.*s is there twice", name, v->name.p);
	*seen |= (uint64_t)1 << i;
	if (get_field(&kind->members[i], v, out) < 0)
		return err_set(err, "the value of %.*s cannot be", name, v->name.p);
	return 0;
}

static int
check(const struct dump_table *kind, struct dump *d, uint64_t seen, struct err *err)
{
	for (size_t i = 0; i < kind->n; i++)
		if (kind->members[i].needed && !(seen & (uint64_t)1 << i))
			return err_set(err, "%s is missing", kind->members[i].name);
	if (d->kind == DUMP_ACCOUNT)
		return d->account.name[0] != '\0' ? 0 : err_set(err, "account is empty");
	if (d->sub.account[0] == '\0' || d->sub.id[0] == '\0')
		return err_set(err, "account or id is empty");
	memcpy(d->delivery.account, d->sub.account, sizeof(d->delivery.account));
	memcpy(d->delivery.id, d->sub.id, sizeof(d->delivery.id));
	d->sub.generation = 1;
	return 0;
}

int
dump_get(const struct frame *row, struct dump *out, struct err *err)
{
	const struct dump_table *kind;
	struct wire_value v;
	uint64_t seen = 0;
	size_t pos = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	out->account.content = -1;
	kind = get_kind(row, &pos, out, err);
	if (kind == NULL)
		return -1;
	while ((rc = wire_row_value(row, &pos, &v)) == 1)
		if (take_value(kind, &v, out, &seen, err) < 0)
			return -1;
	if (rc < 0)
		return err_set(err, "it cannot be read");
	return check(kind, out, seen, err);
}
