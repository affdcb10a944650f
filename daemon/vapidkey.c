/*
 * Signing happens once per origin and half a day, so this is plain EVP.  A key is proven when it is
 * read (the point is on the curve, and is the private key's): a file with the halves of two pairs
 * would otherwise name one key and sign with another.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "daemon/vapidkey.h"
#include "lib/base64url.h"

#define POINT	65

struct vapidkey {
	EVP_PKEY	*pair;
	char		 id[VAPID_ID_LEN + 1];
	char		 public_key[VAPID_KEY_LEN + 1];
};

/* Empties OpenSSL's queue, too: libcurl reads the same one. */
static int
fail(struct err *err, const char *step)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	err_set(err, "%s: %s", step, reason == NULL ? "failed" : reason);
	ERR_clear_error();
	return -1;
}

/* The uncompressed point, whatever form the key's own encoding has. */
static int
get_point(const EVP_PKEY *pair, uint8_t point[POINT])
{
	BIGNUM *x = NULL, *y = NULL;
	int rc = -1;

	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	if (EVP_PKEY_get_bn_param(pair, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
	    EVP_PKEY_get_bn_param(pair, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
	    BN_bn2binpad(x, point + 1, 32) == 32 && BN_bn2binpad(y, point + 33, 32) == 32)
		rc = 0;
	BN_free(x);
	BN_free(y);
	return rc;
}

static int
put_names(struct vapidkey *k)
{
	uint8_t point[POINT], hash[32];
	static const char digits[] = "0123456789abcdef";

	if (get_point(k->pair, point) == -1 ||
	    EVP_Digest(point, sizeof(point), hash, NULL, EVP_sha256(), NULL) != 1)
		return -1;
	base64url_encode(k->public_key, point, sizeof(point));
	for (size_t i = 0; i < VAPID_ID_LEN; i++)
		k->id[i] = digits[hash[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0x0f];
	k->id[VAPID_ID_LEN] = '\0';
	return 0;
}

/* So that one key has one PEM text, whatever form it came in. */
static int
put_form(EVP_PKEY *pair)
{
	return EVP_PKEY_set_utf8_string_param(pair, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
	    OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) == 1 &&
	    EVP_PKEY_set_int_param(pair, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 1) == 1 ? 0 : -1;
}

/* Takes the pair over, also where it fails. */
static struct vapidkey *
wrap(EVP_PKEY *pair, struct err *err)
{
	struct vapidkey *k = calloc(1, sizeof(*k));

	if (k == NULL)
		abort();
	k->pair = pair;
	if (put_form(pair) == 0 && put_names(k) == 0)
		return k;
	fail(err, "public key");
	vapidkey_free(k);
	return NULL;
}

struct vapidkey *
vapidkey_generate(struct err *err)
{
	EVP_PKEY *pair = EVP_EC_gen("P-256");

	if (pair != NULL)
		return wrap(pair, err);
	fail(err, "new key");
	return NULL;
}

void
vapidkey_free(struct vapidkey *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pair);
	free(k);
}

const char *
vapidkey_id(const struct vapidkey *k)
{
	return k->id;
}

const char *
vapidkey_public(const struct vapidkey *k)
{
	return k->public_key;
}

/* OpenSSL would ask at the terminal. */
static int
no_password(char *out, int size, int writing, void *asked)
{
	(void)out, (void)size, (void)writing;
	*(bool *)asked = true;
	return -1;
}

static int
check_pair(const EVP_PKEY *pair)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, (EVP_PKEY *)(uintptr_t)pair, NULL);
	int ok = ctx != NULL && EVP_PKEY_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok ? 0 : -1;
}

