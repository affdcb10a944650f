/*
 * crypto: what an encryption (RFC 8291) costs, by ours, by the code that OpenSSL's manual suggests, and
 * at least (the two multiplications of P-256 that nobody can leave out).
 *
 *	crypto make ours|textbook COUNT POINT AUTH	COUNT bodies in hexadecimal, for a receiver to check
 *	crypto run ROUNDS SLICE_MS			a line for each round: ns per call of each variant
 *
 * The variants take turns in slices of CPU time of this thread; one round more is run than is printed.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "daemon/ece.h"

#define PLAIN		600
#define BODY		(PLAIN + ECE_OVERHEAD)
#define SUBSCRIBERS	1000

struct subscriber {
	uint8_t	point[ECE_POINT];
	uint8_t	auth[ECE_AUTH];
};

struct floor {
	EC_GROUP	*group;
	BN_CTX		*bn;
	BIGNUM		*scalar, *x;
	EC_POINT	*mine, *shared;
	EC_POINT	*peers[SUBSCRIBERS];
};

static struct subscriber subscribers[SUBSCRIBERS];
static uint8_t plain[PLAIN];
static struct ece *ece;
static struct floor least;

/* For what OpenSSL returns. */
static void
must(int ok, const char *what)
{
	if (ok != 1)
		errx(1, "%s", what);
}

/* Textbook: EVP from start to end, everything fetched where it is needed. */

static EVP_PKEY *
import_point(const uint8_t point[ECE_POINT])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){ "P-256" }, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point,
		    ECE_POINT),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	must(EVP_PKEY_fromdata_init(ctx), "fromdata_init");
	must(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), "fromdata");
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void
textbook_ecdh(EVP_PKEY *mine, EVP_PKEY *peer, uint8_t shared[32])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, mine, NULL);
	size_t len = 32;

	must(EVP_PKEY_derive_init(ctx), "derive_init");
	must(EVP_PKEY_derive_set_peer(ctx, peer), "set_peer");
	must(EVP_PKEY_derive(ctx, shared, &len), "derive");
	EVP_PKEY_CTX_free(ctx);
}

static void
textbook_hkdf(const uint8_t *salt, const uint8_t *key, const void *info, size_t info_len, uint8_t *out,
    size_t len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, 32),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, ECE_SALT),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, info_len),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	must(EVP_KDF_derive(ctx, out, len, params), "HKDF");
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void
textbook_gcm(const uint8_t *key, const uint8_t *nonce, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	static const uint8_t delimiter = 2;
	int n, all;

	must(EVP_EncryptInit_ex2(ctx, cipher, key, nonce, NULL), "GCM");
	must(EVP_EncryptUpdate(ctx, out, &n, plain, PLAIN), "GCM");
	all = n;
	must(EVP_EncryptUpdate(ctx, out + all, &n, &delimiter, 1), "GCM");
	all += n;
	must(EVP_EncryptFinal_ex(ctx, out + all, &n), "GCM");
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + all), "GCM's tag");
	EVP_CIPHER_free(cipher);
	EVP_CIPHER_CTX_free(ctx);
}

static void
textbook_encrypt(const struct subscriber *to, uint8_t out[BODY])
{
	static const char label[] = "WebPush: info";
	static const char key_label[] = "Content-Encoding: aes128gcm";
	static const char nonce_label[] = "Content-Encoding: nonce";
	EVP_PKEY *mine = EVP_EC_gen("P-256");
	EVP_PKEY *peer = import_point(to->point);
	uint8_t info[sizeof(label) + 2 * ECE_POINT];
	uint8_t shared[32], ikm[32], key[16], nonce[12];
	size_t len;

	must(EVP_PKEY_get_octet_string_param(mine, OSSL_PKEY_PARAM_PUB_KEY, out + ECE_HEADER, ECE_POINT,
	    &len), "public key");
	textbook_ecdh(mine, peer, shared);
	memcpy(info, label, sizeof(label));
	memcpy(info + sizeof(label), to->point, ECE_POINT);
	memcpy(info + sizeof(label) + ECE_POINT, out + ECE_HEADER, ECE_POINT);
	textbook_hkdf(to->auth, shared, info, sizeof(info), ikm, sizeof(ikm));
	must(RAND_bytes(out, ECE_SALT), "salt");
	memcpy(out + ECE_SALT, "\0\0\x10\0\x41", 5);
	textbook_hkdf(out, ikm, key_label, sizeof(key_label), key, sizeof(key));
	textbook_hkdf(out, ikm, nonce_label, sizeof(nonce_label), nonce, sizeof(nonce));
	textbook_gcm(key, nonce, out + ECE_HEADER + ECE_POINT);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(mine);
}

/* Ours. */

static void
our_encrypt(const struct subscriber *to, uint8_t out[BODY])
{
	struct err e;

	if (ece_encrypt(ece, to->point, to->auth, plain, PLAIN, PLAIN, out, &e) == -1)
		errx(1, "%s", e.text);
}

