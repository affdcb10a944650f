/* Names of accounts made from recipients' addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/account.h"

static void
makes_names(void **state)
{
	static const struct {
		int		 format;
		const char	*delimiter, *address, *name;	/* NULL: refused */
	} rows[] = {
		{ ACCOUNT_ADDRESS, "+", "Alice@Example.ORG", "alice@example.org" },
		{ ACCOUNT_ADDRESS, "+", "alice+news@example.org", "alice@example.org" },
		{ ACCOUNT_ADDRESS, "+", "alice+a+b@example.org", "alice@example.org" },
		{ ACCOUNT_ADDRESS, "+-", "alice-x@example.org", "alice@example.org" },
		{ ACCOUNT_ADDRESS, "", "alice+x@example.org", "alice+x@example.org" },
		{ ACCOUNT_ADDRESS, "+", "alice@sub+x.example.org", "alice@sub+x.example.org" },
		{ ACCOUNT_ADDRESS, "+", "+x@example.org", "+x@example.org" },
		{ ACCOUNT_ADDRESS, "+", "Alice+x", "alice" },
		{ ACCOUNT_LOCALPART, "+", "Alice+x@example.org", "alice" },
		{ ACCOUNT_LOCALPART, "+", "@example.org", NULL },
		{ ACCOUNT_EXACT, "+", "Alice+x@example.org", "Alice+x@example.org" },
		{ ACCOUNT_ADDRESS, "+", "", NULL },
	};
	char name[WIRE_USER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config c = { .account_format = rows[i].format };

		c.recipient_delimiter = (char *)(uintptr_t)rows[i].delimiter;
		if (rows[i].name == NULL) {
			assert_int_equal(account_of_recipient(&c, slice_of(rows[i].address), name), -1);
			continue;
		}
		assert_int_equal(account_of_recipient(&c, slice_of(rows[i].address), name), 0);
		assert_string_equal(name, rows[i].name);
	}
}

static void
refuses_what_is_no_name(void **state)
{
	char name[WIRE_USER_MAX + 1], longest[WIRE_USER_MAX + 1];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(account_name((struct slice){ "a\0b", 3 }, name), -1);
	assert_int_equal(account_name((struct slice){ longest, WIRE_USER_MAX + 1 }, name), -1);
	assert_int_equal(account_name((struct slice){ longest, WIRE_USER_MAX }, name), 0);
	assert_int_equal(strlen(name), WIRE_USER_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_names),
		cmocka_unit_test(refuses_what_is_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
