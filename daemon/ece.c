/*
 * The dear part of a push is P-256: one multiplication of the generator (a fresh key pair) and one
 * of the subscriber's point.  Both are done with EC_POINT_mul and nothing around it.  EVP_PKEY would
 * do the same and, hidden in EVP_PKEY_derive_set_peer, a third one (the peer times the group's
 * order, to prove what a prime-order curve cannot violate), and import and export keys each time:
 * twice the time in all.  A peer's point is on the curve once EC_POINT_oct2point has taken it.
 *
 * HMAC is written out on one digest context; its keys here are at most 32 octets.  All
 * algorithms are fetched once.  Whatever is secret is wiped when the message is done; the contexts
 * are kept.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>

#include "daemon/ece.h"

#define SHA256_BLOCK	64
#define TAG		16
#define DELIMITER_LAST	0x02
#define RECORD_SIZE	4096

struct ece {
	EC_GROUP	*group;
	const BIGNUM	*order;		/* the group's */
	BN_CTX		*bn;
	BIGNUM		*scalar;	/* our private key */
	BIGNUM		*x;
	EC_POINT	*mine, *peer, *shared;
	EVP_MD		*sha256;
	EVP_MD_CTX	*md;
	EVP_CIPHER	*aes128gcm;
	EVP_CIPHER_CTX	*cipher;
};

/* Empties OpenSSL's queue, too: libcurl reads the same one. */
static int
fail(struct err *err, const char *step)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	err_set(err, "encryption: %s: %s", step, reason == NULL ? "failed" : reason);
	ERR_clear_error();
	return -1;
}

static struct slice
octets(const uint8_t *p, size_t len)
{
	return (struct slice){ (const char *)p, len };
}

static int
open_curve(struct ece *e)
{
	e->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	e->bn = BN_CTX_new();
	e->scalar = BN_secure_new();
	e->x = BN_secure_new();
	if (e->group == NULL || e->bn == NULL || e->scalar == NULL || e->x == NULL)
		return -1;
	BN_set_flags(e->scalar, BN_FLG_CONSTTIME);
	e->order = EC_GROUP_get0_order(e->group);
	e->mine = EC_POINT_new(e->group);
	e->peer = EC_POINT_new(e->group);
	e->shared = EC_POINT_new(e->group);
	return e->mine == NULL || e->peer == NULL || e->shared == NULL ? -1 : 0;
}

static int
open_algorithms(struct ece *e)
{
	e->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	e->md = EVP_MD_CTX_new();
	e->aes128gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	e->cipher = EVP_CIPHER_CTX_new();
	if (e->sha256 == NULL || e->md == NULL || e->aes128gcm == NULL || e->cipher == NULL)
		return -1;
	if (EVP_DigestInit_ex2(e->md, e->sha256, NULL) != 1)
		return -1;
	return EVP_EncryptInit_ex2(e->cipher, e->aes128gcm, NULL, NULL, NULL) == 1 ? 0 : -1;
}

struct ece *
ece_new(struct err *err)
{
	struct ece *e = calloc(1, sizeof(*e));

	if (e == NULL)
		abort();
	if (open_curve(e) == 0 && open_algorithms(e) == 0)
		return e;
	fail(err, "OpenSSL has no P-256, SHA-256 or AES-128-GCM");
	ece_free(e);
	return NULL;
}

void
ece_free(struct ece *e)
{
	if (e == NULL)
		return;
	EVP_CIPHER_CTX_free(e->cipher);
	EVP_CIPHER_free(e->aes128gcm);
	EVP_MD_CTX_free(e->md);
	EVP_MD_free(e->sha256);
	EC_POINT_clear_free(e->shared);
	EC_POINT_free(e->peer);
	EC_POINT_free(e->mine);
	BN_clear_free(e->x);
	BN_clear_free(e->scalar);
	BN_CTX_free(e->bn);
	EC_GROUP_free(e->group);
	free(e);
}

/* Puts the point in e->peer.  Compressed, hybrid and infinite forms are refused by the first octet. */
static int
take_point(struct ece *e, const uint8_t point[ECE_POINT])
{
	if (point[0] != POINT_CONVERSION_UNCOMPRESSED)
		return -1;
	return EC_POINT_oct2point(e->group, e->peer, point, ECE_POINT, e->bn) == 1 ? 0 : -1;
}

int
ece_check_point(struct ece *e, const uint8_t point[ECE_POINT])
{
	if (take_point(e, point) == 0)
		return 1;
	ERR_clear_error();
	return 0;
}