/* The floor: a public key and a shared secret as octets, from a private key and a point that are there. */

static void
floor_open(void)
{
	least.group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	least.bn = BN_CTX_new();
	least.scalar = BN_secure_new();
	least.x = BN_secure_new();
	least.mine = EC_POINT_new(least.group);
	least.shared = EC_POINT_new(least.group);
	must(BN_rand(least.scalar, 255, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY), "scalar");
	BN_set_flags(least.scalar, BN_FLG_CONSTTIME);
	for (size_t i = 0; i < SUBSCRIBERS; i++) {
		least.peers[i] = EC_POINT_new(least.group);
		must(EC_POINT_oct2point(least.group, least.peers[i], subscribers[i].point, ECE_POINT,
		    least.bn), "point");
	}
}

static void
floor_multiply(const struct subscriber *to, uint8_t out[BODY])
{
	const EC_POINT *peer = least.peers[to - subscribers];

	must(EC_POINT_mul(least.group, least.mine, least.scalar, NULL, NULL, least.bn), "keygen");
	must(EC_POINT_point2oct(least.group, least.mine, POINT_CONVERSION_UNCOMPRESSED, out, ECE_POINT,
	    least.bn) == ECE_POINT, "public key");
	must(EC_POINT_mul(least.group, least.shared, NULL, peer, least.scalar, least.bn), "ECDH");
	must(EC_POINT_get_affine_coordinates(least.group, least.shared, least.x, NULL, least.bn), "x");
	must(BN_bn2binpad(least.x, out + ECE_POINT, 32) == 32, "x");
}

static const struct variant {
	const char	*name;
	void		(*call)(const struct subscriber *to, uint8_t out[BODY]);
} variants[] = {
	{ "textbook", textbook_encrypt },
	{ "ours", our_encrypt },
	{ "floor", floor_multiply },
};
#define VARIANTS	(sizeof(variants) / sizeof(variants[0]))

static void
make_subscribers(void)
{
	for (size_t i = 0; i < SUBSCRIBERS; i++) {
		EVP_PKEY *key = EVP_EC_gen("P-256");
		size_t len;

		must(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, subscribers[i].point,
		    ECE_POINT, &len), "public key");
		must(RAND_bytes(subscribers[i].auth, ECE_AUTH), "auth");
		EVP_PKEY_free(key);
	}
}

static int64_t
thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ns per call, over at least slice_ns. */
static double
measure(const struct variant *v, int64_t slice_ns)
{
	uint8_t body[BODY];
	int64_t start = thread_ns(), now;
	int calls = 0;

	do {
		for (int i = 0; i < 50; i++)
			v->call(&subscribers[calls++ % SUBSCRIBERS], body);
		now = thread_ns();
	} while (now - start < slice_ns);
	return (double)(now - start) / calls;
}

static void
run(int rounds, int64_t slice_ns)
{
	make_subscribers();
	floor_open();
	for (int round = -1; round < rounds; round++) {
		double ns[VARIANTS];

		for (size_t i = 0; i < VARIANTS; i++)
			ns[i] = measure(&variants[i], slice_ns);
		for (size_t i = 0; i < VARIANTS && round >= 0; i++)
			printf("%s %.1f%c", variants[i].name, ns[i], i + 1 < VARIANTS ? ' ' : '\n');
		fflush(stdout);
	}
}

static void
from_hex(const char *text, uint8_t *out, size_t len)
{
	size_t n;

	must(strlen(text) == 2 * len && OPENSSL_hexstr2buf_ex(out, len, &n, text, '\0'), "hexadecimal");
}

static void
make(const struct variant *v, int count, const struct subscriber *to)
{
	uint8_t body[BODY];

	while (count-- > 0) {
		v->call(to, body);
		for (size_t i = 0; i < BODY; i++)
			printf("%02x", body[i]);
		putchar('\n');
	}
}

int
main(int argc, char **argv)
{
	struct err e;

	for (size_t i = 0; i < PLAIN; i++)
		plain[i] = (uint8_t)('a' + i % 26);
	ece = ece_new(&e);
	if (ece == NULL)
		errx(1, "%s", e.text);
	if (argc == 4 && strcmp(argv[1], "run") == 0) {
		run((int)strtol(argv[2], NULL, 10), strtol(argv[3], NULL, 10) * 1000000);
	} else if (argc == 6 && strcmp(argv[1], "make") == 0) {
		from_hex(argv[4], subscribers[0].point, ECE_POINT);
		from_hex(argv[5], subscribers[0].auth, ECE_AUTH);
		make(&variants[strcmp(argv[2], "ours") == 0], (int)strtol(argv[3], NULL, 10),
		    &subscribers[0]);
	} else {
		errx(64, "usage: crypto run ROUNDS SLICE_MS | crypto make ours|textbook COUNT POINT AUTH");
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
