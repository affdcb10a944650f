/*
 * Tokens are hashed in their lower-case form: a client may change the case of a UUID on its way.
 * SHA-256 without salt is enough for 122 random bits; nobody can try them all.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "daemon/token.h"
#include "lib/base64url.h"

void
token_random(void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

static bool
is_dash(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

void
token_make(char out[TOKEN_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t random[16];
	size_t nibble = 0;

	token_random(random, sizeof(random));
	random[6] = (random[6] & 0x0f) | 0x40;	/* version 4 */
	random[8] = (random[8] & 0x3f) | 0x80;	/* variant of RFC 9562 */
	for (size_t i = 0; i < TOKEN_LEN; i++) {
		if (is_dash(i)) {
			out[i] = '-';
			continue;
		}
		out[i] = digits[random[nibble / 2] >> (nibble % 2 == 0 ? 4 : 0) & 0x0f];
		nibble++;
	}
	out[TOKEN_LEN] = '\0';
	explicit_bzero(random, sizeof(random));
}

/* The UUID's character in lower case, or 0 where it cannot stand at i. */
static char
uuid_char(char c, size_t i)
{
	if (is_dash(i))
		return c == '-' ? c : 0;
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
		return c;
	if (c >= 'A' && c <= 'F')
		return (char)(c - 'A' + 'a');
	return 0;
}

int
token_hash(struct slice text, uint8_t hash[TOKEN_HASH])
{
	char lower[TOKEN_LEN];

	if (text.len != TOKEN_LEN)
		return -1;
	for (size_t i = 0; i < TOKEN_LEN; i++) {
		lower[i] = uuid_char(text.p[i], i);
		if (lower[i] == 0)
			return -1;
	}
	if (EVP_Digest(lower, sizeof(lower), hash, NULL, EVP_sha256(), NULL) != 1)
		abort();
	explicit_bzero(lower, sizeof(lower));
	return 0;
}

int
token_equal(const uint8_t a[TOKEN_HASH], const uint8_t b[TOKEN_HASH])
{
	return CRYPTO_memcmp(a, b, TOKEN_HASH) == 0;
}

void
token_topic(char out[TOKEN_TOPIC + 1])
{
	uint8_t random[TOKEN_TOPIC / 4 * 3];

	token_random(random, sizeof(random));
	base64url_encode(out, random, sizeof(random));
}
