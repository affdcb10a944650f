/*
 * ece: message encryption for Web Push (RFC 8291, on RFC 8188's aes128gcm).
 */
#ifndef DAEMON_ECE_H
#define DAEMON_ECE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define ECE_POINT	65	/* an uncompressed P-256 point */
#define ECE_AUTH	16
#define ECE_SALT	16
#define ECE_OVERHEAD	(16 + 4 + 1 + ECE_POINT + 1 + 16)	/* header, delimiter, tag: 103 */
#define ECE_BODY_MAX	4096

struct ece;	/* what is fetched and allocated once; for one thread */

struct ece	*ece_new(struct err *err);
void		 ece_free(struct ece *e);

/* Whether the octets are a point on P-256, not infinity: to be asked once, at subscription. */
int	ece_check_point(struct ece *e, const uint8_t point[ECE_POINT]);	/* 1 or 0 */

/*
 * Encrypts plain (len octets, padded with zeros to padded octets, len <= padded) for a subscriber,
 * with a fresh key pair and salt, into out, which has room for padded + ECE_OVERHEAD octets.
 * The subscriber's point must have passed ece_check_point.
 */
int	ece_encrypt(struct ece *e, const uint8_t point[ECE_POINT], const uint8_t auth[ECE_AUTH],
	    const uint8_t *plain, size_t len, size_t padded, uint8_t *out, struct err *err);

/* The same with a given private key and salt: for the RFC's vectors, nothing else. */
int	ece_encrypt_with(struct ece *e, const uint8_t private_key[32], const uint8_t salt[ECE_SALT],
	    const uint8_t point[ECE_POINT], const uint8_t auth[ECE_AUTH],
	    const uint8_t *plain, size_t len, size_t padded, uint8_t *out, struct err *err);

/*
 * RFC 8188 with a given input keying material, no key id, one record: for the RFC's vector, and the
 * inner step of the above.  out has room for len + 1 + 21 + 16 octets.
 */
int	ece_aes128gcm(struct ece *e, const uint8_t *ikm, size_t ikm_len, const uint8_t salt[ECE_SALT],
	    const uint8_t *keyid, size_t keyid_len, const uint8_t *plain, size_t len, size_t padded,
	    uint8_t *out, struct err *err);

#endif
