"""A device: the keys of one Web Push subscription, and what it reads in the pushes that come."""

import secrets
import uuid
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from . import imaplist, webpush

BUCKETS = (1024, 2641, 3993)        # octets of plaintext with its padding

# The receiver's keys of RFC 8291 appendix A: Device(push, **FIXED).
FIXED = {
    "private": ec.derive_private_key(
        int.from_bytes(webpush.unb64("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), "big"),
        ec.SECP256R1()),
    "auth": webpush.unb64("BTBZMqHH6r4Tts7J_aSIgg"),
}


@dataclass
class Push:
    """A push message as the device decrypted it."""
    text: bytes             # the plaintext
    size: int               # with its padding
    post: object            # the request that brought it

    @property
    def ttl(self):
        return int(self.post.headers["ttl"])

    @property
    def urgency(self):
        return self.post.headers.get("urgency", "normal")

    @property
    def topic(self):
        return self.post.headers.get("topic")

    @property
    def responses(self):
        """[("SELECT", mailbox), ("UIDFETCH", uid, envelope), ("SYNC",), ("ACKWEBPUSH", token)...]"""
        return [_response(line) for line in split_responses(self.text)]

    @property
    def mails(self):
        """[(mailbox, uid, envelope)] in the order of the push."""
        return [(box, *rest) for box, name, *rest in self._placed() if name == "UIDFETCH"]

    @property
    def syncs(self):
        """The mailbox of each SYNC; None: the whole account."""
        return [box for box, name, *_ in self._placed() if name == "SYNC"]

    @property
    def token(self):
        """The token of a verification push, or None."""
        found = [r[1] for r in self.responses if r[0] == "ACKWEBPUSH"]
        return found[0] if found else None

    def _placed(self):
        """Each response behind the mailbox that was selected for it."""
        mailbox = None
        for name, *rest in self.responses:
            if name == "SELECT":
                mailbox = rest[0]
            else:
                yield (mailbox, name, *rest)


class Device:
    def __init__(self, push, private=None, auth=None, id=None):
        self.push = push
        self.id = id or str(uuid.uuid4())
        self.private = private or ec.generate_private_key(ec.SECP256R1())
        self.auth = auth or secrets.token_bytes(16)
        self.endpoint = push.endpoint()
        self.vapid = None       # the key that GETVAPID or WEBPUSH named
        self.taken = 0          # pushes that next() has given away
        self.tokens = []        # of all verification pushes that were read

    @property
    def p256dh(self):
        return webpush.b64(webpush.public_octets(self.private))

    @property
    def secrets(self):
        """What no log may hold."""
        path = self.push.path(self.endpoint)
        return [path.rpartition("/")[2], self.p256dh, webpush.b64(self.auth), *self.tokens]

    # The client's half of the protocol.

    def webpush(self, imap):
        """WEBPUSH with this device's fields: the reply."""
        reply = imap.command(f"WEBPUSH {self.id} {self.endpoint} {self.p256dh} "
                             f"{webpush.b64(self.auth)}")
        for line in reply.lines("VAPID"):
            self.vapid = line.split()[2]
        return reply

    def subscribe(self, imap, timeout=15):
        """The whole life: WEBPUSH, the verification push, ACKWEBPUSH."""
        reply = self.webpush(imap)
        assert reply.ok, reply
        token = self.next(timeout).token
        assert token, "the first push is no verification"
        reply = imap.command(f"ACKWEBPUSH {token}")
        assert reply.ok, reply
        return self

    def third(self, imap):
        """The third field as LWEBPUSH lists it; None: not listed."""
        reply = imap.command(f"LWEBPUSH {self.id}")
        assert reply.ok, reply
        found = reply.lines("WEBPUSH")
        return found[0].split()[-1] if found else None

    # What comes.

    def next(self, timeout=15):
        """The next push, decrypted and checked."""
        post = self.push.wait(self.endpoint, self.taken + 1, timeout)[self.taken]
        self.taken += 1
        return self.open(post)

    def new(self):
        """All pushes that have come since, without waiting."""
        found = [self.open(post) for post in self.push.of(self.endpoint)[self.taken:]]
        self.taken += len(found)
        return found

    def until_mails(self, count, timeout=30):
        """Pushes until they tell of that many messages: all of them."""
        pushes = []
        while sum(len(push.mails) for push in pushes) < count:
            pushes.append(self.next(timeout))
        return pushes

    def open(self, post):
        """Decrypts a request's body, and checks all that holds for every push."""
        assert not post.fault, post.fault
        assert post.headers.get("content-type") == "application/octet-stream", post.headers
        assert self.vapid in (None, post.key), "signed by another key than GETVAPID named"
        text, padding = webpush.decrypt(self.private, self.auth, post.body)
        push = Push(text, len(text) + padding, post)
        assert push.size in BUCKETS, f"{push.size} octets with padding"
        assert len(text) > ([0, *BUCKETS][BUCKETS.index(push.size)]), "the bucket is too big"
        assert push.topic is None or not push.mails, "a Topic on a push with an ENVELOPE"
        if push.token:
            self.tokens.append(push.token)
        return push


def split_responses(text):
    """The responses of a plaintext, each with its "* " and without its CRLF; literals stay whole."""
    out, start, at = [], 0, 0
    while at < len(text):
        end = text.find(b"\r\n", at)
        assert end >= 0, f"a line without CRLF: {text[start:]!r}"
        line, at = text[start:end], end + 2
        size = _literal_size(line)
        if size is not None:
            at += size
            continue
        assert line.startswith(b"* "), f"no untagged response: {line!r}"
        out.append(line)
        start = at
    return out


def _literal_size(line):
    """n where a line ends in "{n}": a literal follows."""
    if not line.endswith(b"}"):
        return None
    digits = line[line.rfind(b"{") + 1:-1]
    return int(digits) if digits.isdigit() else None


def _response(line):
    """One response as a tuple, its name first."""
    words = imaplist.values(line[2:])
    if len(words) == 3 and words[1] == "UIDFETCH":
        name, envelope = words[2]
        assert name == "ENVELOPE", line
        return ("UIDFETCH", words[0], imaplist.check_envelope(envelope))
    if len(words) == 2 and words[0] == "SELECT":
        name = words[1] if isinstance(words[1], str) else words[1].decode("ascii")
        return ("SELECT", imaplist.utf7_decode(name))
    assert words[0] in ("SYNC", "ACKWEBPUSH", "VAPID"), line
    assert len(words) == (1 if words[0] == "SYNC" else 2), line
    return tuple(str(word) for word in words)
