"""The neighbours of mailbell-lmtp, scripted: a front, a backend, and the daemon's arrival socket.

Everything happens in the test's own thread, step by step; only Mailboxes, a backend for tests under
load, has threads.
"""

import collections
import contextlib
import os
import re
import shutil
import signal
import socket
import struct
import tempfile
import threading

from lab.lab import build_folder
from lab.process import Process, children
from lab.wait import until
from module_daemon import INTEGERS, TAG_NAMES, TYPE_NAMES, frame

WAIT = 10
ALICE, BOB, CARL = b"alice@x.example", b"bob@x.example", b"carl@x.example"


class Peer:
    """One connected socket."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(WAIT)
        self.pending = b""

    def send(self, octets):
        self.sock.sendall(octets)

    def trickle(self, octets):
        """One write for each octet."""
        for i in range(len(octets)):
            self.sock.sendall(octets[i:i + 1])

    def _more(self):
        octets = self.sock.recv(65536)
        self.pending += octets
        return octets

    def line(self):
        """The next line without CRLF; it has to come."""
        while b"\r\n" not in self.pending:
            assert self._more(), f"the end, behind {self.pending!r}"
        line, self.pending = self.pending.split(b"\r\n", 1)
        return line

    def lines(self, count):
        return [self.line() for _ in range(count)]

    def reply(self):
        """The lines of one reply."""
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return lines

    def octets(self, want):
        """Exactly these octets come next."""
        left = memoryview(want)
        while left:
            assert self.pending or self._more(), f"the end, before {bytes(left[:200])!r}"
            got, self.pending = self.pending[:len(left)], self.pending[len(left):]
            assert got == left[:len(got)]
            left = left[len(got):]

    def end(self):
        """All that comes before the end of file."""
        with contextlib.suppress(ConnectionResetError):
            while self._more():
                pass
        octets, self.pending = self.pending, b""
        return octets

    def nothing(self, seconds=0.2):
        """Whether nothing comes for a while."""
        self.sock.settimeout(seconds)
        try:
            return self.pending == b"" and self._more() is None
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(WAIT)

    def close(self):
        self.sock.close()


class Listener:
    """A UNIX socket that a test accepts from."""

    def __init__(self, path, backlog=1024):
        self.path = path
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(path)
        os.chmod(path, 0o666)
        self.sock.listen(backlog)
        self.sock.settimeout(WAIT)
        self.peers = []

    def accept(self):
        peer = Peer(self.sock.accept()[0])
        self.peers.append(peer)
        return peer

    def close(self):
        for peer in self.peers:
            peer.close()
        self.sock.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


Recipient = collections.namedtuple("Recipient", "address token")


class Arrival:
    """An arrival frame; recipients in their order."""

    def __init__(self, body):
        assert body[0] == 1
        self.type = TYPE_NAMES[body[1]]
        self.recipients = []
        self.fields = {}
        at = 2
        while at < len(body):
            tag, size = struct.unpack_from(">BI", body, at)
            value = body[at + 5:at + 5 + size]
            at += 5 + size
            self._take(TAG_NAMES[tag], value)

    def _take(self, name, value):
        if name == "RECIPIENT":
            self.recipients.append(Recipient(value, None))
        elif name == "TOKEN":
            self.recipients[-1] = self.recipients[-1]._replace(token=value)
        else:
            self.fields[name] = struct.unpack(">Q", value)[0] if name in INTEGERS | {"SEQ"} else value

    def __getattr__(self, name):
        return self.fields.get(name.upper())


class DaemonPeer(Peer):
    """The daemon's end of an arrival connection."""

    def frame(self):
        while len(self.pending) < 4 or len(self.pending) < 4 + self._length():
            assert self._more(), "the end"
        size = self._length()
        body, self.pending = self.pending[4:4 + size], self.pending[4 + size:]
        return Arrival(body)

    def _length(self):
        return struct.unpack(">I", self.pending[:4])[0]

    def arrival(self):
        got = self.frame()
        assert got.type == "ARRIVAL"
        return got

    def ack(self, *arrivals):
        for one in arrivals:
            self.send(frame("ACK", SEQ=one.seq))


