/*
 * Three octets are four characters; one or two that are left over are two or three.  The left-over
 * bits of the last character have to be zero, so that each octet string has one spelling (but for
 * padding and the choice of alphabet) and two different texts are never the same key.
 */
#include "lib/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
base64url_encode(char *out, const uint8_t *p, size_t len)
{
	uint32_t bits = 0;
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | p[i];
		for (n += 8; n >= 6; n -= 6)
			*out++ = alphabet[bits >> (n - 6) & 0x3f];
	}
	if (n > 0)
		*out++ = alphabet[bits << (6 - n) & 0x3f];
	*out = '\0';
}

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-' || c == '+')
		return 62;
	if (c == '_' || c == '/')
		return 63;
	return -1;
}

/* Takes padding off.  0, or -1 where it does not fill the last group of four, no more and no less. */
static int
unpad(struct slice *text)
{
	size_t len = text->len;

	while (len > 0 && text->len - len < 2 && text->p[len - 1] == '=')
		len--;
	if (len != text->len && text->len % 4 != 0)
		return -1;
	text->len = len;
	return 0;
}

int
base64url_decode(struct slice text, uint8_t *out, size_t max)
{
	uint32_t bits = 0;
	unsigned n = 0;
	size_t len = 0;

	if (unpad(&text) == -1 || text.len % 4 == 1)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		int value = value_of(text.p[i]);

		if (value == -1)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		n += 6;
		if (n < 8)
			continue;
		n -= 8;
		if (len == max || len == INT32_MAX)
			return -1;
		out[len++] = (uint8_t)(bits >> n);
	}
	return (bits & ((1u << n) - 1)) == 0 ? (int)len : -1;
}
