/* vapidkey: every form of key file, and signatures as RFC 8292 has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/vapidkey.h"
#include "tests/unit/vapid_keys.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
static struct slice
pair(void)
{
	return slice_of(pem_pkcs8);
}

static void
all_forms_are_one_key(void **state)
{
	static const char *const forms[] = {
		pem_sec1, pem_sec1_params, pem_pkcs8, pem_compressed, pem_no_public
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct err err = { "" };
		struct vapidkey *k = vapidkey_parse(slice_of(forms[i]), &err);
		struct buf pem;

		if (k == NULL)
			fail_msg("form %zu: %s", i, err.text);
		assert_string_equal(vapidkey_id(k), PAIR_ID);
		assert_string_equal(vapidkey_public(k), PAIR_PUBLIC);
		buf_init(&pem, VAPID_PEM_MAX);
		assert_int_equal(vapidkey_pem(k, &pem, &err), 0);
		assert_true(slice_equal(buf_all(&pem), pair()));
		buf_wipe(&pem);
		vapidkey_free(k);
	}
}

static const struct {
	const char	*pem, *remedy;
} no_keys[] = {
	{ pem_explicit, "-param_enc named_curve" }, { pem_explicit8, "-param_enc named_curve" },
	{ pem_p384, "secp384r1" }, { pem_k256, "secp256k1" },
	{ pem_ed25519, "mailbell vapid new" }, { pem_rsa, "mailbell vapid new" },
	{ pem_encrypted, "openssl pkey" }, { pem_encrypted8, "openssl pkey" },
	{ pem_public, "no private key" }, { pem_mismatched, "do not belong together" },
	{ "", "empty" }, { "hello\n", "no private key" },
	{ "-----BEGIN PRIVATE KEY-----\n", "no private key" },
	{ "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key" },
};

static void
what_is_no_key_says_what_to_do(void **state)
{
	static char long_text[VAPID_PEM_MAX + 2];
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(no_keys); i++) {
		err.text[0] = '\0';
		assert_null(vapidkey_parse(slice_of(no_keys[i].pem), &err));
		if (strstr(err.text, no_keys[i].remedy) == NULL)
			fail_msg("%zu: \"%s\" does not say \"%s\"", i, err.text, no_keys[i].remedy);
	}
	memset(long_text, '\n', sizeof(long_text) - 1);
	assert_null(vapidkey_parse(slice_of(long_text), &err));
}

static void
every_cut_of_a_key_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(pem_pkcs8) - 2; len++)
		assert_null(vapidkey_parse((struct slice){ pem_pkcs8, len }, NULL));
}

static void
rfc8292_vector(void **state)
{
	static const char k[] =
	    "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs";
	static const char t[] =
	    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAi"
	    "OjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HL"
	    "GkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA";
	char broken[sizeof(t)];

	(void)state;
	assert_int_equal(vapid_verify(t, k), 1);
	assert_int_equal(vapid_verify(t, PAIR_PUBLIC), 0);
	for (size_t i = 0; i < sizeof(t) - 2; i++) {
		memcpy(broken, t, sizeof(t));
		broken[i] = broken[i] == 'A' ? 'B' : 'A';
		assert_int_equal(vapid_verify(broken, k), 0);
	}
	assert_int_equal(vapid_verify("", k), 0);
	assert_int_equal(vapid_verify("a.b.", k), 0);
	assert_int_equal(vapid_verify(t, ""), 0);
	assert_int_equal(vapid_verify(t, "BA1H"), 0);
}

/* r and s keep their leading zeros: one in 128 signatures has one. */
static void
signatures_have_64_octets(void **state)
{
	struct vapidkey *k = vapidkey_generate(NULL);
	uint8_t signature[VAPIDKEY_SIGNATURE];
	bool short_half = false;
	char text[32];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "text %d", i);
		assert_int_equal(vapidkey_sign(k, slice_of(text), signature, NULL), 0);
		assert_int_equal(vapidkey_verify(vapidkey_public(k), slice_of(text), signature), 1);
		short_half = short_half || signature[0] == 0 || signature[32] == 0;
	}
	assert_true(short_half);
	vapidkey_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_forms_are_one_key),
		cmocka_unit_test(what_is_no_key_says_what_to_do),
		cmocka_unit_test(every_cut_of_a_key_is_refused),
		cmocka_unit_test(rfc8292_vector),
		cmocka_unit_test(signatures_have_64_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
