/* Each field of each frame: missing, at its bound, beyond it, and of another form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/wire_fields.h"

enum form { NONE, TEXT, OCTETS, NUMBER };

struct field_rule {
	enum tag	tag;
	enum form	form;
	uint64_t	max;	/* of the length, or of the number; 0: a frame's end comes before */
	bool		needed;
};

#define FIELDS_MAX	12

struct frame_rule {
	const char	*name;
	enum wire_type	 type;
	int		(*get)(const struct frame *);
	struct field_rule field[FIELDS_MAX];
};

#define GETTER(name, type) \
	static int \
	get_##name(const struct frame *f) \
	{ \
		type out; \
	\
		return wire_get_##name(f, &out); \
	}

GETTER(hello, struct wire_hello)
GETTER(refused, struct slice)
GETTER(saved, struct wire_saved)
GETTER(end, struct wire_end)
GETTER(arrival, struct wire_arrival)
GETTER(ack, uint64_t)
GETTER(session, struct wire_session)
GETTER(verb, struct wire_verb)
GETTER(answer, struct wire_answer)
GETTER(request, struct wire_request)
GETTER(done, struct wire_done)

/* What wire.h promises.  (That an ENVELOPE and a reason exclude each other, test_wire.c shows.) */
static const struct frame_rule rules[] = {
	{ "hello", WIRE_HELLO, get_hello, {
		{ T_PROGRAM, TEXT, 64, true }, { T_VERSION, TEXT, 64, true }, { T_ABI, TEXT, 64, false },
		{ T_HOOK, TEXT, 64, false }, { T_LOST, NUMBER, UINT64_MAX, false } } },
	{ "refused", WIRE_REFUSED, get_refused, { { T_TEXT, TEXT, 1024, true } } },
	{ "saved", WIRE_SAVED, get_saved, {
		{ T_TIME, NUMBER, INT64_MAX, true }, { T_TOKEN, TEXT, WIRE_TOKEN_MAX, true },
		{ T_SERVICE, TEXT, 32, true }, { T_USER, TEXT, WIRE_USER_MAX, true },
		{ T_MAILBOX, TEXT, WIRE_MAILBOX_MAX, true }, { T_SPECIAL_USE, TEXT, 256, false },
		{ T_SEEN, NUMBER, 1, false }, { T_UIDVALIDITY, NUMBER, UINT32_MAX, true },
		{ T_UID, NUMBER, UINT32_MAX, true }, { T_QUEUE_ID, OCTETS, WIRE_ID_MAX, false },
		{ T_MESSAGE_ID, OCTETS, WIRE_ID_MAX, false } } },
	{ "saved with content", WIRE_SAVED, get_saved, {
		{ T_TIME, NUMBER, INT64_MAX, true }, { T_TOKEN, TEXT, WIRE_TOKEN_MAX, true },
		{ T_SERVICE, TEXT, 32, true }, { T_USER, TEXT, WIRE_USER_MAX, true },
		{ T_MAILBOX, TEXT, WIRE_MAILBOX_MAX, true }, { T_UIDVALIDITY, NUMBER, UINT32_MAX, true },
		{ T_UID, NUMBER, UINT32_MAX, true }, { T_REASON, NUMBER, ENVELOPE_NONE, false },
		{ T_KIND, NUMBER, UINT32_MAX, true } } },
	{ "end", WIRE_END, get_end, {
		{ T_TOKEN, TEXT, WIRE_TOKEN_MAX, true }, { T_USER, TEXT, WIRE_USER_MAX, true },
		{ T_N, NUMBER, UINT32_MAX, true } } },
	{ "arrival", WIRE_ARRIVAL, get_arrival, {
		{ T_SEQ, NUMBER, UINT64_MAX, true }, { T_TIME, NUMBER, INT64_MAX, true },
		{ T_QUEUE_ID, OCTETS, WIRE_ID_MAX, false }, { T_MESSAGE_ID, OCTETS, WIRE_ID_MAX, false },
		{ T_REASON, NUMBER, ENVELOPE_NONE, true }, { T_KIND, NUMBER, UINT32_MAX, true } } },
	{ "ack", WIRE_ACK, get_ack, { { T_SEQ, NUMBER, UINT64_MAX, true } } },
	{ "session", WIRE_SESSION, get_session, {
		{ T_USER, TEXT, WIRE_USER_MAX, true }, { T_SESSION, TEXT, WIRE_TOKEN_MAX, false },
		{ T_BEGIN, NUMBER, 1, false } } },
	{ "verb", WIRE_VERB, get_verb, {
		{ T_USER, TEXT, WIRE_USER_MAX, true }, { T_SESSION, TEXT, WIRE_TOKEN_MAX, false },
		{ T_NAME, TEXT, 64, true }, { T_MALFORMED, NUMBER, 1, false } } },
	{ "answer", WIRE_ANSWER, get_answer, {
		{ T_UNTAGGED, OCTETS, 0, false }, { T_TAGGED, TEXT, 1024, true },
		{ T_KEEP, NUMBER, 1, false } } },
	{ "request", WIRE_REQUEST, get_request, { { T_NAME, TEXT, 64, true } } },
	{ "done", WIRE_DONE, get_done, { { T_EXIT, NUMBER, 255, true }, { T_TEXT, TEXT, 0, false } } },
};

/* What is done to one field. */
enum change { WELL, MISSING, GREATEST, TOO_MUCH, ANOTHER_FORM, CHANGES };

