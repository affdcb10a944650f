"""F15 and F16: clients that go in odd ways, and odd messages: as direct to Dovecot, octet for octet."""

import contextlib
import hashlib
import smtplib
import socket
import struct
from collections import Counter

from lab.relay import Relay, Wire
from lab.wait import until

from .row import row
from .traffic import HEAD

# F15.

STEPS = (b"LHLO me\r\n", b"MAIL FROM:<fred@example.org>\r\n", b"RCPT TO:<%s>\r\n", b"DATA\r\n",
         b"Subject: half\r\n\r\nhal", b"f\r\n.\r\n")
ENDS = ("half-closed", "RST", "QUIT")


@row("F15", "half-closed client, RST in every state, QUIT behind the dot")
def odd_ends(site, this):
    """As direct to Dovecot: the same replies, the same mail."""
    direct, ours = site.people(2, devices=0)
    ports = site.lab.dovecot.lmtp_port, site.lab.proxy_port
    for end in ENDS:
        for steps in range(len(STEPS) + 1):
            said = [leave(port, one.address, steps, end) for port, one in zip(ports, (direct, ours))]
            if end == "RST":
                continue        # who says what into a connection that is gone is chance
            this.check(said[0] == said[1], f"{end} after {steps} steps: {said[1]}, direct {said[0]}")
            this.tried += 1
    boxes = until(lambda: same(list(site.mailbox(one.address)) for one in (direct, ours)), 20,
                  "as many messages as direct")
    whole = {b"half" in copy.octets.rpartition(b"\n\n")[2] for box in boxes for copy in box}
    this.check(whole == {True}, "a message is there by half")
    this.note(f"{len(boxes[1])} messages, as many as direct")


def same(boxes):
    """Both mailboxes when they have as many messages, of those whose end of data was said: at RST a
    message may or may not be read before."""
    boxes = list(boxes)
    return boxes if min(map(len, boxes)) >= 2 and max(map(len, boxes)) <= 3 else None


def leave(port, to, steps, end):
    """A session of so many steps that ends in that way: the codes that were answered."""
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        stream = sock.makefile("rb")
        codes = [stream.readline()[:3]]
        for step in STEPS[:steps]:
            sock.sendall(step.replace(b"%s", to.encode()))
            if b"half" in step or step is STEPS[-1]:
                continue        # the answer to the dot is the ending's
            codes.append(reply(stream))
        if end == "RST":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return codes
        if end == "QUIT":
            sock.sendall(b"QUIT\r\n")
        sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            codes += [line[:3] for line in stream if line[3:4] != b"-"]
        return codes


def reply(stream):
    """The code of the next reply."""
    while (line := stream.readline())[3:4] == b"-":
        pass
    return line[:3]


# F16.

def odd_messages(id, to, most):
    """(name, message) of every kind that the table names; the longest has so many MB."""
    head = HEAD.format(to=to, subject="odd", id=id).encode()
    fields = head[:-2]
    yield "plain", head + b"x\r\n"
    yield "a line of 1 MB", head + 1000000 * b"x" + b"\r\n"
    yield "102,400 octets of one header", fields + b"X-Long: " + 102400 * b"y" + b"\r\n\r\nx\r\n"
    folded = 1600 * (b" " + 61 * b"y" + b"\r\n")
    yield "102,400 octets of one folded header", fields + b"X-Long:" + folded + b"\r\nx\r\n"
    yield "10,000 headers", fields + b"".join(b"X-%d: y\r\n" % n for n in range(10000)) + b"\r\nx\r\n"
    yield "NUL in the header", fields + b"X-Nul: a\0b\r\n\r\nx\r\n"
    yield "NUL in the body", head + b"a\0b\r\n\0\r\n"
    high = bytes(range(128, 256))
    yield "8 bit", fields + b"X-8bit: Gr\xfc\xdfe \xc3\xa4 \xff\xfe\r\n\r\n" + high + b"\r\n"
    yield "dots", head + b".\r\n..\r\n...\r\n.x\r\n"
    yield "no body", fields
    yield f"{most} MB", head + most * 13000 * (76 * b"0" + b"\r\n")


class Tee(Wire):
    """It keeps the digest of what the client sends, but for RSET, with which Postfix takes up a kept session:
    the proxy answers that itself."""

    def __init__(self, client):
        super().__init__(client)
        self.digest, self.count = hashlib.sha256(), 0

    def up(self, octets):
        if octets != b"RSET\r\n":
            self.digest.update(octets)
            self.count += len(octets)
        return octets


def random_message(id, to, dice):
    """Odd octets."""
    pieces = [b"\r\n", b"\r\n.", b"\r\n..", b"x", b".", b"\0", b"\xff", b"\xc3", 300 * b"long ", b" ", b"\t",
              b"\r\n\r\n", b": ", b"From ", b"=?utf-8?q?", b'"', b"\\"]
    text = b"".join(dice.choice(pieces) for _ in range(dice.randrange(200)))
    return HEAD.format(to=to, subject="random", id=id).encode() + text + b"\r\n"


@row("F16", "50 MB, a line of 1 MB, 10,000 headers, NUL, 8 bit", share=2)
def odd_octets(site, this):
    """Octet for octet between our two sides: a tee on each, behind a real Postfix and a client of our own."""
    person, = site.people(1, devices=0)
    with site.behind(Tee) as behind, \
            Relay(f"{site.lab.dir}/front", site.lab.proxy_socket, Tee) as before:
        site.lab.postfix.transport(f"lmtp:unix:{before.path}")
        try:
            for name, message in odd_messages("odd", person.address, 4 if this.short else 50):
                with smtplib.LMTP(before.path) as lmtp:
                    lmtp.ehlo("me")
                    lmtp.mail("fred@example.org")
                    lmtp.rcpt(person.address)
                    code, said = lmtp.data(message)
                this.check(code == 250, f"{name}: {code} {said}")
                site.lab.postfix.send(person.address, message)
                this.tried += 2
            for _ in this.turns(20 if this.short else 3000, atleast=10):
                site.lab.postfix.send(person.address, random_message("odd", person.address, this.random))
                this.tried += 1
            site.drain(120)
        finally:
            site.lab.postfix.transport(site.lab.transports["lmtp"])
        until(lambda: contents(before) == contents(behind), 20, "both sides have seen the same octets")
    this.note(f"{this.tried} messages, {sum(wire.count for wire in before.wires)} octets on both sides")


def contents(relay):
    """What clients sent by way of a relay: how often each sequence of octets."""
    return Counter(wire.digest.hexdigest() for wire in relay.wires)
