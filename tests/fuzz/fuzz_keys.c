/*
 * Any octets as a subscriber's point and as a key file.
 *	- A point is taken where it is on the curve by plain arithmetic, and encrypted to where it is.
 *	- A key that is taken is written and read again as the same key, and signs what it verifies.
 * The first octet says which; where it is odd, an x is given and the y is found, so that points on
 * the curve come up.
 */
#include <openssl/bn.h>

#include "daemon/ece.h"
#include "daemon/vapidkey.h"
#include "lib/base64url.h"
#include "tests/fuzz/fuzz.h"

static const char prime[] = "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF";
static const char b_of_curve[] = "5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B";

struct curve {
	BN_CTX	*ctx;
	BIGNUM	*p, *b, *x, *y, *right;
};

static const struct curve *
curve(void)
{
	static struct curve c;

	if (c.ctx == NULL) {
		c.ctx = BN_CTX_new();
		must(BN_hex2bn(&c.p, prime) > 0 && BN_hex2bn(&c.b, b_of_curve) > 0);
		c.x = BN_new();
		c.y = BN_new();
		c.right = BN_new();
		must(c.ctx != NULL && c.x != NULL && c.y != NULL && c.right != NULL);
	}
	return &c;
}

/* x^3 - 3x + b mod p, into c->right. */
static void
right_side(const struct curve *c)
{
	must(BN_mod_sqr(c->right, c->x, c->p, c->ctx) == 1 && BN_sub_word(c->right, 3) == 1 &&
	    BN_mod_mul(c->right, c->right, c->x, c->p, c->ctx) == 1 &&
	    BN_mod_add(c->right, c->right, c->b, c->p, c->ctx) == 1);
}

static bool
on_curve(const uint8_t point[ECE_POINT])
{
	const struct curve *c = curve();

	BN_bin2bn(point + 1, 32, c->x);
	BN_bin2bn(point + 33, 32, c->y);
	if (point[0] != 4 || BN_cmp(c->x, c->p) >= 0 || BN_cmp(c->y, c->p) >= 0)
		return false;
	right_side(c);
	must(BN_mod_sqr(c->y, c->y, c->p, c->ctx) == 1);
	return BN_cmp(c->y, c->right) == 0;
}

/* Puts the y to the point's x, where there is one. */
static void
find_y(uint8_t point[ECE_POINT])
{
	const struct curve *c = curve();

	BN_bin2bn(point + 1, 32, c->x);
	if (BN_cmp(c->x, c->p) >= 0)
		return;
	right_side(c);
	if (BN_kronecker(c->right, c->p, c->ctx) != 1)
		return;
	must(BN_mod_sqrt(c->y, c->right, c->p, c->ctx) != NULL);
	point[0] = 4;
	must(BN_bn2binpad(c->y, point + 33, 32) == 32);
}

static void
check_point(struct input *in, bool complete)
{
	static struct ece *e;
	uint8_t point[ECE_POINT] = { 0 }, auth[ECE_AUTH] = { 1 }, out[1 + ECE_OVERHEAD];
	struct slice given = input_octets(in, ECE_POINT);
	struct err err;

	if (e == NULL)
		e = ece_new(&err);
	must(e != NULL);
	memcpy(point, given.p, given.len);
	if (complete)
		find_y(point);
	must(ece_check_point(e, point) == on_curve(point));
	if (on_curve(point))
		must(ece_encrypt(e, point, auth, (const uint8_t *)"", 0, 1, out, &err) == 0);
}

static void
check_key(struct slice pem)
{
	uint8_t signature[VAPIDKEY_SIGNATURE];
	struct err err = { "" };
	struct vapidkey *k = vapidkey_parse(pem, &err), *again;
	struct buf out;

	if (k == NULL) {
		must(err.text[0] != '\0');
		return;
	}
	buf_init(&out, 4096);
	must(strlen(vapidkey_public(k)) == VAPID_KEY_LEN && strlen(vapidkey_id(k)) == VAPID_ID_LEN);
	must(vapidkey_pem(k, &out, &err) == 0);
	again = vapidkey_parse(buf_all(&out), &err);
	must(again != NULL && strcmp(vapidkey_public(k), vapidkey_public(again)) == 0);
	must(strcmp(vapidkey_id(k), vapidkey_id(again)) == 0);
	must(vapidkey_sign(k, pem, signature, &err) == 0);
	must(vapidkey_verify(vapidkey_public(k), pem, signature) == 1);
	signature[40] ^= 1;
	must(vapidkey_verify(vapidkey_public(k), pem, signature) == 0);
	vapidkey_free(again);
	vapidkey_free(k);
	buf_wipe(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t what = input_octet(&in);

	if (what == '-')
		check_key((struct slice){ (const char *)data, size });
	else
		check_point(&in, what % 2 == 1);
	return 0;
}