/* Why a pair that OpenSSL could read is none for VAPID, with the remedy. */
static int
check_kind(const EVP_PKEY *pair, struct err *err)
{
	char curve[64];
	int explicit_parameters = 0;

	if (!EVP_PKEY_is_a(pair, "EC"))
		return err_set(err, "not an elliptic-curve key: make one with `mailbell vapid new`");
	if (EVP_PKEY_get_int_param(pair, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
	    &explicit_parameters) == 1 && explicit_parameters != 0)
		return err_set(err, "the curve is given by parameters, not by name: rewrite the key with "
		    "`openssl ec -in OLD -param_enc named_curve -out NEW`");
	if (EVP_PKEY_get_group_name(pair, curve, sizeof(curve), NULL) != 1)
		return err_set(err, "the curve has no name; only P-256 (prime256v1) will do");
	if (strcmp(curve, "prime256v1") != 0)
		return err_set(err, "the curve is %s, only P-256 (prime256v1) will do: make a key with "
		    "`mailbell vapid new`", curve);
	if (check_pair(pair) == -1)
		return err_set(err, "the private and the public half do not belong together");
	return 0;
}

struct vapidkey *
vapidkey_parse(struct slice pem, struct err *err)
{
	bool encrypted = false;
	EVP_PKEY *pair;
	BIO *bio;
	int rc;

	if (pem.len == 0 || pem.len > VAPID_PEM_MAX) {
		err_set(err, pem.len == 0 ? "empty" : "too long for a key");
		return NULL;
	}
	bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	if (bio == NULL)
		abort();
	pair = PEM_read_bio_PrivateKey_ex(bio, NULL, no_password, &encrypted, NULL, NULL);
	BIO_free(bio);
	if (encrypted)
		rc = err_set(err, "the key has a password: take it off with "
		    "`openssl pkey -in OLD -out NEW`");
	else if (pair == NULL)
		rc = err_set(err, "no private key in PEM form");
	else
		rc = check_kind(pair, err);
	ERR_clear_error();
	if (rc == 0)
		return wrap(pair, err);
	EVP_PKEY_free(pair);
	return NULL;
}

int
vapidkey_pem(const struct vapidkey *k, struct buf *out, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	long len;
	int rc = -1;

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, k->pair, NULL, NULL, 0, NULL, NULL) != 1) {
		fail(err, "PEM");
		goto out;
	}
	len = BIO_get_mem_data(bio, &text);
	buf_put(out, text, (size_t)len);
	rc = out->failed ? err_set(err, "PEM: no room") : 0;
out:
	BIO_free(bio);	/* wipes its memory */
	return rc;
}

/* The signature as OpenSSL writes it, to r and s of 32 octets each. */
static int
raw_of_der(const uint8_t *der, size_t len, uint8_t signature[VAPIDKEY_SIGNATURE])
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	int rc = -1;

	if (sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, 32) == 32 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + 32, 32) == 32)
		rc = 0;
	ECDSA_SIG_free(sig);
	return rc;
}

int
vapidkey_sign(const struct vapidkey *k, struct slice text, uint8_t signature[VAPIDKEY_SIGNATURE],
    struct err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[80];
	size_t len = sizeof(der);
	int ok;

	ok = ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, k->pair, NULL) == 1 &&
	    EVP_DigestSign(ctx, der, &len, (const uint8_t *)text.p, text.len) == 1 &&
	    raw_of_der(der, len, signature) == 0;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : fail(err, "ES256");
}

/* The pair without its private half, or NULL. */
static EVP_PKEY *
public_of(const char *public_key)
{
	uint8_t point[POINT];
	char group[] = "prime256v1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;

	if (base64url_decode(slice_of(public_key), point, sizeof(point)) != POINT)
		return NULL;
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* The other way; the caller frees *der.  Its length, or -1. */
static int
der_of_raw(const uint8_t signature[VAPIDKEY_SIGNATURE], uint8_t **der)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature, 32, NULL);
	BIGNUM *s = BN_bin2bn(signature + 32, 32, NULL);
	int len = -1;

	*der = NULL;
	if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL;	/* sig's now */
		len = i2d_ECDSA_SIG(sig, der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return len;
}

int
vapidkey_verify(const char *public_key, struct slice text,
    const uint8_t signature[VAPIDKEY_SIGNATURE])
{
	EVP_PKEY *key = public_of(public_key);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t *der;
	int len = der_of_raw(signature, &der);
	int ok;

	ok = key != NULL && ctx != NULL && len > 0 &&
	    EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestVerify(ctx, der, (size_t)len, (const uint8_t *)text.p, text.len) == 1;
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok;
}
