/* vapid_contact: which contacts push services take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/vapid.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
static const struct {
	const char	*contact;
	bool		 taken;
} contacts[] = {
	{ "mailto:postmaster@example.org", true }, { "mailto:push@example.com", true },
	{ "mailto:a.b+c_d@mail.example.co.uk", true }, { "mailto:x%41@xn--bcher-kva.example.org", true },
	{ "mailto:POSTMASTER@EXAMPLE.ORG", true }, { "mailto:admin@local.example.org", true },
	{ "mailto:o'hara@test.example.org", true }, { "mailto:a@localhost.org", true },
	{ "https://example.org", true }, { "https://example.org/contact?x=1", true },
	{ "https://example.org:8443/", true },

	{ NULL, false }, { "", false }, { "postmaster@example.org", false },
	{ "mailto:", false }, { "mailto:postmaster", false }, { "mailto:@example.org", false },
	{ "mailto:a@", false }, { "mailto: a@example.org", false }, { " mailto:a@example.org", false },
	{ "mailto:a@example.org ", false }, { "mailto:<a@example.org>", false },
	{ "mailto:\"a b\"@example.org", false }, { "mailto:a@b@example.org", false },
	{ "mailto:a@example.org,b@example.org", false }, { "mailto:a@example.org?subject=x", false },
	{ "mailto:a@localhost", false }, { "mailto:a@example", false }, { "mailto:a@host.local", false },
	{ "mailto:a@host.LOCALDOMAIN", false }, { "mailto:a@x.localhost", false },
	{ "mailto:a@x.invalid", false }, { "mailto:a@x.test", false }, { "mailto:a@x.example", false },
	{ "mailto:a@x.lan", false }, { "mailto:a@x.internal", false },
	{ "mailto:a@127.0.0.1", false }, { "mailto:a@[127.0.0.1]", false }, { "mailto:a@1.2", false },
	{ "mailto:a@.example.org", false }, { "mailto:a@example..org", false },
	{ "mailto:a@example.org.", false }, { "mailto:a@-example.org", false },
	{ "mailto:a@example-.org", false }, { "mailto:a@exa_mple.org", false },
	{ "mailto:a@ex\xc3\xa4mple.org", false }, { "mailto:a\r\nX: y@example.org", false },
	{ "MAILTO:a@example.org", false }, { "http://example.org", false }, { "https://", false },
	{ "https:///x", false }, { "https://localhost/", false }, { "https://localhost:8443", false },
	{ "https://user@example.org/", false }, { "https://example.org:/", false },
	{ "https://example.org:x/", false }, { "https://example.org:123456/", false },
	{ "https://[::1]/", false }, { "https://10.0.0.1/", false }, { "https://a b.org/", false },
	{ "https://example.org/\"", false }, { "https://example.org/\\", false },
};

static void
contacts_are_judged(void **state)
{
	char text[VAPID_CONTACT_MAX + 2] = "https://example.org/";

	(void)state;
	for (size_t i = 0; i < COUNT(contacts); i++) {
		struct err err = { "" };
		bool taken = vapid_check_contact(contacts[i].contact, &err) == 0;

		if (taken != contacts[i].taken)
			fail_msg("\"%s\": %s %s", contacts[i].contact, taken ? "taken" : "refused", err.text);
		assert_int_equal(err.text[0] != '\0', !taken);
	}
	memset(text + 20, 'a', VAPID_CONTACT_MAX - 20);
	assert_int_equal(vapid_check_contact(text, NULL), 0);
	text[VAPID_CONTACT_MAX] = 'a';
	assert_int_equal(vapid_check_contact(text, NULL), -1);
	assert_null(vapid_open("/tmp", "mailto:a@localhost", NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contacts_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
