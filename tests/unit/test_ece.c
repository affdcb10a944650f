/*
 * ece: the vectors of RFC 8291 (section 5, appendix A) and RFC 8188 (section 3.1) octet for octet,
 * and round trips through a receiver that shares no line with ece.c: EVP_PKEY_derive, EVP_KDF, GCM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "daemon/ece.h"
#include "lib/base64url.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static struct ece *ece;

static size_t
from_text(const char *text, uint8_t *out, size_t max)
{
	int n = base64url_decode(slice_of(text), out, max);

	assert_true(n >= 0);
	return (size_t)n;
}

static void
assert_octets(const uint8_t *got, size_t len, const char *text)
{
	uint8_t want[ECE_BODY_MAX];

	assert_int_equal(from_text(text, want, sizeof(want)), len);
	assert_memory_equal(got, want, len);
}

/* RFC 8291 section 5 and appendix A */
static const char plain[] = "When I grow up, I want to be a watermelon";
static const char as_public[] =
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
static const char as_private[] = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
static const char ua_public[] =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
static const char ua_private[] = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
static const char salt_text[] = "DGv6ra1nlYgDCS1FRnbzlw";
static const char auth_text[] = "BTBZMqHH6r4Tts7J_aSIgg";
static const char body_text[] =
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
    "lcy4a-fN";

static void
rfc8291_vector(void **state)
{
	uint8_t private_key[32], point[ECE_POINT], auth[ECE_AUTH], salt[ECE_SALT], mine[ECE_POINT];
	uint8_t body[sizeof(plain) - 1 + ECE_OVERHEAD];
	struct ece_secrets secrets;
	struct ece_keys keys;
	struct ece_record record;
	struct slice ikm = { (const char *)secrets.ikm, sizeof(secrets.ikm) };
	size_t len;
	struct err err;

	(void)state;
	from_text(as_private, private_key, sizeof(private_key));
	from_text(ua_public, point, sizeof(point));
	from_text(auth_text, auth, sizeof(auth));
	from_text(salt_text, salt, sizeof(salt));
	assert_int_equal(ece_check_point(ece, point), 1);

	assert_int_equal(ece_derive(ece, private_key, point, auth, &secrets, mine, &err), 0);
	assert_octets(mine, sizeof(mine), as_public);
	assert_octets(secrets.ecdh, 32, "kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
	assert_octets(secrets.prk_key, 32, "Snr3JMxaHVDXHWJn5wdC52WjpCtd2EIEGBykDcZW32k");
	assert_octets(secrets.ikm, 32, "S4lYMb_L0FxCeq0WhDx813KgSYqU26kOyzWUdsXYyrg");

	assert_int_equal(ece_content_keys(ece, ikm, salt, &keys, &err), 0);
	assert_octets(keys.prk, 32, "09_eUZGrsvxChDCGRCdkLiDXrReGOEVeSCdCcPBSJSc");
	assert_octets(keys.cek, 16, "oIhVW04MRdy2XN9CiKLxTg");
	assert_octets(keys.nonce, 12, "4h_95klXJ5E_qnoN");

	record = (struct ece_record){
		.ikm = ikm, .salt = salt, .keyid = { (const char *)mine, sizeof(mine) },
		.plain = (const uint8_t *)plain, .len = sizeof(plain) - 1, .padded = sizeof(plain) - 1,
	};
	assert_int_equal(ece_seal(ece, &record, body, &len, &err), 0);
	assert_int_equal(len, 144);
	assert_octets(body, len, body_text);
}

static void
rfc8188_vector(void **state)
{
	static const char text[] = "I am the walrus";
	uint8_t ikm[16], salt[ECE_SALT], body[sizeof(text) - 1 + ECE_HEADER + 17];
	struct ece_keys keys;
	struct ece_record record;
	size_t len;
	struct err err;

	(void)state;
	from_text("yqdlZ-tYemfogSmv7Ws5PQ", ikm, sizeof(ikm));
	from_text("I1BsxtFttlv3u_Oo94xnmw", salt, sizeof(salt));
	record = (struct ece_record){
		.ikm = { (const char *)ikm, sizeof(ikm) }, .salt = salt, .keyid = SLICE_NIL,
		.plain = (const uint8_t *)text, .len = sizeof(text) - 1, .padded = sizeof(text) - 1,
	};
	assert_int_equal(ece_content_keys(ece, record.ikm, salt, &keys, &err), 0);
	assert_octets(keys.prk, 32, "zyeH5phsIsgUyd4oiSEIy35x-gIi4aM7y0hCF8mwn9g");
	assert_octets(keys.cek, 16, "_wniytB-ofscZDh4tbSjHw");
	assert_octets(keys.nonce, 12, "Bcs8gkIRKLI8GeI8");
	assert_int_equal(ece_seal(ece, &record, body, &len, &err), 0);
	assert_int_equal(len, sizeof(body));
	assert_octets(body, len, "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg");
}

/* The receiver: another road through OpenSSL. */

struct receiver {
	EVP_PKEY	*key;
	uint8_t		 point[ECE_POINT];
	uint8_t		 auth[ECE_AUTH];
};

static void
receiver_init(struct receiver *r)
{
	size_t len;

	r->key = EVP_EC_gen("P-256");
	assert_non_null(r->key);
	assert_int_equal(EVP_PKEY_get_octet_string_param(r->key, OSSL_PKEY_PARAM_PUB_KEY, r->point,
	    sizeof(r->point), &len), 1);
	assert_int_equal(len, ECE_POINT);
	for (size_t i = 0; i < sizeof(r->auth); i++)
		r->auth[i] = (uint8_t)(rand() >> 4);
}

static EVP_PKEY *
public_key_of(const uint8_t point[ECE_POINT])
{
	char group[] = "prime256v1";
	uint8_t copy[ECE_POINT];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof(copy)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	memcpy(copy, point, sizeof(copy));
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void
hkdf(const uint8_t *salt, size_t salt_len, const uint8_t *ikm, size_t ikm_len, const uint8_t *info,
    size_t info_len, uint8_t *out, size_t len)
{
	char digest[] = "SHA256";
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, salt_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)ikm, ikm_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, info_len),
		OSSL_PARAM_construct_end(),
	};

	assert_int_equal(EVP_KDF_derive(ctx, out, len, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void
receiver_ikm(const struct receiver *r, const uint8_t sender[ECE_POINT], uint8_t ikm[32])
{
	uint8_t info[14 + 2 * ECE_POINT] = "WebPush: info";
	uint8_t shared[32];
	size_t len = sizeof(shared);
	EVP_PKEY *peer = public_key_of(sender);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(r->key, NULL);

	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, shared, &len), 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	memcpy(info + 14, r->point, ECE_POINT);
	memcpy(info + 14 + ECE_POINT, sender, ECE_POINT);
	hkdf(r->auth, ECE_AUTH, shared, 32, info, sizeof(info), ikm, 32);
}

/* The record in clear, delimiter and padding included: its length, or -1 where the tag is wrong. */
static int
receive(const struct receiver *r, const uint8_t *body, size_t len, uint8_t *out)
{
	static const uint8_t cek_info[] = "Content-Encoding: aes128gcm";
	static const uint8_t nonce_info[] = "Content-Encoding: nonce";
	uint8_t ikm[32], cek[16], nonce[12], tag[16];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, rest = 0, ok;

	assert_true(len >= 86 + 17);
	assert_memory_equal(body + 16, "\x00\x00\x10\x00\x41", 5);
	receiver_ikm(r, body + 21, ikm);
	hkdf(body, 16, ikm, 32, cek_info, sizeof(cek_info), cek, sizeof(cek));
	hkdf(body, 16, ikm, 32, nonce_info, sizeof(nonce_info), nonce, sizeof(nonce));
	memcpy(tag, body + len - 16, sizeof(tag));
	assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, cek, nonce), 1);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, tag);
	assert_int_equal(EVP_DecryptUpdate(ctx, out, &n, body + 86, (int)(len - 86 - 16)), 1);
	ok = EVP_DecryptFinal_ex(ctx, out + n, &rest);
	EVP_CIPHER_CTX_free(ctx);
	return ok == 1 ? n + rest : -1;
}

