/* What a milter sees of a message, against what the proxy sees of the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/msgfacts.h"
#include "lmtp/content.h"
#include "milter/message.h"

static char *rules[] = { (char[]){ "X-Spam-Flag: YES" } };
static const struct config_list quiet = { rules, 1 };
static struct message_end at_end;

static struct message *
new_message(void)
{
	struct message *m = malloc(sizeof(*m));

	assert_non_null(m);
	memset(m, 0x55, sizeof(*m));
	message_init(m);
	return m;
}

/* Fields as an MTA shows them: older ones take the blank behind the colon away. */
struct shown {
	const char	*name, *value;
};

static void
show(struct message *m, const struct shown *fields, bool leading_blank)
{
	for (; fields->name != NULL; fields++)
		message_header(m, fields->name,
		    fields->value + (!leading_blank && fields->value[0] == ' '));
}

/* The same message, as it passes the proxy. */
static void
relay(struct content *c, const struct shown *fields)
{
	for (; fields->name != NULL; fields++) {
		content_put(c, (const uint8_t *)fields->name, strlen(fields->name));
		content_put(c, (const uint8_t *)":", 1);
		for (const char *p = fields->value; *p != '\0'; p++) {
			if (*p == '\n')
				content_put(c, (const uint8_t *)"\r", 1);
			content_put(c, (const uint8_t *)p, 1);
		}
		content_put(c, (const uint8_t *)"\r\n", 2);
	}
	content_put(c, (const uint8_t *)"\r\nbody\r\n", 8);
}

static void
assert_slice(struct slice a, struct slice b, const char *name)
{
	if ((a.p == NULL) != (b.p == NULL) || !slice_equal(a, b))
		fail_msg("%s: '%.*s' is not '%.*s'", name, (int)a.len, a.p, (int)b.len, b.p);
}

#define END	{ NULL, NULL }

static const struct {
	const char	*name;
	struct shown	 fields[8];
	unsigned	 kind;
} messages[] = {
	{ "plain", { { "From", " Fred <fred@example.org>" }, { "To", " a@b, c@d" },
	    { "Subject", " afternoon meeting" }, { "Message-ID", " <m@x>" }, END }, 0 },
	{ "folded", { { "From", " Fred\n\t<fred@example.org>" }, { "Subject", " a\n  b\n\tc" },
	    { "Message-ID", "\n\t<m@x>" }, END }, 0 },
	{ "folded within the Message-ID", { { "Message-ID", " <m\n\t@x>" }, END }, 0 },
	{ "blanks", { { "Subject", "   three " }, { "Message-ID", " \t <m@x> " }, END }, 0 },
	{ "8 bit", { { "Subject", " Gr\xc3\xbc\xc3\x9f" "e" }, { "From", " \xff <a@b>" }, END }, 0 },
	{ "two Message-IDs", { { "Message-ID", " <1@x>" }, { "Message-Id", " <2@x>" }, END }, 0 },
	{ "no Message-ID", { { "From", " a@b" }, { "Subject", " x" }, END }, 0 },
	{ "empty values", { { "Subject", " " }, { "To", " " }, { "Message-ID", " " }, END }, 0 },
	{ "bulk", { { "List-Id", " <l.example.org>" }, { "Message-ID", " <m@x>" }, END }, KIND_BULK },
	{ "quiet", { { "X-Spam-Flag", " YES" }, { "Precedence", " list" }, END },
	    KIND_BULK | KIND_QUIET },
	{ "nothing", { END }, 0 },
};

static void
test_same_as_the_proxy(void **state)
{
	struct wire_arrival seen, relayed;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(messages) / sizeof(messages[0]); i++) {
		struct message *m = new_message();
		struct content c;
		size_t at = i / 2;

		content_init(&c);
		show(m, messages[at].fields, i % 2 == 0);
		relay(&c, messages[at].fields);
		message_finish(m, "QID", &quiet, &at_end, &seen);
		content_finish(&c, &quiet);
		content_describe(&c, &relayed);
		assert_slice(seen.message_id, relayed.message_id, messages[at].name);
		assert_slice(seen.envelope, relayed.envelope, messages[at].name);
		assert_int_equal(seen.reason, relayed.reason);
		assert_int_equal(seen.kind, messages[at].kind);
		assert_int_equal(seen.kind, relayed.kind);
		assert_true(slice_is(seen.queue_id, "QID"));
		content_clear(&c);
		free(m);
	}
}

