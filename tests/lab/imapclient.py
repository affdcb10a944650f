"""A small IMAP client over a bare socket: it shows what the server sent, octet for octet."""

import re
import socket
import ssl
from dataclasses import dataclass, field

from . import imaplist


@dataclass
class Literal:
    """An argument to be sent as a literal; plus: without waiting for the server's "+"."""
    octets: bytes
    plus: bool = False


@dataclass
class Reply:
    """A tagged reply with the untagged responses that came before it (no CRLF)."""
    status: str
    code: str
    text: str
    untagged: list = field(default_factory=list)

    @property
    def ok(self):
        return self.status == "OK"

    def lines(self, name):
        """The untagged responses of that name as text: ["* WEBPUSH id ...", ...]."""
        prefix = f"* {name} ".encode()
        return [line.decode() for line in self.untagged if line.startswith(prefix)]


class Closed(EOFError):
    """The server closed the connection; bye has its last line."""


class ImapClient:
    def __init__(self, port, user=None, password="secret", tls=None, timeout=20, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.stream = self.socket.makefile("rb")
        self.serial = 0
        self.untagged = []
        self.finished = {}
        self.transcript = []  # ("C" or "S", octets) of every line, for those who show it
        self.greeting = self.read_line()
        if user is not None:
            reply = self.command(f"LOGIN {user} {password}")
            assert reply.ok, reply

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()

    # Sending.

    def start(self, *parts):
        """Sends a command without waiting for its reply: the tag."""
        self.serial += 1
        tag = f"a{self.serial}"
        pending = tag.encode() + b" "
        for part in parts:
            if not isinstance(part, Literal):
                pending += part.encode() if isinstance(part, str) else part
                continue
            pending += b"{%d%s}\r\n" % (len(part.octets), b"+" if part.plus else b"")
            if not part.plus:
                self.send(pending)
                pending = b""
                self.wait_plus(tag)
            pending += part.octets
        self.send(pending + b"\r\n")
        return tag

    def send(self, octets):
        self.transcript.append(("C", octets))
        self.socket.sendall(octets)

    def wait_plus(self, tag):
        while True:
            line = self.read_line()
            if line.startswith(b"+"):
                return
            self.take(line)
            assert tag not in self.finished, f"no literal wanted: {line!r}"

    # Receiving.

    def read_line(self):
        """One response with its literals, without the last CRLF."""
        out = b""
        while True:
            line = self.stream.readline()
            if not line.endswith(b"\r\n"):
                raise Closed(self.untagged[-1] if self.untagged else out + line)
            out += line
            literal = re.search(rb"\{(\d+)\}\r\n$", line)
            if not literal:
                self.transcript.append(("S", out))
                return out[:-2]
            out += self.stream.read(int(literal[1]))

    def take(self, line):
        """Files a response away: untagged, or as the reply to its tag."""
        if line.startswith(b"* "):
            self.untagged.append(line)
            return
        match = re.match(r"(\S+) (OK|NO|BAD)(?: \[([^\]]*)\])? ?(.*)", line.decode(), re.S)
        assert match, f"not a response: {line!r}"
        self.finished[match[1]] = Reply(match[2], match[3] or "", match[4], self.untagged)
        self.untagged = []

    def finish(self, tag):
        """Reads up to the reply to tag; replies to others are kept for their finish."""
        while tag not in self.finished:
            self.take(self.read_line())
        return self.finished.pop(tag)

    def command(self, *parts):
        return self.finish(self.start(*parts))

    # What tests often do.

    def capabilities(self):
        return self.command("CAPABILITY").lines("CAPABILITY")[0].split()[2:]

    def select(self, mailbox="INBOX"):
        reply = self.command("SELECT " + imaplist.quote(imaplist.utf7_encode(mailbox)))
        assert reply.ok, reply
        return reply

    def uids(self, mailbox="INBOX"):
        """The UIDs of a mailbox; none where it does not exist."""
        name = imaplist.quote(imaplist.utf7_encode(mailbox))
        if not self.command("SELECT " + name).ok:
            return []
        found = self.command("UID SEARCH ALL").untagged
        return [int(uid) for line in found if line.startswith(b"* SEARCH")
                for uid in line.split()[2:]]

    def fetch_envelope(self, uid, mailbox=None):
        """FETCH ENVELOPE of one UID: its octets as sent, from "(" to ")"."""
        if mailbox is not None:
            self.select(mailbox)
        reply = self.command(f"UID FETCH {uid} (ENVELOPE)")
        assert reply.ok, reply
        for line in reply.untagged:
            match = re.match(rb"\* \d+ FETCH \((UID %d )?ENVELOPE (\(.*\))( UID %d)?\)$"
                             % (uid, uid), line, re.S)
            if match:
                return match[2]
        raise AssertionError(f"no ENVELOPE of UID {uid}: {reply}")

    def envelope(self, uid, mailbox=None):
        """FETCH ENVELOPE of one UID, parsed."""
        return imaplist.envelope(self.fetch_envelope(uid, mailbox))

    def logout(self):
        self.command("LOGOUT")
        self.drop()

    def drop(self):
        """Closes the connection without a word."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.stream.close()
        self.socket.close()


def trusting_nobody():
    """A TLS context for servers whose certificate is not the point of the test."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