static const struct {
	size_t	len, padded;
} sizes[] = {
	{ 0, 0 }, { 0, 1024 }, { 1, 1 }, { 25, 1024 }, { 1023, 1024 }, { 1024, 1024 }, { 1025, 2641 },
	{ 2641, 2641 }, { 368, 3993 }, { 3992, 3993 }, { 3993, 3993 },
};

static void
receiver_reads_every_size(void **state)
{
	uint8_t text[ECE_PLAIN_MAX], body[ECE_BODY_MAX + 1], clear[ECE_BODY_MAX];
	struct receiver r;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + 1);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t len = sizes[i].len, padded = sizes[i].padded, total = padded + ECE_OVERHEAD;

		receiver_init(&r);
		body[total] = 0xee;
		assert_int_equal(ece_check_point(ece, r.point), 1);
		assert_int_equal(ece_encrypt(ece, r.point, r.auth, text, len, padded, body, &err), 0);
		assert_int_equal(body[total], 0xee);
		assert_int_equal(receive(&r, body, total, clear), padded + 1);
		assert_memory_equal(clear, text, len);
		assert_int_equal(clear[len], 0x02);
		for (size_t k = len + 1; k <= padded; k++)
			assert_int_equal(clear[k], 0);
		body[total - 1] ^= 1;
		assert_int_equal(receive(&r, body, total, clear), -1);
		EVP_PKEY_free(r.key);
	}
}