/* SHA-256 of a block (the HMAC key under its pad) and up to two pieces. */
static int
hash_block(struct ece *e, const uint8_t block[SHA256_BLOCK], struct slice a, struct slice b,
    uint8_t out[32])
{
	return EVP_DigestInit_ex2(e->md, NULL, NULL) == 1 &&
	    EVP_DigestUpdate(e->md, block, SHA256_BLOCK) == 1 &&
	    EVP_DigestUpdate(e->md, a.p, a.len) == 1 &&
	    EVP_DigestUpdate(e->md, b.p, b.len) == 1 &&
	    EVP_DigestFinal_ex(e->md, out, NULL) == 1 ? 0 : -1;
}

/* HMAC-SHA-256 of a || b under a key of at most one block (RFC 2104). */
static int
hmac(struct ece *e, struct slice key, struct slice a, struct slice b, uint8_t out[32])
{
	uint8_t block[SHA256_BLOCK];
	uint8_t inner[32];
	int rc = -1;

	memset(block, 0, sizeof(block));
	memcpy(block, key.p, key.len);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36;
	if (hash_block(e, block, a, b, inner) == -1)
		goto out;
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5c;
	rc = hash_block(e, block, octets(inner, sizeof(inner)), slice_of(""), out);
out:
	explicit_bzero(block, sizeof(block));
	explicit_bzero(inner, sizeof(inner));
	return rc;
}

/* Puts the private key in e->scalar: 1; 0 where it is no key of this group; -1 error. */
static int
take_scalar(struct ece *e, const uint8_t private_key[32])
{
	if (BN_bin2bn(private_key, 32, e->scalar) == NULL)
		return -1;
	return !BN_is_zero(e->scalar) && BN_cmp(e->scalar, e->order) < 0;
}

/* Our public key, and the x coordinate that both sides know. */
static int
multiply(struct ece *e, const uint8_t private_key[32], const uint8_t point[ECE_POINT],
    uint8_t public_key[ECE_POINT], uint8_t ecdh[32])
{
	if (take_scalar(e, private_key) != 1 || take_point(e, point) == -1)
		return -1;
	if (EC_POINT_mul(e->group, e->mine, e->scalar, NULL, NULL, e->bn) != 1 ||
	    EC_POINT_point2oct(e->group, e->mine, POINT_CONVERSION_UNCOMPRESSED, public_key, ECE_POINT,
	    e->bn) != ECE_POINT)
		return -1;
	if (EC_POINT_mul(e->group, e->shared, NULL, e->peer, e->scalar, e->bn) != 1 ||
	    EC_POINT_get_affine_coordinates(e->group, e->shared, e->x, NULL, e->bn) != 1)
		return -1;
	return BN_bn2binpad(e->x, ecdh, 32) == 32 ? 0 : -1;
}

/* Overwrites what multiply left behind.  A point can only be overwritten by another. */
static void
forget(struct ece *e)
{
	BN_clear(e->scalar);
	BN_clear(e->x);
	(void)EC_POINT_copy(e->shared, EC_GROUP_get0_generator(e->group));
}

int
ece_derive(struct ece *e, const uint8_t private_key[32], const uint8_t point[ECE_POINT],
    const uint8_t auth[ECE_AUTH], struct ece_secrets *s, uint8_t public_key[ECE_POINT],
    struct err *err)
{
	/* "WebPush: info" NUL ua_public as_public 0x01 */
	static const char label[] = "WebPush: info";
	uint8_t info[sizeof(label) + 2 * ECE_POINT + 1];
	int rc = -1;

	if (multiply(e, private_key, point, public_key, s->ecdh) == -1) {
		fail(err, "ECDH");
		goto out;
	}
	memcpy(info, label, sizeof(label));
	memcpy(info + sizeof(label), point, ECE_POINT);
	memcpy(info + sizeof(label) + ECE_POINT, public_key, ECE_POINT);
	info[sizeof(info) - 1] = 0x01;
	if (hmac(e, octets(auth, ECE_AUTH), octets(s->ecdh, 32), slice_of(""), s->prk_key) == -1 ||
	    hmac(e, octets(s->prk_key, 32), octets(info, sizeof(info)), slice_of(""), s->ikm) == -1) {
		fail(err, "key derivation");
		goto out;
	}
	rc = 0;
out:
	forget(e);
	return rc;
}

/* HKDF-Expand (RFC 5869) for at most 32 octets; the label's NUL belongs to it. */
static int
expand(struct ece *e, const uint8_t prk[32], const char *label, uint8_t *out, size_t len)
{
	static const char counter[] = "\x01";
	uint8_t full[32];
	int rc;

	rc = hmac(e, octets(prk, 32), (struct slice){ label, strlen(label) + 1 }, slice_of(counter),
	    full);
	if (rc == 0)
		memcpy(out, full, len);
	explicit_bzero(full, sizeof(full));
	return rc;
}

