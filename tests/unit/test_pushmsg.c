/* The text of pushes, their order, and what fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/pushmsg.h"

#define S(text)	((struct slice){ text, sizeof(text) - 1 })

#define BOX(box, n)		.mailbox = S(box), .uidvalidity = 1, .uid = (n)
#define MAIL(box, n, list)	{ .type = PUSHMSG_MAIL, BOX(box, n), .envelope = S(list) }
#define BARE(box, n)		{ .type = PUSHMSG_MAIL, BOX(box, n) }
#define SYNC(box)		{ .type = PUSHMSG_SYNC, .mailbox = S(box), .uidvalidity = 1 }
#define ACCOUNT			{ .type = PUSHMSG_SYNC }
#define VERIFY(token)		{ .type = PUSHMSG_VERIFY, .text = S(token) }
#define VAPID(key)		{ .type = PUSHMSG_VAPID, .text = S(key) }
#define END			{ .type = PUSHMSG_MAIL, .uid = UINT32_MAX }
#define ITEMS			6

static size_t
count(const struct pushmsg_item *items)
{
	size_t n = 0;

	while (n < ITEMS && items[n].uid != UINT32_MAX)
		n++;
	return n;
}

static void
texts(void **state)
{
	static const struct {
		const char	*name;
		struct pushmsg_item items[ITEMS];
		size_t		 max, done;
		const char	*want;
		bool		 envelope;
	} cases[] = {
		{ "nothing", { END }, 3993, 0, "", false },
		{ "one mail", { MAIL("INBOX", 3, "(x)"), END }, 3993, 1,
		    "* SELECT \"INBOX\"\r\n* 3 UIDFETCH (ENVELOPE (x))\r\n", true },
		{ "two mails", { MAIL("INBOX", 3, "(x)"), MAIL("INBOX", 4294967294, "(y)"), END },
		    3993, 2,
		    "* SELECT \"INBOX\"\r\n* 3 UIDFETCH (ENVELOPE (x))\r\n"
		    "* 4294967294 UIDFETCH (ENVELOPE (y))\r\n", true },
		{ "two mailboxes", { MAIL("A", 3, "(x)"), MAIL("Entw\xc3\xbcrfe", 3, "(y)"), END },
		    3993, 2,
		    "* SELECT \"A\"\r\n* 3 UIDFETCH (ENVELOPE (x))\r\n"
		    "* SELECT \"Entw&APw-rfe\"\r\n* 3 UIDFETCH (ENVELOPE (y))\r\n", true },
		{ "no ENVELOPE", { BARE("A", 3), END }, 3993, 1, "* SELECT \"A\"\r\n* SYNC\r\n",
		    false },
		{ "one SYNC a mailbox", { SYNC("A"), SYNC("A"), BARE("A", 3), MAIL("A", 4, "(x)"),
		    SYNC("B"), END },
		    3993, 5, "* SELECT \"A\"\r\n* SYNC\r\n* 4 UIDFETCH (ENVELOPE (x))\r\n"
		    "* SELECT \"B\"\r\n* SYNC\r\n", true },
		{ "the account's SYNC", { ACCOUNT, MAIL("A", 3, "(x)"), END }, 3993, 2,
		    "* SYNC\r\n", false },
		{ "the account's SYNC, unsorted", { MAIL("A", 3, "(x)"), ACCOUNT, END }, 3993, 2,
		    "* SELECT \"A\"\r\n* 3 UIDFETCH (ENVELOPE (x))\r\n* SYNC\r\n", true },
		{ "a mail without mailbox", { { .type = PUSHMSG_MAIL, .uid = 1,
		    .envelope = S("(x)") }, END },
		    3993, 1, "* SYNC\r\n", false },
		{ "a verification goes alone", { VERIFY("585078c5"), VAPID("BOni"), SYNC("A"), END },
		    3993, 1,
		    "* ACKWEBPUSH 585078c5\r\n", false },
		{ "a key does not", { VAPID("BOni"), SYNC("A"), END }, 3993, 2,
		    "* VAPID BOni\r\n* SELECT \"A\"\r\n* SYNC\r\n", false },
		{ "a key and the account's SYNC", { VAPID("BOni"), ACCOUNT, SYNC("A"), END },
		    3993, 3,
		    "* VAPID BOni\r\n* SYNC\r\n", false },
		/* "* SELECT "A"CRLF" has 14 octets, a mail of list (x) 29. */
		{ "both fit", { MAIL("A", 1, "(x)"), MAIL("A", 2, "(y)"), END }, 14 + 29 + 29, 2,
		    "* SELECT \"A\"\r\n* 1 UIDFETCH (ENVELOPE (x))\r\n"
		    "* 2 UIDFETCH (ENVELOPE (y))\r\n", true },
		{ "the second goes later", { MAIL("A", 1, "(x)"), MAIL("A", 2, "(y)"), END },
		    14 + 29 + 28, 1,
		    "* SELECT \"A\"\r\n* 1 UIDFETCH (ENVELOPE (x))\r\n", true },
		{ "and its SELECT with it", { MAIL("A", 1, "(x)"), MAIL("B", 2, "(y)"), END },
		    14 + 29 + 30, 1,
		    "* SELECT \"A\"\r\n* 1 UIDFETCH (ENVELOPE (x))\r\n", true },
		{ "too long alone", { MAIL("A", 1, "(x)"), END }, 14 + 28, 1,
		    "* SELECT \"A\"\r\n* SYNC\r\n", false },
		{ "too long, another follows",
		    { MAIL("A", 1, "(x234567890)"), MAIL("A", 2, "(y)"), END },
		    14 + 8 + 29, 2, "* SELECT \"A\"\r\n* SYNC\r\n* 2 UIDFETCH (ENVELOPE (y))\r\n",
		    true },
		{ "mailbox too long", { MAIL("A234567890", 1, "(x)"), SYNC("B"), END }, 30, 2,
		    "* SYNC\r\n", false },
		{ "mailbox of a SYNC too long", { SYNC("A234567890"), SYNC("B"), END }, 30, 2,
		    "* SYNC\r\n", false },
		{ "mailbox too long, not first", { SYNC("A"), SYNC("B234567890123456789"), END },
		    40, 1,
		    "* SELECT \"A\"\r\n* SYNC\r\n", false },
	};
	uint8_t memory[5000];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool envelope = !cases[i].envelope;
		size_t done;

		buf_fixed(&out, memory, sizeof(memory));
		buf_text(&out, "before");
		done = pushmsg_write(cases[i].items, count(cases[i].items), cases[i].max, &out,
		    &envelope);
		buf_drop(&out, 6);
		if (!slice_is(buf_all(&out), cases[i].want) || out.failed)
			fail_msg("%s: %.*s", cases[i].name, (int)out.len, (char *)out.data);
		if (done != cases[i].done || envelope != cases[i].envelope)
			fail_msg("%s: %zu, %d", cases[i].name, done, envelope);
	}
}