/* Key pair and salt are fresh each time, and one context serves many subscribers. */
static void
nothing_is_used_twice(void **state)
{
	enum { N = 200 };
	static uint8_t heads[N][ECE_HEADER + ECE_POINT];
	uint8_t body[64 + ECE_OVERHEAD], clear[128], text[64] = "the same text";
	struct receiver r[2];
	struct err err;

	(void)state;
	receiver_init(&r[0]);
	receiver_init(&r[1]);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(ece_encrypt(ece, r[i % 2].point, r[i % 2].auth, text, 64, 64, body,
		    &err), 0);
		assert_int_equal(receive(&r[i % 2], body, sizeof(body), clear), 65);
		assert_memory_equal(clear, text, 64);
		memcpy(heads[i], body, sizeof(heads[i]));
		for (size_t k = 0; k < i; k++) {
			assert_memory_not_equal(heads[i], heads[k], ECE_SALT);
			assert_memory_not_equal(heads[i] + ECE_HEADER, heads[k] + ECE_HEADER, ECE_POINT);
		}
	}
	EVP_PKEY_free(r[0].key);
	EVP_PKEY_free(r[1].key);
}

static void
too_long_is_refused(void **state)
{
	uint8_t point[ECE_POINT], auth[ECE_AUTH] = { 0 }, text[ECE_BODY_MAX] = { 0 };
	uint8_t out[2 * ECE_BODY_MAX];
	struct err err;

	(void)state;
	from_text(ua_public, point, sizeof(point));
	assert_int_equal(ece_encrypt(ece, point, auth, text, 3994, 3994, out, &err), -1);
	assert_int_equal(ece_encrypt(ece, point, auth, text, 2, 1, out, &err), -1);
	assert_int_equal(ece_encrypt(ece, point, auth, text, 0, SIZE_MAX, out, &err), -1);
	assert_int_equal(ece_encrypt(ece, point, auth, text, 3993, 3993, out, &err), 0);
}

/* The order of P-256, and the x and y of its generator. */
static const char order[] = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";

static void
bad_points_are_refused(void **state)
{
	uint8_t good[ECE_POINT], point[ECE_POINT], auth[ECE_AUTH] = { 0 }, out[ECE_BODY_MAX];
	struct err err;

	(void)state;
	from_text(ua_public, good, sizeof(good));
	for (size_t bit = 0; bit < 8 * ECE_POINT; bit++) {
		memcpy(point, good, sizeof(point));
		point[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(ece_check_point(ece, point), 0);
	}
	memset(point, 0, sizeof(point));	/* infinity is one octet 0, and there may be more */
	assert_int_equal(ece_check_point(ece, point), 0);
	point[0] = 0x04;			/* (0, 0) */
	assert_int_equal(ece_check_point(ece, point), 0);
	memcpy(point, good, sizeof(point));
	for (int form = 0; form < 256; form++) {
		point[0] = (uint8_t)form;	/* 2, 3 compressed; 6, 7 hybrid */
		assert_int_equal(ece_check_point(ece, point), form == 4);
	}
	memset(point + 1, 0xff, 64);		/* coordinates beyond the field's prime */
	point[0] = 0x04;
	assert_int_equal(ece_check_point(ece, point), 0);
	assert_int_equal(ece_encrypt(ece, point, auth, good, 1, 1, out, &err), -1);
	assert_int_equal(ERR_peek_error(), 0);	/* libcurl reads the same queue */
	assert_int_equal(ece_check_point(ece, good), 1);
}

static void
bad_private_keys_are_refused(void **state)
{
	uint8_t key[32] = { 0 }, point[ECE_POINT], mine[ECE_POINT], auth[ECE_AUTH] = { 0 };
	struct ece_secrets secrets;
	struct err err;

	(void)state;
	from_text(ua_public, point, sizeof(point));
	assert_int_equal(ece_derive(ece, key, point, auth, &secrets, mine, &err), -1);
	from_text(order, key, sizeof(key));
	assert_int_equal(ece_derive(ece, key, point, auth, &secrets, mine, &err), -1);
	key[31]--;
	assert_int_equal(ece_derive(ece, key, point, auth, &secrets, mine, &err), 0);
	memset(key, 0xff, sizeof(key));
	assert_int_equal(ece_derive(ece, key, point, auth, &secrets, mine, &err), -1);
	/* Both sides of the vector come to one secret. */
	from_text(ua_private, key, sizeof(key));
	from_text(as_public, point, sizeof(point));
	assert_int_equal(ece_derive(ece, key, point, auth, &secrets, mine, &err), 0);
	assert_octets(mine, sizeof(mine), ua_public);
	assert_octets(secrets.ecdh, 32, "kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
}

static int
setup(void **state)
{
	struct err err;

	(void)state;
	ece = ece_new(&err);
	return ece == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	ece_free(ece);
	ece_free(NULL);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc8291_vector),
		cmocka_unit_test(rfc8188_vector),
		cmocka_unit_test(receiver_reads_every_size),
		cmocka_unit_test(nothing_is_used_twice),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(bad_points_are_refused),
		cmocka_unit_test(bad_private_keys_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
