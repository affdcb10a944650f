"""The laboratory against itself: a device, a push service and a parser that accept what is wrong
would prove nothing."""

import http.client
import json
import os
import socket
import ssl
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived

from lab import imaplist, webpush
from lab.authority import Authority
from lab.device import FIXED, Device
from lab.httpserver import Answer
from lab.pushd import PushService

VECTOR_BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
    "lcy4a-fN")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(str(tmp_path_factory.mktemp("ca")))


@pytest.fixture(params=["http/1.1", "h2"])
def service(request, authority):
    push = PushService(authority, versions=[request.param]).start()
    push.version = request.param
    yield push
    push.stop()


def encrypt(point, auth, text, size=1024, delimiter=b"\x02"):
    """RFC 8291 by another road than webpush.decrypt: cryptography's HKDF, both halves."""
    sender = ec.generate_private_key(ec.SECP256R1())
    public = webpush.public_octets(sender)
    shared = sender.exchange(ec.ECDH(), webpush.public_key(point))
    ikm = HKDF(hashes.SHA256(), 32, auth, b"WebPush: info\0" + point + public).derive(shared)
    salt = os.urandom(16)
    key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(ikm)
    nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(ikm)
    padded = text + delimiter + bytes(size - len(text))
    return (salt + (4096).to_bytes(4, "big") + b"\x41" + public
            + AESGCM(key).encrypt(nonce, padded, None))


def authorization(key, audience, **change):
    claims = {"aud": audience, "exp": int(time.time()) + 12 * 3600,
              "sub": "mailto:postmaster@example.org", **change}
    head = ".".join(webpush.b64(json.dumps(part).encode())
                    for part in ({"typ": "JWT", "alg": "ES256"}, claims))
    r, s = utils.decode_dss_signature(key.sign(head.encode(), ec.ECDSA(hashes.SHA256())))
    signature = webpush.b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"vapid t={head}.{signature}, k={webpush.b64(webpush.public_octets(key))}"


