"""Neighbours that stop, dawdle or lie, on every socket of ours: their own connection may end, memory
stays bounded, and everybody else is served (docs/design.md, "Neighbours").
"""

import contextlib
import fcntl
import itertools
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

import milter_peers
from lab import evil
from lab.alone import Alone
from lab.frames import TREE, frame, read_frame
from lab.httpserver import Answer
from lab.process import comm
from lab.wait import until
from lmtp_peers import ALICE, WAIT, DaemonPeer, Peer, Proxy, TakingDaemon, a_mail, greeted, memory_kib
from milter_peers import FIELDS, SANITIZED, SLOW, Milter
from module_daemon import Connection, Daemon, ok
from module_lab import ONE_PROCESS, MailServer
from test_mailbell import TOOL, done, row
from test_mailbell import daemon as tools_daemon, quiet  # noqa: F401

MEMORY_KIB = 16 * 1024
HELLO = frame("HELLO", PROGRAM="test", VERSION="0", LOST=0)
SILENT = contextlib.suppress(BrokenPipeError, ConnectionResetError, OSError)


def connected(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(WAIT)
    sock.connect(path)
    return Peer(sock)


def peak_kib(pid):
    """The most memory that a process has had since forget_peak."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1])


def forget_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as out:
        out.write("5")
    return peak_kib(pid)


class Flood(threading.Thread):
    """Says the same to a peer for as long as it is there."""

    def __init__(self, sock, octets):
        super().__init__(daemon=True)
        self.sock, self.octets, self.sent, self.over = sock, octets, 0, False

    def run(self):
        many = memoryview(self.octets * (1 + (4 << 20) // len(self.octets)))
        with SILENT:
            while not self.over:
                self.sent += self.sock.send(many[self.sent % len(many):])

    def __enter__(self):
        self.sock.settimeout(2)
        self.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.join()


# The daemon, and who connects to its four sockets.

NAMES = ("saved", "arrival", "command", "admin")
uids = itertools.count(1)


@pytest.fixture(scope="module")
def alone():
    # Who plays with octets of an answer does so over HTTP/1.1.
    with Alone(burst=1000, unseen_max=1000, http_version="1.1") as daemon:
        yield daemon
        assert daemon.daemon.running, daemon.daemon.tail()
        assert not daemon.leaks()


@pytest.fixture(scope="module")
def phone(alone):
    return alone.phone()


def good(name, user, uid=1):
    """One frame that is right on that socket."""
    return {
        "saved": frame("SAVED", TIME=int(time.time() * 1000), TOKEN=f"slow{uid}", SERVICE="lmtp", USER=user,
                       MAILBOX="INBOX", UIDVALIDITY=7, UID=uid, REASON=1, KIND=0),
        "arrival": frame("ARRIVAL", SEQ=uid, TIME=int(time.time() * 1000), REASON=1,
                         KIND=0, RECIPIENT=user),
        "command": frame("VERB", USER=user, SESSION="s", NAME="GETVAPID"),
        "admin": frame("REQUEST", NAME="status"),
    }[name]


def served(alone, phone):
    """Mail rings, a verb and the operator are answered."""
    uid = next(uids)
    alone.mail(phone, uid)
    assert phone.next().mails[0][1] == uid
    alone.say(phone, "GETVAPID")
    assert alone.status()


def path_of(alone, name):
    return f"{alone.mailbell.run_dir}/{name}"


@pytest.mark.parametrize("name", NAMES)
def test_stopped_peers(alone, phone, name):
    """Fifty that stop within a frame: nobody waits for them, and their descriptors come back."""
    before, words = alone.descriptors(), HELLO + good(name, phone.user)
    with contextlib.ExitStack() as stack:
        for n in range(50):
            peer = stack.enter_context(contextlib.closing(connected(path_of(alone, name))))
            peer.send(words[:n])
        served(alone, phone)
    until(lambda: alone.descriptors() <= before, 10, "they are forgotten")


ANSWERS = {"saved": [], "arrival": ["OK", "ACK"], "command": ["OK", "ANSWER"], "admin": ["OK", "ROW", "DONE"]}


@pytest.mark.parametrize("name", NAMES)
def test_slow_peer(alone, phone, name):
    """Octet by octet, with others served in the middle of a frame: it is understood in the end."""
    uid = next(uids)
    words = HELLO + good(name, phone.user, uid)
    with contextlib.closing(connected(path_of(alone, name))) as peer:
        peer.trickle(words[:-7])
        served(alone, phone)
        peer.trickle(words[-7:])
        stream = peer.sock.makefile("rb")
        assert [read_frame(stream).type for _ in ANSWERS[name]] == ANSWERS[name]
        if name == "saved":
            assert phone.next().syncs


LIES = {
    "another protocol": b"GET / HTTP/1.1\r\n\r\n",
    "an oversized frame": HELLO + b"\xff\xff\xff\xff\x01\x01",
    "just too big": HELLO + struct.pack(">IBB", 1024 * 1024 + 1, 1, 1),
    "an empty frame": HELLO + b"\0\0\0\0",
    "another version": b"\0\0\0\2\2\1",
    "a frame before hello": frame("RELEASE") + HELLO,
    "hello twice": HELLO * 2,
    "another socket's frame": HELLO + frame("DONE", EXIT=0),
    "an unknown type": HELLO + b"\0\0\0\2\1\xee",
    "a field beyond its frame": HELLO + b"\0\0\0\7\1\5\1\xff\xff\xff\xff",
    "nothing where much is needed": HELLO + b"\0\0\0\2\1\5",
}


@pytest.mark.parametrize("name", NAMES)
def test_lying_peers(alone, phone, name):
    """What is no frame, or none for this socket, ends its connection at once, and that alone."""
    with contextlib.closing(connected(path_of(alone, name))) as bystander:
        bystander.send(HELLO)
        for lie in LIES.values():
            with contextlib.closing(connected(path_of(alone, name))) as peer:
                with SILENT:
                    peer.send(lie)
                peer.end()
        served(alone, phone)
        bystander.send(good(name, phone.user, 1000000))
        stream = bystander.sock.makefile("rb")
        assert [read_frame(stream).type for _ in ANSWERS[name]] == ANSWERS[name]
        if name == "saved":
            assert phone.next().syncs


@pytest.mark.parametrize("name", ("arrival", "command", "admin"))
def test_peer_that_reads_no_answer(alone, phone, name):
    """Who asks on and on and reads nothing is cut off at a bound of memory."""
    pid = alone.daemon.pid
    before = forget_peak(pid)
    with contextlib.closing(connected(path_of(alone, name))) as peer:
        peer.send(HELLO)
        with Flood(peer.sock, good(name, phone.user)) as flood:
            until(lambda: not flood.is_alive(), 60, "it is cut off, or nobody reads it any more")
            served(alone, phone)
        peer.end()
    assert peak_kib(pid) - before < MEMORY_KIB
    until(lambda: memory_kib(pid) < before + 1024, 10, "the memory is given back")


# The proxy: its front and its daemon.

@pytest.fixture
def proxy():
    with Proxy() as running:
        yield running


def test_front_that_reads_no_reply(proxy):
    """Commands without end, and no reply is read: bounded, and mail of others passes."""
    backend = proxy.with_backend()
    proxy.start()
    front, back = greeted(proxy, backend)
    answered = 0
    with Flood(front.sock, b"NOOP\r\n") as flood:
        back.sock.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while answered < 1000000:
                assert back.line() == b"NOOP"
                back.send(b"250 2.0.0 " + 90 * b"x" + b"\r\n")
                answered += 1
    assert answered < flood.sent // 6, "commands are read although no reply is"
    other, its = greeted(proxy, backend)
    a_mail(other, its, b"T")
    pid, = proxy.workers()
    assert memory_kib(pid) < MEMORY_KIB


# What the daemon says to the two hooks, when it is not itself.

ACK = frame("ACK", SEQ=1 << 40)         # of an arrival that never was
LYING_DAEMON = {
    "acknowledges without end": ACK,
    "welcomes without end": frame("OK"),
    "oversized": struct.pack(">IBB", 1 << 20, 1, 1),
    "acknowledges nothing": frame("ACK"),
    "asks": frame("REQUEST", NAME="status"),
}


def slowly(daemon, mail):
    """Welcomes, and acknowledges the first arrival, octet by octet; mail() comes within both and behind."""
    peer = DaemonPeer(daemon.sock.accept()[0])
    daemon.peers.append(peer)
    assert peer.frame().type == "HELLO"
    first = peer.arrival()
    for words in (frame("OK"), frame("ACK", SEQ=first.seq)):
        peer.trickle(words[:-3])
        mail()
        peer.arrival()
        peer.trickle(words[-3:])
    mail()
    peer.arrival()
    peer.close()


def test_slow_daemon_of_the_proxy(proxy):
    """An acknowledgement that comes octet by octet counts: nothing of it is told again."""
    backend, daemon = proxy.with_backend(), proxy.with_daemon()
    proxy.start()
    front, back = greeted(proxy, backend)
    tokens = iter((b"T1", b"T2", b"T3", b"T4"))
    a_mail(front, back, next(tokens))
    slowly(daemon, lambda: a_mail(front, back, next(tokens)))
    again = daemon.accept()
    assert [again.arrival().recipients[0].token for _ in range(3)] == [b"T2", b"T3", b"T4"]


@pytest.mark.parametrize("name", LYING_DAEMON)
def test_lying_daemon_of_the_proxy(proxy, name):
    """Mail passes at once, and of what it told that daemon nothing is lost."""
    backend, daemon = proxy.with_backend(), proxy.with_daemon()
    proxy.start()
    worker = daemon.accept()
    front, back = greeted(proxy, backend)
    with Flood(worker.sock, LYING_DAEMON[name]):
        for n in range(20):
            a_mail(front, back, b"T%d" % n)
    worker.close()
    again = daemon.accept()
    assert [again.arrival().recipients for _ in range(20)] == [[(ALICE, b"T%d" % n)] for n in range(20)]
    assert len(proxy.log().splitlines()) < 60, "a line of the log for each lie"


@pytest.fixture
def milter():
    with Milter() as running:
        yield running


def told(milter, mta, daemon, least):
    """Ends messages until the milter has connected anew: the queue ids of what it tells then."""
    daemon.sock.settimeout(0.2)

    def accepted():
        mta.message("again")
        with contextlib.suppress(TimeoutError):
            return daemon.accept()
    peer = until(accepted, 20, "the milter has connected")
    return [peer.arrival().queue_id for _ in range(least)]


def test_slow_daemon_of_the_milter(milter):
    """The same; acknowledgements are read by the next message."""
    daemon = milter.with_daemon()
    mta = milter.start().mta()
    ids = iter(("Q1", "Q2", "Q3", "Q4"))
    mta.message(next(ids))
    slowly(daemon, lambda: mta.message(next(ids)))
    assert told(milter, mta, daemon, 3) == [b"Q2", b"Q3", b"Q4"]


@pytest.mark.parametrize("name", LYING_DAEMON)
def test_lying_daemon_of_the_milter(milter, name):
    """Each message is accepted in time, and of what it told that daemon nothing is lost."""
    daemon = milter.with_daemon()
    mta = milter.start().mta()
    mta.message("Q0")
    peer, took = daemon.accept(), []
    with Flood(peer.sock, LYING_DAEMON[name]):
        for n in range(1, 20):
            began = time.monotonic()
            mta.message(f"Q{n}")
            took.append(time.monotonic() - began)
    assert SLOW or max(took) < 1
    peer.close()
    assert told(milter, mta, daemon, 20) == [b"Q%d" % n for n in range(20)]
    assert len(milter.log().splitlines()) < 60, "a line of the log for each lie"


# The MTA of the milter.

def packet(command, body=b""):
    return struct.pack(">I", 1 + len(body)) + command + body


NEGOTIATED = packet(b"O", struct.pack(">III", 6, 0x1ff, 0x1fffff))
LYING_MTA = {
    "another protocol": b"EHLO x\r\n" * 10,
    "oversized": struct.pack(">I", 0xffffffff) + b"O" + bytes(1000),
    "empty": bytes(8),
    "a cut negotiation": packet(b"O", b"\0"),
    "the end first": packet(b"E"),
    "a body before its header": NEGOTIATED + packet(b"B", bytes(1000)) + packet(b"E"),
    "negotiated twice": NEGOTIATED * 2,
    "recipients that do not end": NEGOTIATED + packet(b"R", b"x" * 1000),
    "no recipient": NEGOTIATED + packet(b"R"),
    "a field without a value": NEGOTIATED + packet(b"L", b"From\0"),
    "a field without anything": NEGOTIATED + packet(b"L"),
    "macros of nothing": NEGOTIATED + packet(b"D") + packet(b"D", b"E") + packet(b"D", b"Ei"),
    "unknown commands": NEGOTIATED + packet(b"Z") + packet(b"\0"),
    "ends without a message": NEGOTIATED + packet(b"E") * 3,
    "aborts without end": NEGOTIATED + packet(b"A") * 10000,
}


def test_lying_mtas(milter):
    """What is no milter protocol, or in a wrong order, is that connection's affair alone."""
    daemon = milter.with_daemon()
    mta = milter.start().mta()
    mta.rcpt("<alice@lab.test>")
    for octets in LYING_MTA.values():
        with contextlib.closing(connected(milter.socket)) as peer:
            with SILENT:
                peer.send(octets)
                peer.sock.shutdown(socket.SHUT_WR)
            peer.end()
    for name, value in FIELDS:
        mta.header(name, value)
    mta.eom("Q1")
    got = daemon.accept()
    while (arrival := got.arrival()).queue_id != b"Q1":
        assert arrival.envelope is None or b"hello" not in arrival.envelope
    assert b'"hello"' in arrival.envelope
    assert "ended by signal" not in milter.log()


def test_stopped_and_slow_mtas(milter, monkeypatch):
    """Some stop within a packet; one that goes octet by octet, and one as ever, are served."""
    monkeypatch.setattr(milter_peers, "WAIT", 2)
    daemon = milter.with_daemon()
    milter.start()
    with contextlib.ExitStack() as stack:
        for n in range(0, 40, 4):
            peer = stack.enter_context(contextlib.closing(connected(milter.socket)))
            peer.send((NEGOTIATED + packet(b"R", b"<x@lab.test>\0"))[:n])
        slow, fast = served_mta(milter), served_mta(milter)
        slow.sock = Trickling(slow.sock)
        slow.rcpt("<bob@lab.test>")
        fast.message("Q1")
        slow.message("Q2", recipients=())
        got = daemon.accept()
        assert [got.arrival().queue_id for _ in range(2)] == [b"Q1", b"Q2"]


def served_mta(milter):
    """libmilter may wake one thread for two connections: where the first of them stops, the other waits
    for a thread that a third one brings."""
    def connect():
        with contextlib.suppress(TimeoutError):
            return milter.mta()
    mta = until(connect, 30, "the milter serves a connection")
    mta.sock.settimeout(WAIT)
    return mta


class Trickling:
    """A socket of which sendall writes octet by octet."""

    def __init__(self, sock):
        self.sock = sock
        self.recv, self.close = sock.recv, sock.close

    def sendall(self, octets):
        Peer(self.sock).trickle(octets)


# What the daemon says to Dovecot's processes.

@pytest.fixture(scope="module")
def mail():
    with MailServer(ONE_PROCESS) as server:
        yield server
        log = server.log()
        assert "Panic" not in log and "killed with signal" not in log and "Leaked" not in log


class Odd(Daemon):
    """Says something to each connection of Dovecot's as soon as it is there, and reads nothing more."""

    def __init__(self, run_dir, octets, **more):
        self.octets, self.floods = octets, []
        super().__init__(run_dir, **more)

    def on_frame(self, connection, got):
        if got.type == "HELLO":
            flood = Flood(connection.socket, self.octets)
            flood.start()
            self.floods.append(flood)

    def stop(self):
        for flood in self.floods:
            flood.over = True
        super().stop()


@pytest.mark.parametrize("octets", [b"\xff", frame("OK"), frame("ANSWER", TAGGED="OK")],
                         ids=["garbage", "OK", "answers"])
def test_lying_daemon_of_a_delivery(mail, octets):
    """What it says on `saved` is nobody's to read: deliveries are told all the same."""
    mail.settings("hook = \xff\n" + "quiet_header" * 10000)
    try:
        all_told(mail, Odd(mail.run_dir, octets))
    finally:
        mail.settings()


def all_told(mail, daemon):
    """Mail is delivered as ever, and that daemon hears of it."""
    user = mail.user()
    try:
        for _ in range(5):
            assert mail.deliver(user)[0][0] == 250
        saved, ends = daemon.delivery(user, 5)
        assert (len(saved), len(ends)) == (5, 5)
    finally:
        daemon.stop()


def test_slow_daemon_of_a_delivery(mail, monkeypatch):
    """One that reads octet by octet gets all of it."""
    monkeypatch.setattr(Connection, "_read", one_by_one(Connection._read))
    all_told(mail, Daemon(mail.run_dir))


def one_by_one(read):
    return lambda connection, size: b"".join(read(connection, 1) for _ in range(size))


@pytest.mark.parametrize("octets", [frame("OK"), b"\0"], ids=["welcomes", "octet by octet"])
def test_answer_that_never_comes(mail, octets):
    """Something always comes, and no answer: NO after 5 s, NOOP at once meanwhile."""
    if octets == b"\0":                 # a frame of many octets, one after the other
        daemon = Daemon(mail.run_dir, answer=lambda verb: drip(verb.connection))
    else:
        daemon = Odd(mail.run_dir, octets)
    try:
        with mail.imap(mail.user()) as imap:
            began = time.monotonic()
            tag = imap.start("GETVAPID")
            assert imap.command("NOOP").ok
            assert time.monotonic() - began < 2
            reply = imap.finish(tag)
            assert (reply.status, reply.code) == ("NO", "UNAVAILABLE")
            assert 4.5 < time.monotonic() - began < 8
            assert imap.command("NOOP").ok
    finally:
        daemon.stop()


def drip(connection):
    """Begins an answer, and never comes to its end."""
    def run():
        with SILENT:
            for octet in frame("ANSWER", TAGGED="OK " + "x" * 10000):
                connection.socket.sendall(bytes([octet]))
                time.sleep(0.05)        # the fault itself
    threading.Thread(target=run, daemon=True).start()


@pytest.mark.parametrize("answer", [
    frame("ANSWER", TAGGED="OK one") * 3, frame("OK") * 3 + frame("ANSWER", TAGGED="OK one") + frame("OK"),
    frame("ANSWER", TAGGED="OK one") + b"\xff" * 8,
], ids=["three answers", "welcomes", "garbage behind it"])
def test_more_than_one_answer(mail, answer):
    """The first answer is the verb's; what follows is never another one's."""
    daemon = Daemon(mail.run_dir, answer=lambda verb: answer if verb.name == b"GETVAPID" else ok(verb))
    try:
        with mail.imap(mail.user()) as imap:
            assert imap.command("GETVAPID").text.startswith("one")
            assert imap.command("LWEBPUSH *").text.startswith("LWEBPUSH completed")
            assert imap.command("NOOP").ok
    finally:
        daemon.stop()


# What the daemon says to the operator's tool.

def test_slow_answer_for_the_tool(tools_daemon):            # noqa: F811
    """Octet by octet it is the same answer."""
    whole = frame("OK") + row(account=b"alice", waiting=7) + done()
    tools_daemon.answer = b""
    tools_daemon.listener.settimeout(WAIT)
    with trickled(tools_daemon, whole):
        out = tools_daemon.run("list", "--json")
    assert (out.returncode, "alice" in out.stdout) == (0, True), out.stderr


@contextlib.contextmanager
def trickled(daemon, octets):
    """Another one in the daemon's place, who answers octet by octet."""
    path = f"{daemon.folder}/admin"
    os.rename(path, path + ".before")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve():
            with listener.accept()[0] as sock:
                peer = Peer(sock)
                peer.trickle(octets)
                peer.end()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        thread.join(WAIT)


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
def test_endless_answer_for_the_tool(tools_daemon, options):        # noqa: F811
    """Rows that do not end are printed as they come, in bounded memory, and the end is no good one."""
    tools_daemon.answer = frame("OK") + row(account=b"x" * 1000, waiting=7) * 100000
    command = [TOOL, "-c", tools_daemon.config, "list", *options]
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        while child.poll() is None:
            with contextlib.suppress(OSError, StopIteration):
                peak = max(peak, peak_kib(child.pid) if comm(child.pid) == "mailbell" else 0)
        assert child.returncode == 75 and child.stderr.read().startswith(b"mailbell: ")
    assert 0 < peak < MEMORY_KIB


# The push service.

def test_push_service_octet_by_octet(alone):
    """An answer of single octets is an answer, and others' pushes go out meanwhile."""
    slow, other = alone.phone(), alone.phone()
    alone.push.script(slow.endpoint, Answer(play=evil.loris(every=0.1)))
    alone.mail(slow)
    alone.push.asked(slow.endpoint, 2)
    alone.mail(other)
    assert other.next().mails
    assert alone.idle(slow)["last_answer"] == "201"


# Who reads the log.

class Log:
    """A pipe that a program logs to."""

    def __init__(self, folder):
        self.path = f"{folder}/pipe"
        os.mkfifo(self.path)
        os.chmod(self.path, 0o666)
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self.within = ["/bin/sh", "-c", f'exec "$@" 2>>{self.path}', "sh"]

    def start(self, process):
        """Starts a program that logs here."""
        process.argv[:0] = self.within
        process.start()
        until(lambda: "is ready" in self.read(), 60, "the program is ready")

    def read(self):
        with contextlib.suppress(BlockingIOError):
            return os.read(self.fd, 1 << 20).decode()
        return ""

    def stop(self):
        """Nothing more fits into it."""
        for size in (4096, 1):
            with contextlib.suppress(BlockingIOError):
                while os.write(self.fd, size * b"x"):
                    pass

    def told(self):
        """Whether what is said now tells of lines that were left out."""
        return "lines were left out" in self.read()

    def close(self):
        os.close(self.fd)


def test_nobody_reads_the_log_of_the_proxy(proxy):
    """Mail passes; the lines that nobody took are counted, and told when somebody reads again."""
    backend, log = proxy.with_backend(), proxy.keep(Log(proxy.dir))
    log.start(proxy.process)
    front, back = greeted(proxy, backend)
    log.stop()
    for n in range(20):
        a_mail(front, back, b"T%d" % n)
    log.read()
    a_mail(front, back, b"T")
    until(log.told, 10, "the log tells of it")


def test_nobody_reads_the_log_of_the_milter(milter):
    """Each message is accepted in time, while a daemon that comes and goes gives much to say."""
    log = milter.keep(Log(milter.dir))
    log.start(milter.process)
    mta = milter.mta()
    log.stop()
    for n in range(3):
        daemon = milter.with_daemon()
        told(milter, mta, daemon, 1)
        daemon.close()
    log.read()
    until(lambda: mta.message("Q") or log.told(), 10, "the log tells of it")


def test_nobody_reads_the_log_of_the_daemon(tmp_path):
    """Pushes go out, and verbs are answered."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    with contextlib.closing(Log(tmp_path)) as log, Alone(within=log.within) as alone:
        phone = alone.phone()
        log.stop()
        for uid in range(1, 6):
            alone.mail(phone, uid)
            assert phone.next().mails[0][1] == uid
            alone.say(phone, "GETVAPID")
        log.read()
        alone.mail(phone, 6)
        until(log.told, 10, "the log tells of it")


# The system's directory of users.

class Names:
    """Look-ups of users and groups that wait, within `stopped`, in a program that is started with .env
    (tests/tools/slownames.c)."""

    def __init__(self, folder):
        """folder: every user can walk it."""
        library, self.path = f"{folder}/slownames.so", f"{folder}/slownames"
        subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library,
                        f"{TREE}/tests/tools/slownames.c"], check=True)
        with open(self.path, "wb"):
            os.chmod(self.path, 0o666)
        self.env = {"LD_PRELOAD": library, "SLOWNAMES": self.path}

    @contextlib.contextmanager
    def stopped(self):
        with open(self.path, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def asked(self):
        return os.path.getsize(self.path)


plain = pytest.mark.skipif(SLOW or SANITIZED, reason="the tool's libraries come first")


def one_mail(proxy, backend):
    """On a connection of its own."""
    front, back = greeted(proxy, backend)
    a_mail(front, back, b"T")
    front.close()


@plain
def test_no_names_for_the_proxy(proxy):
    """SIGHUP waits for them; mail passes, and a killed worker is replaced.  The end waits for nothing."""
    names, backend = Names(proxy.dir), proxy.with_backend()
    proxy.keep(TakingDaemon(proxy.arrival))
    proxy.process.env.update(names.env)
    proxy.start()
    worker, = proxy.workers()
    with names.stopped():
        before = names.asked()
        proxy.reload()
        until(lambda: names.asked() > before, 10, "the new program asks for a name")
        one_mail(proxy, backend)
        os.kill(worker, signal.SIGKILL)
        one_mail(proxy, backend)
    until(lambda: proxy.log().count("is ready\n") == 2, 20, "it has become the new program")
    with names.stopped():
        before = names.asked()
        proxy.reload()
        until(lambda: names.asked() > before, 10, "the new program asks for a name")
        assert proxy.process.stop(20) == 0


@plain
def test_no_names_for_the_milter(milter):
    """Once it runs it needs none: not for a message, not for SIGHUP, not for another worker."""
    names = Names(milter.dir)
    milter.process.env.update(names.env)
    milter.with_daemon()
    milter.start()
    with names.stopped():
        before = names.asked()
        milter.mta().message("Q1")
        milter.reload()
        os.kill(milter.worker, signal.SIGKILL)
        until(lambda: "another takes its place" in milter.log(), 10, "the worker has gone")
        milter.mta().message("Q2")
        assert names.asked() == before


ASK = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(bytes.fromhex(sys.argv[2]))
print(len(s.recv(1000)))
"""


@plain
def test_no_names_for_the_daemon(tmp_path):
    """With system_users = yes it stands still until there are; what it was told meanwhile rings then."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    names = Names(tmp_path)
    with Alone(env=names.env, system_users="yes") as alone:
        phone = alone.phone()
        with contextlib.ExitStack() as stack:
            with names.stopped():
                before = names.asked()
                stranger = stack.enter_context(subprocess.Popen(
                    [sys.executable, "-c", ASK, path_of(alone, "command"), HELLO.hex()],
                    stdout=subprocess.PIPE))
                until(lambda: names.asked() > before, 10, "it asks who that is")
                alone.mail(phone, count=5)
            assert int(stranger.stdout.read()) > 0
        assert {mail[1] for push in phone.until_mails(5) for mail in push.mails} == {1, 2, 3, 4, 5}