class Daemon(Listener):
    """`run_dir/arrival`."""

    def accept(self):
        """Connections of one worker in their order; its hello is read and answered."""
        peer = DaemonPeer(self.sock.accept()[0])
        self.peers.append(peer)
        peer.hello = peer.frame()
        assert peer.hello.type == "HELLO"
        peer.send(frame("OK"))
        return peer


class TakingDaemon:
    """A daemon for tests under load: it acknowledges all that comes."""

    def __init__(self, path):
        self.listener = Daemon(path)
        self.listener.sock.settimeout(None)
        self.lock = threading.Lock()
        self.tokens = collections.Counter()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                peer = self.listener.accept()
            except OSError:
                return
            peer.sock.settimeout(None)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        # The assertion is the end of the connection.
        with contextlib.suppress(OSError, AssertionError):
            while True:
                arrival = peer.arrival()
                with self.lock:
                    self.tokens.update(r.token for r in arrival.recipients)
                peer.ack(arrival)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.sock.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Proxy:
    """The real mailbell-lmtp in a folder of its own, not started yet."""

    def __init__(self, **settings):
        self.dir = tempfile.mkdtemp(prefix="mbl-")
        os.chmod(self.dir, 0o755)
        self.listen = f"{self.dir}/front"
        self.backend = f"{self.dir}/back"
        self.arrival = f"{self.dir}/arrival"
        self.config = f"{self.dir}/mailbell.conf"
        self.settings = {"lmtp_listen": f"unix:{self.listen}", "lmtp_backend": f"unix:{self.backend}",
                         "lmtp_workers": 1, "run_dir": self.dir, "state_dir": self.dir,
                         "hook_user": "nobody", **settings}
        self.binary = f"{self.dir}/mailbell-lmtp"
        shutil.copy(f"{build_folder()}/mailbell-lmtp", self.binary)
        self.process = Process("mailbell-lmtp", [self.binary, "-c", self.config], f"{self.dir}/log")
        self.closing = contextlib.ExitStack()
        self.write()


    def write(self, **changes):
        self.settings.update(changes)
        with open(self.config, "w", encoding="utf-8") as out:
            for key, value in self.settings.items():
                for one in value if isinstance(value, list) else [value]:
                    out.write(f"{key} = {one}\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing.close()
        self.process.kill()
        # Workers that still hold something would stay for a while.
        for pid in self.left_over():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self.left_over(), 5, "all processes are gone")
        shutil.rmtree(self.dir)

    def left_over(self):
        """Processes that run our copy of the binary."""
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and runs(pid, self.binary)]

    def limit_descriptors(self, count):
        """For the next start."""
        self.process.argv = ["/bin/sh", "-c", f'ulimit -n {count}; exec "$@"', "sh", *self.process.argv]

    def start(self):
        self.process.start()
        until(lambda: "is ready\n" in self.log(), WAIT, "mailbell-lmtp is up")

    def workers(self):
        return children(self.process.pid)

    def keep(self, thing):
        self.closing.callback(thing.close)
        return thing

    def with_backend(self):
        return self.keep(Listener(self.backend))

    def with_daemon(self):
        return self.keep(Daemon(self.arrival))

    def front(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(WAIT)
        sock.connect(self.listen)
        return self.keep(Peer(sock))

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def log(self):
        with open(self.process.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def signal_worker(self, number):
        pid, = self.workers()
        os.kill(pid, number)
        return pid


def runs(pid, binary):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as words:
            return words.read().split(b"\0")[0] == binary.encode()
    except OSError:
        return False


def greeted(proxy, backend):
    """A front and a backend that have said hello to each other."""
    front = proxy.front()
    back = backend.accept()
    back.send(b"220 backend ready\r\n")
    assert front.line() == b"220 backend ready"
    front.send(b"LHLO front.example\r\n")
    assert back.line() == b"LHLO front.example"
    back.send(b"250-backend\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
    assert front.reply() == [b"250-backend", b"250-PIPELINING", b"250 8BITMIME"]
    return front, back


def in_data(front, back, *recipients):
    """On to the first octet of a message."""
    front.send(b"MAIL FROM:<s@x.example>\r\n"
               + b"".join(b"RCPT TO:<%s>\r\n" % r for r in recipients) + b"DATA\r\n")
    assert back.lines(2 + len(recipients))[-1] == b"DATA"
    back.send(b"250 2.1.0 OK\r\n" * (1 + len(recipients)) + b"354 OK\r\n")
    assert front.lines(2 + len(recipients))[-1] == b"354 OK"


def saved(recipient, token):
    return b"250 2.0.0 <%s> %s Saved\r\n" % (recipient, token)


MESSAGE = (b"Received: by mx.x.example (Postfix, from userid 0)\r\n"
           b"\tid 4jYSd65W3Gz1brl5; Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\n"
           b"From: Fred <fred@x.example>\r\nSubject: hello\r\nMessage-ID: <1@x.example>\r\n\r\nbody\r\n")


def a_mail(front, back, token, message=MESSAGE):
    """One mail for ALICE from end to end."""
    in_data(front, back, ALICE)
    front.send(message + b".\r\n")
    back.octets(message + b".\r\n")
    back.send(saved(ALICE, token))
    front.octets(saved(ALICE, token))


def deliver(front, subject, wait=30):
    """One mail through a front: whether it was taken; False: the session ended, or it was refused."""
    front.sock.settimeout(wait)
    try:
        if front.line()[:3] != b"220":
            raise AssertionError("refused")
        front.send(b"LHLO me\r\n")
        front.reply()
        for command in (b"MAIL FROM:<>", b"RCPT TO:<%s>" % ALICE, b"DATA"):
            front.send(command + b"\r\n")
            front.reply()
        front.send(b"Subject: " + subject + b"\r\n\r\n.\r\nQUIT\r\n")
        return front.line()[:3] == b"250"
    except (OSError, AssertionError) as error:
        if "refused" in str(error):
            raise
        return False


def memory_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        anon = [line for line in status if line.startswith("RssAnon")]
    return int(anon[0].split()[1])


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class Mailboxes:
    """A backend that takes every mail, for tests under load: messages by their Subject."""

    def __init__(self, path):
        self.listener = Listener(path)
        self.listener.sock.settimeout(None)
        self.lock = threading.Lock()
        self.got = collections.Counter()
        self.serial = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                sock = self.listener.sock.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock.makefile("rwb"),), daemon=True).start()

    def _serve(self, stream):
        with contextlib.suppress(OSError, ValueError):
            self._talk(stream)
        with contextlib.suppress(OSError):
            stream.close()

    def _talk(self, stream):
        recipients = []

        def say(text):
            stream.write(text + b"\r\n")
            stream.flush()

        say(b"220 mailboxes")
        for line in stream:
            verb = line[:4].upper()
            if verb == b"DATA":
                say(b"354 go")
                if not self._message(stream):
                    return
                for r in recipients:
                    say(b"250 2.0.0 <%s> %s Saved" % (r, self._token()))
                recipients = []
            elif verb == b"RCPT":
                recipients.append(re.search(rb"<(.*?)>", line)[1])
                say(b"250 ok")
            elif verb == b"QUIT":
                say(b"221 bye")
                return
            else:
                say(b"250-mailboxes\r\n250 PIPELINING" if verb == b"LHLO" else b"250 ok")

    def _token(self):
        with self.lock:
            self.serial += 1
            return b"token%d" % self.serial

    def _message(self, stream):
        subject = None
        for line in stream:
            if line == b".\r\n":
                with self.lock:
                    self.got[subject] += 1
                return True
            if line.startswith(b"Subject: "):
                subject = line[9:].strip()
        return False

    def close(self):
        # A blocked accept does not notice close.
        with contextlib.suppress(OSError):
            self.listener.sock.shutdown(socket.SHUT_RDWR)
        self.listener.close()