int
ece_content_keys(struct ece *e, struct slice ikm, const uint8_t salt[ECE_SALT],
    struct ece_keys *keys, struct err *err)
{
	if (hmac(e, octets(salt, ECE_SALT), ikm, slice_of(""), keys->prk) == 0 &&
	    expand(e, keys->prk, "Content-Encoding: aes128gcm", keys->cek, sizeof(keys->cek)) == 0 &&
	    expand(e, keys->prk, "Content-Encoding: nonce", keys->nonce, sizeof(keys->nonce)) == 0)
		return 0;
	return fail(err, "content keys");
}

/* Salt, record size, key id: ECE_HEADER + keyid.len octets. */
static size_t
put_header(uint8_t *out, const uint8_t salt[ECE_SALT], struct slice keyid)
{
	static const uint8_t record_size[4] = { 0, 0, RECORD_SIZE >> 8, RECORD_SIZE & 0xff };

	memcpy(out, salt, ECE_SALT);
	memcpy(out + ECE_SALT, record_size, sizeof(record_size));
	out[ECE_HEADER - 1] = (uint8_t)keyid.len;
	if (keyid.len > 0)
		memcpy(out + ECE_HEADER, keyid.p, keyid.len);
	return ECE_HEADER + keyid.len;
}

/* AES-128-GCM of len octets in place; the tag goes behind them. */
static int
encrypt_in_place(struct ece *e, const struct ece_keys *keys, uint8_t *p, size_t len)
{
	static const uint8_t nothing[16];
	int n, rest;
	int rc;

	rc = EVP_EncryptInit_ex2(e->cipher, NULL, keys->cek, keys->nonce, NULL) == 1 &&
	    EVP_EncryptUpdate(e->cipher, p, &n, p, (int)len) == 1 &&
	    EVP_EncryptFinal_ex(e->cipher, p + n, &rest) == 1 &&
	    EVP_CIPHER_CTX_ctrl(e->cipher, EVP_CTRL_AEAD_GET_TAG, TAG, p + len) == 1 ? 0 : -1;
	/* The context's copy of the key goes with the next key that it is given. */
	(void)EVP_EncryptInit_ex2(e->cipher, NULL, nothing, nothing, NULL);
	return rc;
}

int
ece_seal(struct ece *e, const struct ece_record *r, uint8_t *out, size_t *out_len, struct err *err)
{
	struct ece_keys keys;
	size_t at;
	int rc;

	if (r->len > r->padded || r->padded + 1 + TAG >= RECORD_SIZE || r->keyid.len > UINT8_MAX)
		return err_set(err, "encryption: %zu octets in %zu do not fit one record", r->len,
		    r->padded);
	rc = ece_content_keys(e, r->ikm, r->salt, &keys, err);
	if (rc == -1)
		goto out;
	at = put_header(out, r->salt, r->keyid);
	if (r->len > 0)
		memcpy(out + at, r->plain, r->len);
	out[at + r->len] = DELIMITER_LAST;
	memset(out + at + r->len + 1, 0, r->padded - r->len);
	rc = encrypt_in_place(e, &keys, out + at, r->padded + 1);
	if (rc == -1)
		fail(err, "AES-128-GCM");
	*out_len = at + r->padded + 1 + TAG;
out:
	explicit_bzero(&keys, sizeof(keys));
	return rc;
}

/* One call for key and salt.  A number that is no key comes once in 2^32. */
static int
make_fresh(struct ece *e, struct ece_fresh *fresh, struct err *err)
{
	int rc;

	_Static_assert(sizeof(*fresh) == sizeof(fresh->private_key) + sizeof(fresh->salt), "no holes");
	do {
		if (RAND_bytes((uint8_t *)fresh, sizeof(*fresh)) != 1)
			return fail(err, "random octets");
		rc = take_scalar(e, fresh->private_key);
	} while (rc == 0);
	return rc == 1 ? 0 : fail(err, "private key");
}

int
ece_encrypt(struct ece *e, const uint8_t point[ECE_POINT], const uint8_t auth[ECE_AUTH],
    const uint8_t *plain, size_t len, size_t padded, uint8_t *out, struct err *err)
{
	struct ece_fresh fresh;
	struct ece_secrets secrets;
	struct ece_record record;
	uint8_t public_key[ECE_POINT];
	size_t out_len;
	int rc;

	if (padded > ECE_PLAIN_MAX)
		return err_set(err, "encryption: %zu octets do not fit a push", padded);
	rc = make_fresh(e, &fresh, err);
	if (rc == 0)
		rc = ece_derive(e, fresh.private_key, point, auth, &secrets, public_key, err);
	if (rc == 0) {
		record = (struct ece_record){
			.ikm = octets(secrets.ikm, sizeof(secrets.ikm)), .salt = fresh.salt,
			.keyid = octets(public_key, ECE_POINT), .plain = plain, .len = len,
			.padded = padded,
		};
		rc = ece_seal(e, &record, out, &out_len, err);
	}
	explicit_bzero(&fresh, sizeof(fresh));
	explicit_bzero(&secrets, sizeof(secrets));
	return rc;
}