def headers_for(service, key, **more):
    return {"ttl": "60", "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "authorization": authorization(key, service.origin), **more}


def post(service, endpoint, headers, body):
    """One request over the service's HTTP version: its status."""
    context = ssl.create_default_context(cafile=service.ca)
    context.set_alpn_protocols([service.version])
    if service.version == "http/1.1":
        client = http.client.HTTPSConnection("127.0.0.1", service.port, context=context, timeout=10)
        client.request("POST", service.path(endpoint), body, headers)
        status = client.getresponse().status
        client.close()
        return status
    return post_h2(service, context, endpoint, headers, body)


def post_h2(service, context, endpoint, headers, body):

    plain = socket.create_connection(("127.0.0.1", service.port), 10)
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        h2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        h2.initiate_connection()
        h2.send_headers(1, [(":method", "POST"), (":scheme", "https"),
                            (":authority", service.origin.removeprefix("https://")),
                            (":path", service.path(endpoint)), *headers.items()])
        h2.send_data(1, body, end_stream=True)
        tls.sendall(h2.data_to_send())
        while data := tls.recv(65536):
            for event in h2.receive_data(data):
                if isinstance(event, ResponseReceived):
                    tls.sendall(b"\0\0\4\3\0\0\0\0\1\0\0\0\0")     # RST_STREAM, after the end
                    return int(dict(event.headers)[":status"])
            tls.sendall(h2.data_to_send())
    raise AssertionError("no response")


@pytest.fixture
def sender(service, authority):
    service.ca = authority.path
    return ec.generate_private_key(ec.SECP256R1())


def test_device_reads_the_rfc_vector(authority):
    """The fixed device decrypts the body of RFC 8291 section 5."""
    device = Device(PushService(authority), **FIXED)
    text, padding = webpush.decrypt(device.private, device.auth, webpush.unb64(VECTOR_BODY))
    assert (text, padding) == (b"When I grow up, I want to be a watermelon", 0)
    assert device.p256dh.startswith("BCVxsr7N_eNgVRqv")


@pytest.mark.parametrize("change", ["flip", "delimiter", "length", "point"])
def test_device_refuses(authority, change):
    """A body that is not exactly what RFC 8291 asks for does not pass."""
    device = Device(PushService(authority))
    point = webpush.unb64(device.p256dh)
    body = bytearray(encrypt(point, device.auth, b"* SYNC\r\n",
                             delimiter=b"\x01" if change == "delimiter" else b"\x02"))
    if change == "flip":
        body[-1] ^= 1
    elif change == "length":
        body[20] = 64
    elif change == "point":
        body[30] ^= 1
    with pytest.raises(ValueError):
        webpush.decrypt(device.private, device.auth, bytes(body))


def test_push_reaches_the_device(service, sender):
    """A good push over both HTTP versions: 201, decrypted, its lines parsed."""
    device = Device(service)
    text = b'* SELECT "&AOk-t"\r\n* 7 UIDFETCH (ENVELOPE (NIL {3}\r\n\xc3\xa9\n ' \
           b'((NIL NIL "a" "b")) NIL NIL NIL NIL NIL "" "<x\\"y>"))\r\n* SYNC\r\n'
    body = encrypt(webpush.unb64(device.p256dh), device.auth, text)
    status = post(service, device.endpoint, headers_for(service, sender, urgency="high"), body)
    assert status == 201
    push = device.next()
    assert push.mails == [("ét", 7, [None, b"\xc3\xa9\n", [[None, None, b"a", b"b"]], None, None,
                                     None, None, None, b"", b'<x"y>'])]
    assert (push.syncs, push.urgency, push.ttl) == (["ét"], "high", 60)
    assert push.post.claims["sub"] == "mailto:postmaster@example.org"
    if service.version == "h2":
        service.wait_for(lambda: service.resets == 1, 5, "the RST_STREAM was counted")


@pytest.mark.parametrize("change, status", [
    ({"ttl": "soon"}, 400), ({"topic": "x" * 33}, 400), ({"content-encoding": "aesgcm"}, 400),
    ({"urgency": "urgent"}, 400), ({"authorization": "WebPush abc"}, 403)])
def test_service_is_strict(service, sender, change, status):
    """What a real service may refuse, this one does."""
    device = Device(service)
    body = encrypt(webpush.unb64(device.p256dh), device.auth, b"* SYNC\r\n")
    assert post(service, device.endpoint, headers_for(service, sender, **change), body) == status
    with pytest.raises(AssertionError):
        device.next()


@pytest.mark.parametrize("change", [
    {"aud": "https://elsewhere.example"}, {"exp": 1}, {"exp": int(time.time()) + 90000},
    {"sub": "postmaster"}])
def test_service_checks_the_claims(service, sender, change):
    """aud, exp and sub are verified, not only the signature."""
    wrong = headers_for(service, sender,
                        authorization=authorization(sender, service.origin, **change))
    assert post(service, service.endpoint(), wrong, b"x" * 200) == 403


def test_service_checks_the_signature(service, sender):
    """A token signed by another key than k says is refused."""
    good = authorization(sender, service.origin)
    other = webpush.b64(webpush.public_octets(ec.generate_private_key(ec.SECP256R1())))
    wrong = headers_for(service, sender, authorization=good[:good.index("k=") + 2] + other)
    assert post(service, service.endpoint(), wrong, b"x" * 200) == 403


def test_scripted_answers(service, sender):
    """Scripted answers come in their order, then the usual one."""
    endpoint = service.endpoint()
    service.script(endpoint, Answer(503, {"Retry-After": "7"}), Answer(410))
    got = [post(service, endpoint, headers_for(service, sender), b"x" * 200) for _ in range(3)]
    assert got == [503, 410, 201]
    assert [p.status for p in service.wait(endpoint, 3)] == got


@pytest.mark.parametrize("text, value", [
    (b'"a\\"b\\\\" NIL 12 \\Seen', [b'a"b\\', None, 12, "\\Seen"]),
    (b'(("x" NIL)("y" ())) BODY[TEXT] {2}\r\n\r\n', [[[b"x", None], [b"y", []]], "BODY[TEXT]",
                                                    b"\r\n"]),
])
def test_values(text, value):
    """IMAP values become Python values."""
    assert imaplist.values(text) == value


@pytest.mark.parametrize("text", [b'"a', b"(a", b"a)", b'"a"b', b"a  b", b"( a)", b"{9}\r\nx",
                                  b'"a\\b"', b"a ", b'"\r\n"'])
def test_values_are_strict(text):
    """What the grammar does not allow is refused."""
    with pytest.raises(imaplist.Malformed):
        imaplist.values(text)


@pytest.mark.parametrize("text", [b"()", b"(NIL)", b"(NIL NIL (x) NIL NIL NIL NIL NIL NIL NIL)",
                                  b"(NIL NIL () NIL NIL NIL NIL NIL NIL NIL)",
                                  b"(NIL atom NIL NIL NIL NIL NIL NIL NIL NIL)",
                                  b"(NIL NIL ((NIL NIL NIL)) NIL NIL NIL NIL NIL NIL NIL)"])
def test_envelope_form(text):
    """A list that is no ENVELOPE does not pass for one."""
    with pytest.raises(imaplist.Malformed):
        imaplist.envelope(text)


@pytest.mark.parametrize("name, coded", [("INBOX", "INBOX"), ("Entwürfe & Mehr", "Entw&APw-rfe &- Mehr"),
                                         ("日本語", "&ZeVnLIqe-")])
def test_utf7(name, coded):
    """Mailbox names in modified UTF-7, both ways."""
    assert (imaplist.utf7_encode(name), imaplist.utf7_decode(coded)) == (coded, name)
