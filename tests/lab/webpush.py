"""The receiving half of Web Push, by python3-cryptography alone: RFC 8291 decryption and RFC 8292
verification.  It shares nothing with mailbell's own code."""

import base64
import hashlib
import hmac
import json

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HEADER = 86             # salt, record size, length of the key, the key
BODY_MAX = 4096


class Refused(ValueError):
    """What a receiver has to refuse, and why."""


def b64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text):
    """base64url without padding, and nothing else."""
    if not text or set(text) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"):
        raise Refused("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def public_octets(key):
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def public_key(octets):
    if len(octets) != 65 or octets[0] != 4:
        raise Refused("not an uncompressed point of P-256")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets)


def _mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def content_keys(shared, auth, salt, receiver, sender):
    """Key and nonce of RFC 8291 section 3.4."""
    key_info = b"WebPush: info\0" + receiver + sender
    ikm = _mac(_mac(auth, shared), key_info + b"\x01")
    prk = _mac(salt, ikm)
    return (_mac(prk, b"Content-Encoding: aes128gcm\0\x01")[:16],
            _mac(prk, b"Content-Encoding: nonce\0\x01")[:12])


def decrypt(private, auth, body):
    """(plaintext, octets of padding) of a push message's body."""
    if not HEADER + 17 < len(body) <= BODY_MAX:
        raise Refused(f"a body of {len(body)} octets")
    salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    if length != 65 or len(body) - HEADER > size:
        raise Refused("not one record with an uncompressed point as its key id")
    sender = body[21:HEADER]
    shared = private.exchange(ec.ECDH(), public_key(sender))
    key, nonce = content_keys(shared, auth, salt, public_octets(private), sender)
    try:
        padded = AESGCM(key).decrypt(nonce, body[HEADER:], None)
    except InvalidTag as error:
        raise Refused("it does not decrypt") from error
    plaintext = padded.rstrip(b"\0")
    if plaintext[-1:] != b"\x02":
        raise Refused("no delimiter of a last record")
    return plaintext[:-1], len(padded) - len(plaintext)


def verify_vapid(authorization, origin, now):
    """The claims of an Authorization header and its key; Refused says what is wrong with it."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "vapid":
        raise Refused("the scheme is not vapid")
    given = dict(item.strip().split("=", 1) for item in rest.split(","))
    head, _, signature = given["t"].rpartition(".")
    octets = unb64(signature)
    if len(octets) != 64:
        raise Refused(f"a signature of {len(octets)} octets")
    r, s = (int.from_bytes(part, "big") for part in (octets[:32], octets[32:]))
    try:
        public_key(unb64(given["k"])).verify(
            utils.encode_dss_signature(r, s), head.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise Refused("the signature is wrong") from error
    header, claims = (json.loads(unb64(part)) for part in head.split("."))
    _check_claims(header, claims, origin, now)
    return claims, given["k"]


def _check_claims(header, claims, origin, now):
    if header.get("alg") != "ES256" or header.get("typ", "JWT") != "JWT":
        raise Refused(f"a header of {header}")
    if claims.get("aud") != origin:
        raise Refused(f"aud is {claims.get('aud')!r}, not {origin!r}")
    if not isinstance(claims.get("exp"), int) or not now < claims["exp"] <= now + 24 * 3600:
        raise Refused(f"exp is {claims.get('exp')!r}")
    if not str(claims.get("sub", "")).startswith(("mailto:", "https:")):
        raise Refused(f"sub is {claims.get('sub')!r}")