static void
test_no_queue_id(void **state)
{
	struct message *m = new_message();
	struct wire_arrival a;

	(void)state;
	message_header(m, "Message-ID", " <m@x>");
	message_finish(m, NULL, &quiet, &at_end, &a);
	assert_null(a.queue_id.p);
	assert_true(slice_is(a.message_id, "<m@x>"));
	free(m);
}

/* A line end behind a value must not look like the end of the header. */
static void
test_line_end_behind_a_value(void **state)
{
	struct message *m = new_message();
	struct wire_arrival a;

	(void)state;
	message_header(m, "Subject", " x\r\n\n");
	message_header(m, "Message-ID", " <m@x>\n");
	message_finish(m, "Q", &quiet, &at_end, &a);
	assert_true(slice_is(a.message_id, "<m@x>"));
	free(m);
}

static void
test_header_bound(void **state)
{
	static char value[ENVELOPE_HEADER_MAX];
	struct wire_arrival a;

	(void)state;
	memset(value, 'x', sizeof(value));
	for (int over = 0; over <= 1; over++) {
		struct message *m = new_message();

		message_header(m, "Message-ID", " <m@x>");	/* 18 octets in the block */
		value[ENVELOPE_HEADER_MAX - 18 - 3 + over] = '\0';
		message_header(m, "X", value);
		value[ENVELOPE_HEADER_MAX - 18 - 3 + over] = 'x';
		message_header(m, "", "");
		message_finish(m, "Q", &quiet, &at_end, &a);
		assert_true(slice_is(a.message_id, "<m@x>"));
		assert_int_equal(a.reason, ENVELOPE_HEADER_TOO_BIG);
		assert_int_equal(m->block.len, over ? 18 : ENVELOPE_HEADER_MAX);
		free(m);
	}
}

static void
test_header_that_just_fits(void **state)
{
	static char value[ENVELOPE_HEADER_MAX];
	struct message *m = new_message();
	struct wire_arrival a;

	(void)state;
	memset(value, 'x', sizeof(value));
	value[ENVELOPE_HEADER_MAX - 3] = '\0';
	message_header(m, "X", value);
	message_finish(m, "Q", &quiet, &at_end, &a);
	assert_int_equal(a.reason, ENVELOPE_OK);
	free(m);
}

static void
test_too_many_addresses(void **state)
{
	static char to[8 * (ENVELOPE_ADDRESSES_MAX + 1) + 1];
	struct message *m = new_message();
	struct wire_arrival a;
	char *p = to;

	(void)state;
	for (int i = 0; i <= ENVELOPE_ADDRESSES_MAX; i++)
		p += snprintf(p, 8, "a@b.c,");
	message_header(m, "To", to);
	message_finish(m, "Q", &quiet, &at_end, &a);
	assert_int_equal(a.reason, ENVELOPE_TOO_MANY_ADDRESSES);
	assert_null(a.envelope.p);
	free(m);
}

/* The next message of a session begins with nothing of the one before. */
static void
test_again(void **state)
{
	struct message *m = new_message();
	struct wire_arrival a;

	(void)state;
	message_header(m, "Message-ID", " <1@x>");
	message_init(m);
	message_finish(m, "Q", &quiet, &at_end, &a);
	assert_null(a.message_id.p);
	free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_the_proxy),
		cmocka_unit_test(test_no_queue_id),
		cmocka_unit_test(test_line_end_behind_a_value),
		cmocka_unit_test(test_header_bound),
		cmocka_unit_test(test_header_that_just_fits),
		cmocka_unit_test(test_too_many_addresses),
		cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
