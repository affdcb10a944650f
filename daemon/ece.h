/*
 * ece: message encryption for Web Push (RFC 8291, on RFC 8188's aes128gcm).
 */
#ifndef DAEMON_ECE_H
#define DAEMON_ECE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/slice.h"

#define ECE_POINT	65	/* an uncompressed P-256 point */
#define ECE_AUTH	16
#define ECE_SALT	16
#define ECE_HEADER	(ECE_SALT + 4 + 1)	/* of RFC 8188, without the key id */
#define ECE_OVERHEAD	(ECE_HEADER + ECE_POINT + 1 + 16)	/* key id, delimiter, tag: 103 */
#define ECE_BODY_MAX	4096
#define ECE_PLAIN_MAX	(ECE_BODY_MAX - ECE_OVERHEAD)	/* 3993 */

struct ece;	/* what is fetched and allocated once; for one thread */

struct ece	*ece_new(struct err *err);
void		 ece_free(struct ece *e);

/* Whether the octets are a point on P-256, not infinity: to be asked once, at subscription. */
int	ece_check_point(struct ece *e, const uint8_t point[ECE_POINT]);	/* 1 or 0 */

/*
 * Encrypts plain (len octets, padded with zeros to padded octets, len <= padded <= ECE_PLAIN_MAX)
 * for a subscriber, with a fresh key pair and salt, into out, which has room for padded +
 * ECE_OVERHEAD octets and does not overlap plain.  All of them are written.
 * The subscriber's point must have passed ece_check_point.  After an error out is not to be used.
 */
int	ece_encrypt(struct ece *e, const uint8_t point[ECE_POINT], const uint8_t auth[ECE_AUTH],
	    const uint8_t *plain, size_t len, size_t padded, uint8_t *out, struct err *err);

/*
 * The steps of the above, with what is fresh given by the caller: for the RFCs' vectors.
 */
struct ece_fresh {
	uint8_t	private_key[32];
	uint8_t	salt[ECE_SALT];
};

/* RFC 8291 section 3.4, in the order of derivation. */
struct ece_secrets {
	uint8_t	ecdh[32];
	uint8_t	prk_key[32];
	uint8_t	ikm[32];
};

/* RFC 8188 sections 2.2 and 2.3. */
struct ece_keys {
	uint8_t	prk[32];
	uint8_t	cek[16];
	uint8_t	nonce[12];
};

/*
 * The secrets shared with the owner of point, and our own public key.  -1 where private_key is 0
 * or not below the group's order, or the point is none.
 */
int	ece_derive(struct ece *e, const uint8_t private_key[32], const uint8_t point[ECE_POINT],
	    const uint8_t auth[ECE_AUTH], struct ece_secrets *secrets, uint8_t public_key[ECE_POINT],
	    struct err *err);
int	ece_content_keys(struct ece *e, struct slice ikm, const uint8_t salt[ECE_SALT],
	    struct ece_keys *keys, struct err *err);

/* One RFC 8188 message of a single record. */
struct ece_record {
	struct slice	 ikm;
	const uint8_t	*salt;		/* ECE_SALT octets */
	struct slice	 keyid;		/* at most 255 octets */
	const uint8_t	*plain;
	size_t		 len, padded;
};

/* out has room for ECE_HEADER + keyid.len + padded + 17 octets; *out_len is how many were written. */
int	ece_seal(struct ece *e, const struct ece_record *record, uint8_t *out, size_t *out_len,
	    struct err *err);

#endif
