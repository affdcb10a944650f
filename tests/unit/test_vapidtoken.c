/* vapidtoken: tokens as RFC 8292 has them, and how long each is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/vapidkey.h"
#include "lib/base64url.h"
#include "tests/unit/vapid_place.h"

#define HOUR	((int64_t)3600)
/* Takes "vapid t=T, k=K" apart. */
static void
take_apart(const char *header, char token[VAPID_HEADER_MAX], char key[VAPID_HEADER_MAX])
{
	assert_int_equal(sscanf(header, "vapid t=%1000[^,], k=%100s", token, key), 2);
	assert_int_equal(strlen(header), strlen("vapid t=, k=") + strlen(token) + strlen(key));
}

static void
part_of(const char *token, int n, char *out, size_t max)
{
	struct slice part;
	int len;

	while (n-- > 0)
		token = strchr(token, '.') + 1;
	part = (struct slice){ token, strcspn(token, ".") };
	len = base64url_decode(part, (uint8_t *)out, max - 1);
	assert_true(len >= 0);
	out[len] = '\0';
}

static void
a_token_is_what_rfc_8292_says(void **state)
{
	struct place *p = *state;
	char token[VAPID_HEADER_MAX], key[VAPID_HEADER_MAX], text[VAPID_HEADER_MAX];
	struct vapid *v;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = ring_of(p);
	take_apart(vapid_authorization(v, vapid_current(v), ORIGIN ":8443", NOW, &err), token, key);
	assert_string_equal(key, vapid_public(v, vapid_current(v)));
	part_of(token, 0, text, sizeof(text));
	assert_string_equal(text, "{\"typ\":\"JWT\",\"alg\":\"ES256\"}");
	part_of(token, 1, text, sizeof(text));
	assert_string_equal(text, "{\"aud\":\"https://push.example.net:8443\",\"exp\":1800043200,"
	    "\"sub\":\"" CONTACT "\"}");
	assert_int_equal(vapid_verify(token, key), 1);
	assert_null(strchr(token, '='));

	assert_null(vapid_authorization(v, vapid_current(v), "https://a\"b", NOW, &err));
	assert_null(vapid_authorization(v, "0123456789abcdef", ORIGIN, NOW, &err));
	vapid_close(v);
}

static void
tokens_are_kept_for_six_hours(void **state)
{
	struct place *p = *state;
	char first[VAPID_HEADER_MAX], id[VAPID_ID_LEN + 1];
	struct vapid *v;
	struct err err;

#define SAME(id, origin, now)	\
	(strcmp(first, vapid_authorization(v, (id), (origin), (now), &err)) == 0)
	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = ring_of(p);
	assert_int_equal(vapid_new(v, id, &err), 0);
	snprintf(first, sizeof(first), "%s", vapid_authorization(v, vapid_current(v), ORIGIN, NOW, &err));
	assert_true(SAME(vapid_current(v), ORIGIN, NOW));
	assert_false(SAME(id, ORIGIN, NOW));
	assert_false(SAME(vapid_current(v), ORIGIN ":8443", NOW));
	assert_true(SAME(vapid_current(v), ORIGIN, NOW + 6 * HOUR - 1));
	assert_false(SAME(vapid_current(v), ORIGIN, NOW + 6 * HOUR));
	assert_false(SAME(vapid_current(v), ORIGIN, NOW));	/* backwards: a new one */
	vapid_forget(v);
	assert_false(SAME(vapid_current(v), ORIGIN, NOW));
#undef SAME
	vapid_close(v);
}

/* More origins than the cache holds: each gets its own token, always. */
static void
tokens_of_many_origins(void **state)
{
	struct place *p = *state;
	char origin[64], want[96], token[VAPID_HEADER_MAX], key[VAPID_HEADER_MAX];
	char claims[VAPID_HEADER_MAX];
	struct vapid *v;
	struct err err;

	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = ring_of(p);
	for (int i = 0; i < 6000; i++) {
		snprintf(origin, sizeof(origin), "https://h%d.example.net", i * 7 % 3000);
		snprintf(want, sizeof(want), "{\"aud\":\"%s\",", origin);
		take_apart(vapid_authorization(v, vapid_current(v), origin, NOW + i, &err), token, key);
		part_of(token, 1, claims, sizeof(claims));
		assert_memory_equal(claims, want, strlen(want));
	}
	vapid_close(v);
}

static void
the_longest_token_fits(void **state)
{
	struct place *p = *state;
	char origin[300] = "https://", contact[VAPID_CONTACT_MAX + 1] = "https://example.org/";
	struct vapid *v;
	struct err err;

	memset(origin + 8, 'a', 253);
	memcpy(origin + 8 + 253, ":65535", 7);
	memset(contact + 20, 'a', VAPID_CONTACT_MAX - 20);
	assert_int_equal(vapid_init(p->state_dir, &err), 0);
	v = vapid_open(p->state_dir, contact, &err);
	assert_non_null(v);
	assert_non_null(vapid_authorization(v, vapid_current(v), origin, NOW, &err));
	vapid_close(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(a_token_is_what_rfc_8292_says),
		IN_PLACE(tokens_are_kept_for_six_hours),
		IN_PLACE(tokens_of_many_origins),
		IN_PLACE(the_longest_token_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