static const char *const change_names[] = {
	"well", "missing", "at its bound", "beyond it", "of another form"
};

static uint8_t memory[FRAME_MAX];

static void
put_text(struct buf *b, const struct field_rule *r, enum change change)
{
	static char x[8192];

	memset(x, 'x', sizeof(x));
	if (change == ANOTHER_FORM)
		frame_put_text(b, (uint8_t)r->tag, "\xff");
	else
		frame_put_octets(b, (uint8_t)r->tag, x, change == GREATEST ? r->max :
		    change == TOO_MUCH ? r->max + 1 : 1);
}

static void
put_number(struct buf *b, const struct field_rule *r, enum change change)
{
	if (change == ANOTHER_FORM)
		frame_put_octets(b, (uint8_t)r->tag, "seven..", 7);
	else
		frame_put_u64(b, (uint8_t)r->tag, change == TOO_MUCH ? r->max + 1 : r->max);
}

/* What the reader says to the frame with one field changed. */
static int
told(const struct frame_rule *rule, const struct field_rule *changed, enum change change)
{
	struct buf b;
	struct frame f;
	size_t start, used;

	buf_fixed(&b, memory, sizeof(memory));
	start = frame_begin(&b, (uint8_t)rule->type);
	for (const struct field_rule *r = rule->field; r < rule->field + FIELDS_MAX && r->form != NONE; r++) {
		enum change to_this = r == changed ? change : WELL;

		if (to_this == MISSING)
			continue;
		if (r->form == NUMBER)
			put_number(&b, r, to_this);
		else
			put_text(&b, r, to_this);
	}
	frame_end(&b, start);
	assert_false(b.failed);
	assert_int_equal(frame_next(b.data, b.len, FRAME_MAX, &f, &used), 1);
	return rule->get(&f);
}

static bool
possible(const struct field_rule *r, enum change change)
{
	switch (change) {
	case GREATEST:
		return r->max != 0;
	case TOO_MUCH:
		return r->max != 0 && r->max != UINT64_MAX;
	case ANOTHER_FORM:
		return r->form != OCTETS;
	default:
		return true;
	}
}

static int
wanted(const struct field_rule *r, enum change change)
{
	return change == TOO_MUCH || change == ANOTHER_FORM || (change == MISSING && r->needed) ? -1 : 0;
}

static void
each_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		for (const struct field_rule *r = rules[i].field; r->form != NONE; r++)
			for (enum change change = WELL; change < CHANGES; change++)
				if (possible(r, change) && told(&rules[i], r, change) != wanted(r, change))
					fail_msg("%s: field %d %s", rules[i].name, (int)r->tag,
					    change_names[change]);
}

/* Every frame has its own type, and nothing behind its last field. */
static void
each_frame(void **state)
{
	struct frame f;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		assert_int_equal(told(&rules[i], NULL, WELL), 0);
		assert_int_equal(frame_next(memory, sizeof(memory), FRAME_MAX, &f, &used), 1);
		f.len--;
		assert_int_equal(rules[i].get(&f), -1);
		f.len++;
		f.type = WIRE_OK;
		assert_int_equal(rules[i].get(&f), -1);
	}
}

/* A row's value without a cell is null, and is not taken from the next column's. */
static void
row_values(void **state)
{
	struct wire_value v;
	struct frame f;
	struct buf b;
	size_t start, used, pos = 0;

	(void)state;
	buf_fixed(&b, memory, sizeof(memory));
	start = wire_begin_row(&b);
	frame_put_text(&b, T_TEXT, "from the future");
	frame_put_text(&b, T_COLUMN, "a");
	frame_put_text(&b, T_TEXT, "from the future");
	frame_put_text(&b, T_COLUMN, "b");
	frame_put_text(&b, T_NUMBER, "1");
	frame_put_text(&b, T_COLUMN, "\xff");
	wire_end_row(&b, start);
	assert_int_equal(frame_next(b.data, b.len, FRAME_MAX_ROW, &f, &used), 1);
	assert_int_equal(wire_row_value(&f, &pos, &v), 1);
	assert_true(slice_is(v.name, "a") && v.text.p == NULL && !v.is_number);
	assert_int_equal(wire_row_value(&f, &pos, &v), -1);	/* b's number has one octet */
	assert_int_equal(wire_row_value(&f, &pos, &v), -1);	/* a name that is no text */
	f.len--;
	pos = 0;
	assert_int_equal(wire_row_value(&f, &pos, &v), 1);
	assert_int_equal(wire_row_value(&f, &pos, &v), -1);
	assert_int_equal(wire_row_value(&f, &pos, &v), -1);	/* and the cut end */
}

static void
bare_frames(void **state)
{
	struct frame f;
	struct buf b;
	size_t used;

	(void)state;
	buf_fixed(&b, memory, sizeof(memory));
	wire_put_release(&b);
	wire_put_finish(&b);
	assert_int_equal(frame_next(b.data, b.len, FRAME_MAX, &f, &used), 1);
	assert_int_equal(f.type, WIRE_RELEASE);
	assert_int_equal(f.len, 0);
	assert_int_equal(frame_next(b.data + used, b.len - used, FRAME_MAX, &f, &used), 1);
	assert_int_equal(f.type, WIRE_FINISH);
	assert_int_equal(f.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field), cmocka_unit_test(each_frame), cmocka_unit_test(row_values),
		cmocka_unit_test(bare_frames),
	};

	return cmocka_run_group_tests_name("wire_strict", tests, NULL, NULL);
}
