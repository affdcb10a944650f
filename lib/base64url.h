/*
 * base64url: RFC 4648 section 5, without padding.
 */
#ifndef LIB_BASE64URL_H
#define LIB_BASE64URL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/slice.h"

/* Octets of text for n octets, without the NUL. */
#define BASE64URL_LEN(n)	(((n) * 4 + 2) / 3)

/* Writes BASE64URL_LEN(len) characters and a NUL to out. */
void	base64url_encode(char *out, const uint8_t *p, size_t len);
/*
 * Reads text into out, which has room for max octets.  Padding with '=' and the standard alphabet
 * ('+', '/') are taken too; white space, other characters, a length that cannot be and non-zero
 * left-over bits are not.  Returns the number of octets, or -1.
 */
int	base64url_decode(struct slice text, uint8_t *out, size_t max);

#endif
