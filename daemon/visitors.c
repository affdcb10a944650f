#include <string.h>

#include "daemon/visitors.h"

static void
copy(char out[VISITOR_TEXT], struct slice text)
{
	size_t len = text.len < VISITOR_TEXT ? text.len : VISITOR_TEXT - 1;

	memset(out, 0, VISITOR_TEXT);
	if (len > 0)
		memcpy(out, text.p, len);
}

/* Where this one is, or is to be. */
static struct visitor *
place_of(struct visitors *v, const struct visitor *who)
{
	struct visitor *oldest = &v->list[0];

	for (size_t i = 0; i < v->n; i++) {
		struct visitor *one = &v->list[i];

		if (strcmp(one->program, who->program) == 0 && strcmp(one->version, who->version) == 0)
			return one;
		if (one->seen < oldest->seen)
			oldest = one;
	}
	return v->n < VISITORS_MAX ? &v->list[v->n++] : oldest;
}

void
visitors_note(struct visitors *v, const struct wire_hello *hello, int64_t now)
{
	struct visitor who = { .seen = now };

	copy(who.program, hello->program);
	copy(who.version, hello->version);
	*place_of(v, &who) = who;
}

void
visitors_rows(const struct visitors *v, struct buf *out)
{
	for (size_t i = 0; i < v->n; i++) {
		size_t start = wire_begin_row(out);

		wire_row_text(out, "program", slice_of(v->list[i].program));
		wire_row_text(out, "version", slice_of(v->list[i].version));
		wire_row_number(out, "last_seen_time", v->list[i].seen);
		wire_end_row(out, start);
	}
}
