/* The copy of the header block: where it ends, how its dots go, what is too big; and the facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/msgfacts.h"
#include "lmtp/content.h"

static const struct config_list no_quiet;

static void
put(struct content *c, const char *data, size_t len, size_t step)
{
	for (size_t i = 0; i < len; i += step)
		content_put(c, (const uint8_t *)data + i, len - i < step ? len - i : step);
}

static void
copies(void **state)
{
	static const struct {
		const char	*message, *copy;
		bool		 whole;
	} cases[] = {
		{ "A: b\r\nC: d\r\n\r\nbody\r\n", "A: b\r\nC: d\r\n\r\n", true },
		{ "A: b\nC: d\n\nbody\r\n", "A: b\nC: d\n\n", true },
		{ "\r\nbody", "\r\n", true },
		{ "\nbody", "\n", true },
		{ "A: b\r\n..C: d\r\n\r\n", "A: b\r\n.C: d\r\n\r\n", true },
		{ "..A: b\r\n...\r\n\r\n", ".A: b\r\n..\r\n\r\n", true },
		{ "A: b\n..C: d\r\n\r\n", "A: b\n..C: d\r\n\r\n", true },
		{ "A: b\r..C: d\r\n\r\n", "A: b\r..C: d\r\n\r\n", true },
		{ "A: .b.\r\n\r\n", "A: .b.\r\n\r\n", true },
		{ "A: b\r\n\r\r\n\r\nbody", "A: b\r\n\r\r\n\r\n", true },
		{ "A: b\r\nno end", "A: b\r\nno end", false },
		{ "", "", false },
	};
	struct content c;

	(void)state;
	content_init(&c);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t step = 1; step < 30; step++) {
			put(&c, cases[i].message, strlen(cases[i].message), step);
			if (!slice_is(buf_all(&c.header), cases[i].copy) || c.whole != cases[i].whole)
				fail_msg("case %zu by %zu: \"%.*s\"", i, step, (int)c.header.len,
				    (const char *)c.header.data);
			content_clear(&c);
		}
	content_clear(&c);
}

static void
too_big(void **state)
{
	static char message[ENVELOPE_HEADER_MAX + 10];
	struct content c;

	(void)state;
	content_init(&c);
	for (size_t extra = 0; extra < 2; extra++) {
		memset(message, 'x', sizeof(message));
		memcpy(message, "Message-ID: <a@b>\r\nX: ", 22);
		memcpy(message + ENVELOPE_HEADER_MAX - 4 + extra, "\r\n\r\nbod", 7);
		put(&c, message, sizeof(message), 1000);
		assert_int_equal(c.too_big, extra == 1);
		content_finish(&c, &no_quiet);
		assert_int_equal(c.reason, extra == 1 ? ENVELOPE_HEADER_TOO_BIG : ENVELOPE_OK);
		assert_true(c.has_message_id);
		assert_null(c.header.data);
		content_clear(&c);
	}
}

static void
described(void **state)
{
	static const char message[] = "Received: by x id QID; d\r\nMessage-ID: <a@b>\r\nList-Id: <l>\r\n"
	    "Subject: s\r\nX-Spam: yes\r\n\r\n";
	char rule[] = "X-Spam: yes", *rules[] = { rule };
	const struct config_list quiet = { rules, 1 };
	struct wire_arrival a = { .seq = 0 };
	struct content c;

	(void)state;
	content_init(&c);
	assert_null(content_queue_id(&c).p);
	put(&c, message, sizeof(message) - 1, 7);
	content_finish(&c, &quiet);
	content_describe(&c, &a);
	assert_true(slice_is(a.queue_id, "QID"));
	assert_true(slice_is(a.message_id, "<a@b>"));
	assert_true(slice_is(a.envelope, "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL \"<a@b>\")"));
	assert_int_equal(a.reason, ENVELOPE_OK);
	assert_int_equal(a.kind, KIND_BULK | KIND_QUIET);
	content_clear(&c);
	put(&c, "Subject: s\r\n\r\n", 14, 14);
	content_finish(&c, &no_quiet);
	content_describe(&c, &a);
	assert_null(a.queue_id.p);
	assert_null(a.message_id.p);
	assert_int_equal(a.kind, 0);
	content_clear(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies), cmocka_unit_test(too_big), cmocka_unit_test(described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
