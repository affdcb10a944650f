/*
 * vapidkey: one P-256 key pair that signs VAPID tokens (RFC 8292): its PEM text, its names, ES256.
 */
#ifndef DAEMON_VAPIDKEY_H
#define DAEMON_VAPIDKEY_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/vapid.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/slice.h"

#define VAPIDKEY_SIGNATURE	64	/* octets: r, s */

struct vapidkey;

struct vapidkey	*vapidkey_generate(struct err *err);
/*
 * Reads what OpenSSL writes: SEC1 ("EC PRIVATE KEY", with or without "EC PARAMETERS" before it) and
 * PKCS#8 ("PRIVATE KEY").  Other curves, explicit parameters, encrypted and public keys, and pairs
 * that do not belong together are refused; err says what to do.
 */
struct vapidkey	*vapidkey_parse(struct slice pem, struct err *err);
void		 vapidkey_free(struct vapidkey *k);

const char	*vapidkey_id(const struct vapidkey *k);
const char	*vapidkey_public(const struct vapidkey *k);
/* Appends the private key as PKCS#8 in PEM: the caller wipes out. */
int		 vapidkey_pem(const struct vapidkey *k, struct buf *out, struct err *err);

/* ES256 (RFC 7518 section 3.4). */
int	vapidkey_sign(const struct vapidkey *k, struct slice text,
	    uint8_t signature[VAPIDKEY_SIGNATURE], struct err *err);
/* 1, or 0; public_key is base64url of an uncompressed point. */
int	vapidkey_verify(const char *public_key, struct slice text,
	    const uint8_t signature[VAPIDKEY_SIGNATURE]);

#endif