/* However long the mailbox's name, something fits into the least maximum. */
static void
always_something(void **state)
{
	static char name[4096];
	struct pushmsg_item items[] = {
		{ .type = PUSHMSG_MAIL, .uid = 1, .envelope = S("(x)") }, SYNC("z"),
	};
	struct buf out;
	bool envelope;

	(void)state;
	memset(name, '\x01', sizeof(name));
	buf_init(&out, PUSHMSG_MAX);
	for (size_t len = 1; len <= sizeof(name); len++) {
		items[0].mailbox = (struct slice){ name, len };
		for (size_t max = 100; max <= PUSHMSG_MAX; max += 3893) {
			buf_reset(&out);
			assert_true(pushmsg_write(items, 2, max, &out, &envelope) >= 1);
			assert_true(out.len > 0 && out.len <= max && !out.failed);
		}
	}
	buf_clear(&out);
}

static int
compare(const void *a, const void *b)
{
	return pushmsg_compare(a, b);
}

static void
order(void **state)
{
	static const struct pushmsg_item want[] = {
		VERIFY("t"), VAPID("k"), ACCOUNT, SYNC("A"), MAIL("A", 1, "(x)"),
		MAIL("A", 2, "(x)"),
		{ .type = PUSHMSG_MAIL, .mailbox = S("A"), .uidvalidity = 2, .uid = 1,
		    .envelope = S("(x)") },
		MAIL("AB", 1, "(x)"), BARE("B", 9), MAIL("B", 3000000000, "(x)"),
	};
	enum { N = sizeof(want) / sizeof(*want) };
	struct pushmsg_item items[N];

	(void)state;
	for (size_t step = 1; step < N; step++) {
		for (size_t i = 0; i < N; i++)
			items[i] = want[(i * 3 + step) % N];
		qsort(items, N, sizeof(*items), compare);
		for (size_t i = 0; i < N; i++)
			if (pushmsg_compare(&items[i], &want[i]) != 0 ||
			    items[i].type != want[i].type || items[i].uid != want[i].uid)
				fail_msg("step %zu: item %zu", step, i);
	}
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < N; j++)
			assert_int_equal((pushmsg_compare(&want[i], &want[j]) > 0) -
			    (pushmsg_compare(&want[i], &want[j]) < 0), (i > j) - (i < j));
}

static void
buckets(void **state)
{
	static const size_t cases[][2] = {
		{ 0, 1024 }, { 1024, 1024 }, { 1025, 2641 }, { 2641, 2641 }, { 2642, 3993 },
		{ 3993, 3993 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(pushmsg_bucket(cases[i][0]), cases[i][1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts), cmocka_unit_test(always_something),
		cmocka_unit_test(order), cmocka_unit_test(buckets),
	};

	return cmocka_run_group_tests_name("pushmsg", tests, NULL, NULL);
}
