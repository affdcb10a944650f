"""An LMTP server whose every answer a test writes, where Dovecot would not give that answer.

    with LmtpServer(path, rcpt=lambda address: "550 5.1.1 no", dot=lambda address, n: ...) as server:
        ...
        server.messages
"""

import contextlib
import itertools
import os
import re
import socket
import threading
from dataclasses import dataclass

STRICT = re.compile(rb"(?:\A|\r\n)\.\r\n")
# As Dovecot 2.3: a bare LF is a line end, too.
LOOSE = re.compile(rb"(?:\A|\r?\n)\.\r?\n")
_serial = itertools.count(1)    # over all servers: mailbelld remembers the tokens it has seen


@dataclass
class Message:
    """What one DATA brought, as it came."""
    octets: bytes
    recipients: list        # that were accepted
    sender: str


class LmtpServer:
    def __init__(self, path, rcpt=None, dot=None, end=STRICT):
        """rcpt(address), dot(address, message): the answer as text, lines apart by CRLF."""
        self.path, self.end = path, end
        self.rcpt = rcpt or (lambda address: "250 2.1.5 OK")
        self.dot = dot or (lambda address, message: f"250 2.0.0 <{address}> {self.token()} Saved")
        self.messages = []
        self.lock = threading.Lock()

    @staticmethod
    def token():
        """A delivery token of its own."""
        return f"scripted{next(_serial)}"

    def __enter__(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self.listener.listen(1000)
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_):
        # A blocked accept does not notice close.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.unlink(self.path)

    def _listen(self):
        while True:
            try:
                sock = self.listener.accept()[0]
            except OSError:
                return
            sock.settimeout(600)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with contextlib.suppress(OSError, EOFError), sock:
            _Session(self, sock).run()

    def take(self, message):
        """Files a message away, and gives the answer for each recipient."""
        with self.lock:
            self.messages.append(message)
        return [self.dot(address, message) for address in message.recipients]


class _Session:
    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.pending = b""
        self.sender, self.recipients = "", []

    def run(self):
        self.say("220 scripted")
        while True:
            line = self.until(re.compile(rb"\r?\n"))[0].decode("latin-1")
            verb = line[:4].upper()
            if verb == "DATA":
                self.data()
            elif verb == "RCPT":
                self.rcpt(address(line))
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                if verb in ("MAIL", "RSET"):
                    self.sender, self.recipients = address(line), []
                self.say("250-scripted\r\n250-PIPELINING\r\n250 8BITMIME" if verb == "LHLO" else
                         "250 2.0.0 OK")

    def rcpt(self, who):
        answer = self.server.rcpt(who)
        if answer[0] == "2":
            self.recipients.append(who)
        self.say(answer)

    def data(self):
        if not self.recipients:
            return self.say("503 5.5.1 no recipients")
        self.say("354 go")
        octets, end = self.until(self.server.end)
        kept = octets + (b"\r\n" if end.startswith(b"\r\n") else b"")
        for answer in self.server.take(Message(kept, self.recipients, self.sender)):
            self.say(answer)
        self.recipients = []
        return None

    def say(self, text):
        self.sock.sendall(text.encode() + b"\r\n")

    def until(self, pattern):
        """What comes before the pattern, and what matched."""
        start = 0
        while not (found := pattern.search(self.pending, start)):
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            start = max(0, len(self.pending) - 4)
            self.pending += more
        before, self.pending = self.pending[:found.start()], self.pending[found.end():]
        return before, found[0]


def address(line):
    """What stands in angle brackets."""
    found = re.search(r"<(.*?)>", line)
    return found[1] if found else ""
