"""The neighbours of mailbell-milter, scripted: an MTA that speaks the milter protocol; the daemon is
lmtp_peers.Daemon.

MAILBELL_UNDER is put before the program's command line: a valgrind with its options.
"""

import contextlib
import os
import shlex
import shutil
import signal
import socket
import struct
import tempfile

from lab.lab import build_folder
from lab.process import Process, children
from lab.wait import until
from lmtp_peers import WAIT, Daemon

PROGRAM = f"{build_folder()}/mailbell-milter"
SLOW = bool(os.environ.get("MAILBELL_UNDER"))       # times say nothing then

with open(PROGRAM, "rb") as octets:
    SANITIZED = b"ThreadSanitizer" in octets.read()

# Protocol steps (libmilter/mfdef.h).
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT, NO_BODY, NO_HEADERS, NO_EOH, NR_HEADER, NO_UNKNOWN, NO_DATA = (
    1 << bit for bit in range(10))
SKIP, RCPT_REJECTED = 0x400, 0x800
NR_RCPT, LEADING_SPACE = 0x8000, 0x100000
ALL_STEPS, ALL_ACTIONS, SET_MACROS = 0x1fffff, 0x1ff, 0x100
EOM_STAGE = 5

FIELDS = (("From", "Fred <fred@x.example>"), ("Subject", "hello"), ("Message-ID", "<1@x.example>"))


class Broken(Exception):
    """The milter has ended the connection."""


class Mta:
    """One connection to a milter.  `steps` is what was negotiated."""

    def __init__(self, path, steps=ALL_STEPS, actions=ALL_ACTIONS, version=6):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WAIT * (10 if SLOW else 1))
        self.sock.connect(path)
        self.pending = b""
        self.send(b"O", struct.pack(">III", version, actions, steps))
        kind, body = self.reply()
        assert kind == b"O"
        self.version, self.actions, self.steps = struct.unpack_from(">III", body)
        self.macros = {}
        body = body[12:]
        while body:
            names, _, rest = body[4:].partition(b"\0")
            self.macros[struct.unpack_from(">I", body)[0]] = names.decode()
            body = rest

    def send(self, command, body=b""):
        try:
            self.sock.sendall(struct.pack(">I", 1 + len(body)) + command + body)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Broken from error

    def reply(self):
        """The next packet: its letter and its octets."""
        while len(self.pending) < 4 or len(self.pending) < 4 + self._length():
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                raise Broken
            self.pending += more
        size = self._length()
        packet, self.pending = self.pending[4:4 + size], self.pending[4 + size:]
        return packet[:1], packet[1:]

    def _length(self):
        return struct.unpack(">I", self.pending[:4])[0]

    def goes_on(self, no_reply):
        """Reads the reply to a step, where one is due: it has to say "continue"."""
        if not self.steps & no_reply:
            assert self.reply() == (b"c", b"")

    def rcpt(self, *recipients):
        for one in () if self.steps & NO_RCPT else recipients:
            self.send(b"R", one.encode() + b"\0")
            self.goes_on(NR_RCPT)

    def header(self, name, value):
        if self.steps & LEADING_SPACE:
            value = " " + value
        self.send(b"L", b"\0".join((name.encode(), value.encode("utf-8", "surrogateescape"), b"")))
        self.goes_on(NR_HEADER)

    def macro(self, command, **values):
        self.send(b"D", command + b"".join(f"{name}\0{value}\0".encode()
                                           for name, value in values.items()))

    def eom(self, queue_id=None):
        """The end of the message: only "accept" is right."""
        if queue_id is not None:
            self.macro(b"E", i=queue_id)
        self.send(b"E")
        assert self.reply() == (b"a", b"")

    def message(self, queue_id="Q1", recipients=("<alice@lab.test>",), fields=FIELDS):
        self.rcpt(*recipients)
        for name, value in fields:
            self.header(name, value)
        self.eom(queue_id)

    def abort(self):
        self.send(b"A")

    def close(self):
        with contextlib.suppress(OSError, Broken):
            self.send(b"Q")
        self.sock.close()


class Milter:
    """The real mailbell-milter in a folder of its own, not started yet."""

    def __init__(self, **settings):
        self.dir = tempfile.mkdtemp(prefix="mbm-")
        os.chmod(self.dir, 0o777)
        self.socket = f"{self.dir}/milter"
        self.arrival = f"{self.dir}/arrival"
        self.config = f"{self.dir}/mailbell.conf"
        self.settings = {"hook": "milter", "milter_listen": f"unix:{self.socket}",
                         "run_dir": self.dir, "state_dir": self.dir, "hook_user": "nobody",
                         **settings}
        # In the folder: the tree may be closed to the program's user.
        binary = f"{self.dir}/mailbell-milter"
        shutil.copy(PROGRAM, binary)
        under = shlex.split(os.environ.get("MAILBELL_UNDER", ""))
        self.process = Process("mailbell-milter", [*under, binary, "-c", self.config],
                               f"{self.dir}/log", {"TSAN_OPTIONS": "halt_on_error=0"})
        self.clean = True       # no tool has anything to say of it
        self.closing = contextlib.ExitStack()
        self.write()

    def under(self, *tool):
        """tool: what is put before the command line."""
        self.process.argv = [*tool, *self.process.argv]

    def write(self, **changes):
        self.settings.update(changes)
        with open(self.config, "w", encoding="utf-8") as out:
            for key, value in self.settings.items():
                out.write(f"{key} = {value}\n")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.closing.close()
            if self.process.running:
                assert self.stop() == 0 or kind is not None, self.log()
            if self.clean:
                assert "ThreadSanitizer" not in self.log() and "==" not in self.log(), self.log()
        finally:
            self.process.kill()
            shutil.rmtree(self.dir)

    def start(self):
        before = self.log().count("is ready")
        self.process.start()
        until(lambda: self._ready(before), 60, "mailbell-milter is ready")
        return self

    def _ready(self, before):
        assert self.process.running, self.log()
        return self.log().count("is ready") > before

    def stop(self):
        return self.process.stop(60)

    def keep(self, thing):
        self.closing.callback(thing.close)
        return thing

    def with_daemon(self):
        return self.keep(Daemon(self.arrival))

    def mta(self, *args, **kwargs):
        return self.keep(Mta(self.socket, *args, **kwargs))

    @property
    def worker(self):
        """The process id of the one that serves."""
        pid, = children(self.process.pid)
        return pid

    def reload(self):
        """SIGHUP, and waits for what the log says of it."""
        before = self.log().count("reloaded")
        self.process.signal(signal.SIGHUP)
        until(lambda: self.log().count("reloaded") > before, WAIT, "it was read anew")

    def log(self):
        try:
            with open(self.process.log, encoding="utf-8", errors="replace") as log:
                return log.read()
        except OSError:
            return ""
