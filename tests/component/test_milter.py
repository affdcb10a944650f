"""mailbell-milter between a scripted MTA and a scripted daemon."""

import grp
import os
import pwd
import select
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from lab.nomemory import NoMemory
from lab.process import accepts, free_ports, process_state
from lab.wait import until
from lmtp_peers import TakingDaemon, memory_kib
from milter_peers import (ALL_STEPS, EOM_STAGE, FIELDS, LEADING_SPACE, NO_BODY, NO_CONNECT, NO_DATA,
                          NO_EOH, NO_HELO, NO_MAIL, NO_RCPT, NO_UNKNOWN, NR_HEADER, SET_MACROS, SKIP,
                          SANITIZED, SLOW, Broken, Milter)
from module_daemon import frame

HERE = os.path.dirname(os.path.abspath(__file__))
UNWANTED = NO_CONNECT | NO_HELO | NO_MAIL | NO_RCPT | NO_BODY | NO_EOH | NO_UNKNOWN | NO_DATA
TOO_BIG = 1     # the reason of an arrival without ENVELOPE


@pytest.fixture
def milter():
    with Milter() as milter:
        yield milter


@pytest.fixture
def daemon(milter):
    return milter.with_daemon()


def fields(number, message_id=True):
    """The header of message `number`."""
    yield "From", "Fred <fred@x.example>"
    yield "Subject", f"message {number}"
    if message_id:
        yield "Message-ID", f"<{number}@x.example>"


def sent(mta, number, **kwargs):
    mta.message(f"Q{number}", fields=tuple(fields(number)), **kwargs)


def check(arrival, number):
    """Everything in this arrival is of message `number`."""
    assert arrival.queue_id == b"Q%d" % number
    assert arrival.message_id == b"<%d@x.example>" % number
    assert b'"message %d"' % number in arrival.envelope
    assert arrival.recipients == []


# What is negotiated and answered.

def test_negotiation(milter):
    """Of all that is offered: fields, without replies, and the end, with one macro.  No list is empty, which
    Postfix would take for its own."""
    mta = milter.start().mta()
    assert mta.steps == UNWANTED | LEADING_SPACE | NR_HEADER
    assert mta.actions == SET_MACROS
    assert mta.macros.pop(EOM_STAGE) == "i"
    assert set(mta.macros.values()) == {"{mailbell_none}"}


def test_pushes_nobody_aside(milter):
    """What comes in waits for the end of the slice of who runs, where no CPU is idle."""
    milter.start().mta()
    tasks = [int(task) for task in os.listdir(f"/proc/{milter.worker}/task")]
    policies = [os.sched_getscheduler(task) for task in tasks]
    own = 1 if SANITIZED else 0     # the thread sanitizer has one, older than main
    assert len(tasks) > 1 and policies.count(os.SCHED_BATCH) >= len(tasks) - own


@pytest.mark.parametrize("steps", [SKIP, ALL_STEPS & ~NO_RCPT, ALL_STEPS & ~NR_HEADER, NO_BODY | NO_MAIL])
def test_mta_that_offers_less(milter, daemon, steps):
    """Only what is offered is taken; what then needs a reply gets "continue"."""
    mta = milter.start().mta(steps, 0)
    assert (mta.steps, mta.actions) == (steps & (UNWANTED | LEADING_SPACE | NR_HEADER), 0)
    sent(mta, 1)
    check(daemon.accept().arrival(), 1)


def test_protocol_of_old(milter, daemon):
    """Version 2 of the protocol, every step shown and answered."""
    mta = milter.start().mta(0x7f, 0x3f, 2)
    mta.message()
    assert daemon.accept().arrival().queue_id == b"Q1"


# What the daemon is told.

def test_arrival(milter, daemon):
    """Queue id, Message-ID, ENVELOPE and kind of one message, and who says so."""
    mta = milter.start().mta()
    mta.message("4jYSd65W3Gz1brl5", ("<Bob@LAB.test>", "<carol@lab.test>"),
                (*FIELDS, ("List-Id", "<l.x.example>"), ("To", "a@b.example,\n\tc@d.example")))
    peer = daemon.accept()
    assert (peer.hello.program, peer.hello.hook) == (b"mailbell-milter", b"milter")
    got = peer.arrival()
    assert (got.queue_id, got.message_id) == (b"4jYSd65W3Gz1brl5", b"<1@x.example>")
    assert got.envelope == (
        b'(NIL "hello" (("Fred" NIL "fred" "x.example")) (("Fred" NIL "fred" "x.example")) '
        b'(("Fred" NIL "fred" "x.example")) ((NIL NIL "a" "b.example")(NIL NIL "c" "d.example")) '
        b'NIL NIL NIL "<1@x.example>")')
    assert got.kind == 1
    assert abs(got.time - time.time() * 1000) < 60000


def test_ids_that_are_not_there(milter, daemon):
    """Without queue id or Message-ID the arrival says so; no id of the message before is in it."""
    mta = milter.start().mta()
    sent(mta, 1)
    mta.message(None, fields=tuple(fields(2)))
    mta.message("Q3", fields=tuple(fields(3, message_id=False)))
    peer = daemon.accept()
    peer.arrival()
    without_queue_id, without_message_id = peer.arrival(), peer.arrival()
    assert without_queue_id.message_id == b"<2@x.example>"
    assert (without_message_id.queue_id, without_message_id.message_id) == (b"Q3", None)


def test_big_header(milter, daemon):
    """A header beyond 64 KiB: no ENVELOPE, the reason; the next message is whole again."""
    mta = milter.start().mta()
    mta.message("Q1", fields=(*FIELDS, *(("X-Big", "x" * 1000) for _ in range(70))))
    sent(mta, 2)
    peer = daemon.accept()
    big = peer.arrival()
    assert (big.queue_id, big.envelope, big.reason) == (b"Q1", None, TOO_BIG)
    check(peer.arrival(), 2)


# Nothing of one message gets into another.

def test_several_messages(milter, daemon):
    """Several messages on one connection, and one on another meanwhile."""
    milter.start()
    first, second = milter.mta(), milter.mta()
    first.rcpt("<user1@lab.test>")
    second.rcpt("<user2@lab.test>")
    for name, value in fields(1):
        first.header(name, value)
    sent(milter.mta(), 3)
    for name, value in fields(2):
        second.header(name, value)
    second.eom("Q2")
    first.eom("Q1")
    sent(first, 4)
    peer = daemon.accept()
    for number in (3, 2, 1, 4):
        check(peer.arrival(), number)


@pytest.mark.parametrize("steps", [ALL_STEPS, SKIP])
def test_abort(milter, daemon, steps):
    """RSET behind recipients, and behind half a header: nothing is told, nothing is left."""
    mta = milter.start().mta(steps)
    mta.rcpt("<mallory@lab.test>")
    mta.abort()
    sent(mta, 1)
    mta.rcpt("<mallory@lab.test>")
    mta.header("Message-ID", "<evil@x.example>")
    mta.header("X-Spam-Flag", "YES")
    mta.abort()
    mta.abort()
    sent(mta, 2)
    peer = daemon.accept()
    check(peer.arrival(), 1)
    check(peer.arrival(), 2)


def test_gone_within_a_message(milter, daemon):
    """A connection that ends in the middle of a message tells nothing."""
    milter.start()
    for polite in (True, False):
        mta = milter.mta()
        mta.rcpt("<mallory@lab.test>")
        mta.header("Subject", "half")
        if polite:
            mta.send(b"Q")
        mta.sock.close()
    sent(milter.mta(), 1)
    check(daemon.accept().arrival(), 1)


def test_another_smtp_connection(milter, daemon):
    """QUIT with a new SMTP connection on the same socket: what was negotiated is negotiated anew."""
    mta = milter.start().mta()
    sent(mta, 1)
    mta.rcpt("<mallory@lab.test>")
    mta.send(b"K")
    sent(mta, 2)
    peer = daemon.accept()
    check(peer.arrival(), 1)
    check(peer.arrival(), 2)


def test_garbage(milter, daemon):
    """Octets that are no milter protocol end their connection and nothing else."""
    milter.start()
    for octets in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\1Z", b"\xff" * 64):
        mta = milter.mta()
        mta.sock.sendall(octets)
        mta.sock.close()
    sent(milter.mta(), 1)
    check(daemon.accept().arrival(), 1)


# The daemon: away, stopped, restarted.

def test_without_a_daemon(milter):
    """No daemon: every message is accepted; what was held is sent when it is there."""
    mta = milter.start().mta()
    for number in range(20):
        sent(mta, number)
    peer = wake(milter, mta, milter.with_daemon())
    for number in range(20):
        check(peer.arrival(), number)
    assert peer.hello.lost == 0
    assert milter.log().count("mail goes on") == 1


def wake(milter, mta, daemon):
    """Ends messages until the milter has tried again to connect (once a second)."""
    got = []
    thread = threading.Thread(target=lambda: got.append(daemon.accept()))
    thread.start()

    def connected():
        mta.message("wake")
        return got
    until(connected, 20, "the milter has connected")
    thread.join()
    return got[0]


def test_restarted_daemon(milter):
    """What was not acknowledged is sent again, in its order, and nothing else; no second is lost."""
    daemon = milter.with_daemon()
    mta = milter.start().mta()
    for number in range(6):
        sent(mta, number)
    peer = daemon.accept()
    arrivals = [peer.arrival() for _ in range(6)]
    peer.ack(arrivals[0], arrivals[4], arrivals[2])
    peer.close()
    daemon.close()
    daemon = milter.with_daemon()
    peer = wake(milter, mta, daemon)
    for number in (1, 3, 5):
        check(peer.arrival(), number)
    assert peer.arrival().queue_id == b"wake"


def test_acknowledged_is_forgotten(milter, daemon):
    """Acknowledgements are read by the next message that ends."""
    mta = milter.start().mta()
    sent(mta, 1)
    peer = daemon.accept()
    peer.ack(peer.arrival())
    sent(mta, 2)
    peer.arrival()
    peer.close()
    sent(mta, 3)
    peer = wake(milter, mta, daemon)
    check(peer.arrival(), 2)
    check(peer.arrival(), 3)


def test_daemon_that_does_not_read(milter, daemon):
    """A stopped daemon delays nothing; when it reads again, all is there, in its order."""
    mta = milter.start().mta()
    sent(mta, 0)
    peer = daemon.accept()
    times = []
    count = 300 if SLOW else 3000
    for number in range(1, count):
        start = time.monotonic()
        sent(mta, number)
        times.append(time.monotonic() - start)
    assert SLOW or sorted(times)[len(times) * 99 // 100] < 0.02, "p99 of a whole message"
    got = []
    until(lambda: read_on(mta, peer, got) >= count, 60, "all of it has come")
    for number, arrival in enumerate(got):
        check(arrival, number)


def read_on(mta, peer, got):
    """Reads all that is there; what the kernel did not take before goes with the next message."""
    mta.message("more")
    while select.select([peer.sock], [], [], 0.05)[0]:
        peer.pending += peer.sock.recv(65536)
    while len(peer.pending) >= 4 and len(peer.pending) >= 4 + int.from_bytes(peer.pending[:4], "big"):
        arrival = peer.arrival()
        if arrival.queue_id != b"more":
            got.append(arrival)
    return len(got)


def test_bound(milter):
    """Beyond 10,000 arrivals the oldest go, are counted, and told with the next hello."""
    mta = milter.start().mta()
    for number in range(10020):
        sent(mta, number)
    peer = wake(milter, mta, milter.with_daemon())
    lost = peer.hello.lost
    assert lost >= 20
    check(peer.arrival(), lost)
    assert "found no room" in milter.log()


def test_refused(milter, daemon):
    """A daemon that refuses this user is asked again, no more than once a second, and told of once."""
    mta = milter.start().mta()
    for number in range(3):
        mta.message(f"Q{number}")
    peer = daemon.sock.accept()[0]
    peer.sendall(frame("REFUSED", TEXT="not you"))
    peer.close()
    until(lambda: mta.message("Q") or "not you" in milter.log(), 10, "it is in the log")
    sent(mta, 9)


# Many at once.

def crowd(milter, work, threads=8):
    """Runs work(thread's number) in threads; every failure of one is one of the test."""
    failures = []

    def run(number):
        try:
            work(number)
        except BaseException as error:      # pylint: disable=broad-except
            failures.append(error)
    crew = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    assert not failures, failures


class Checking(TakingDaemon):
    """Acknowledges everything; every arrival is of one message."""

    def __init__(self, path):
        self.numbers = []
        self.wrong = []
        super().__init__(path)

    def _serve(self, peer):
        try:
            while True:
                arrival = peer.arrival()
                number = int(arrival.queue_id[1:])
                try:
                    check(arrival, number)
                except AssertionError:
                    self.wrong.append(arrival.fields)
                self.numbers.append(number)
                peer.ack(arrival)
        except (OSError, AssertionError):
            pass


def test_many_connections(milter):
    """Connections with many messages, aborts and sudden ends at once, and reloads: no mix-up."""
    daemon = milter.keep(Checking(milter.arrival))
    milter.start()
    count = 20 if SLOW else 150

    def work(thread):
        mta = milter.mta(ALL_STEPS if thread % 2 else SKIP)
        for number in range(thread * 1000, thread * 1000 + count):
            if number % 7 == 0:
                mta.rcpt("<mallory@lab.test>")
                mta.header("Subject", "never")
                mta.abort()
            if number % 11 == 0:
                mta.rcpt("<mallory@lab.test>")
                mta.sock.close()
                mta = milter.mta()
            sent(mta, number)
    reloads = threading.Event()

    def reload():
        while not reloads.is_set():
            milter.reload()
    thread = threading.Thread(target=reload)
    thread.start()
    crowd(milter, work)
    reloads.set()
    thread.join()
    until(lambda: len(daemon.numbers) >= 8 * count, 30, "all arrivals are there")
    assert not daemon.wrong
    assert sorted(daemon.numbers) == [t * 1000 + n for t in range(8) for n in range(count)]


def test_daemon_dies_under_load(milter):
    """Connections end under the milter's hands: every message is accepted, each arrival is whole."""
    daemon = [Checking(milter.arrival)]
    milter.start()

    def work(thread):
        mta = milter.mta()
        for number in range(thread * 1000, thread * 1000 + (20 if SLOW else 100)):
            sent(mta, number)
            if thread == 0 and number % 25 == 24:
                daemon[-1].close()
                daemon.append(Checking(milter.arrival))
    crowd(milter, work)
    daemon[-1].close()
    assert not [wrong for one in daemon for wrong in one.wrong]


@pytest.mark.skipif(SLOW, reason="valgrind counts itself")
def test_memory(milter):
    """Aborts, sudden ends and whole messages leave no memory behind."""
    milter.keep(Checking(milter.arrival))
    milter.start()

    def work(_):
        for number in range(200):
            mta = milter.mta()
            mta.rcpt("<mallory@lab.test>")
            mta.header("X", "x" * 30000)
            if number % 3 == 0:
                mta.abort()
            if number % 3 == 1:
                sent(mta, number)
            mta.sock.close()
    crowd(milter, work)
    before = memory_kib(milter.worker)
    crowd(milter, work)
    assert memory_kib(milter.worker) - before < 8192


@pytest.mark.skipif(SLOW or SANITIZED, reason="the tool has an allocator of its own")
def test_out_of_memory(milter, daemon):
    """While one in 40 allocations fails: "accept", or libmilter's end of the connection, nothing else."""
    memory = NoMemory(milter.dir)
    milter.process.env.update(memory.env)
    milter.start()
    mta = milter.mta()
    memory.arm(every=40)
    accepted = 0
    for number in range(500):
        try:
            sent(mta, number)
            accepted += 1
        except Broken:
            mta.sock.close()
            mta = reconnected(milter)
    memory.disarm()
    mta.sock.close()
    mta = reconnected(milter)
    sent(mta, 1000)
    assert accepted > 50
    peer, got = daemon.accept(), []
    until(lambda: read_on(mta, peer, got) and got[-1].queue_id == b"Q1000", 30, "all that is held has come")
    for arrival in got:
        if arrival.queue_id is not None:        # else libmilter had no memory for the macro
            check(arrival, int(arrival.queue_id[1:]))
    assert 50 < len(got) <= accepted + 1


@pytest.mark.skipif(SLOW or SANITIZED, reason="the tool has an allocator of its own")
def test_each_allocation_fails(milter):
    """One message after the other, of whose allocations the first, the second, the third... fails: the
    message is accepted, or its connection ends, and the next one passes."""
    memory = NoMemory(milter.dir)
    milter.process.env.update(memory.env)
    milter.with_daemon()
    milter.start()
    accepted = number = 0
    while not number or memory.failed:      # until a message needs fewer than that
        number += 1
        mta = reconnected(milter)
        memory.arm(nth=number)
        try:
            sent(mta, number)
            accepted += 1
        except Broken:
            pass
        memory.disarm()
        mta.sock.close()
    assert number > 5 and accepted > 0
    assert milter.process.running


def reconnected(milter):
    """A connection that has got through its negotiation."""
    def connect():
        try:
            return milter.mta()
        except (Broken, ConnectionRefusedError):
            return None
    return until(connect, 30, "the milter takes a connection")


# Signals, the socket, the configuration.

def test_reload(milter, daemon):
    """SIGHUP reads quiet_header anew; connections stay."""
    mta = milter.start().mta()
    spam = (*FIELDS, ("X-Spam-Flag", "YES"))
    mta.message(fields=spam)
    peer = daemon.accept()
    assert peer.arrival().kind in (None, 0)
    milter.write(quiet_header="X-Spam-Flag: YES")
    milter.reload()
    mta.message(fields=spam)
    assert peer.arrival().kind == 2


def test_reload_that_is_refused(milter, daemon):
    """A configuration with a fault is told of, and the old one stays."""
    milter.write(quiet_header="X-Spam-Flag: YES")
    mta = milter.start().mta()
    milter.write(no_such_key=1)
    milter.process.signal(signal.SIGHUP)
    until(lambda: "no_such_key" in milter.log(), 10, "the fault is logged")
    mta.message(fields=(*FIELDS, ("X-Spam-Flag", "YES")))
    assert daemon.accept().arrival().kind == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_end(milter, daemon, number):
    """SIGTERM and SIGINT end it at once, in the middle of a message too; it starts again."""
    mta = milter.start().mta()
    mta.rcpt("<alice@lab.test>")
    start = time.monotonic()
    milter.process.signal(number)
    assert milter.process.child.wait(60) == 0
    assert SLOW or time.monotonic() - start < 2
    milter.start()
    sent(milter.mta(), 1)
    check(daemon.accept().arrival(), 1)


def test_killed_worker(milter, daemon):
    """kill -9 of the worker within a message: another takes its place, and nobody is refused."""
    milter.write(quiet_header="X-Spam-Flag: YES")
    milter.start()
    mta = milter.mta()
    mta.rcpt("<mallory@lab.test>")
    os.kill(milter.worker, signal.SIGKILL)
    with pytest.raises(Broken):
        mta.reply()
    milter.mta().message("Q1", fields=(*FIELDS, ("X-Spam-Flag", "YES")))
    got = daemon.accept().arrival()
    assert (got.queue_id, got.kind) == (b"Q1", 2)
    assert "signal 9" in milter.log()


@pytest.mark.skipif(SLOW, reason="one tool at a time can watch a process")
def test_no_process_to_be_had(milter, daemon):
    """Where no worker can be made, that is tried again each second; MTAs wait meanwhile."""
    milter.under("strace", "-D", "-o", "/dev/null", "-e", "inject=clone:error=EAGAIN:when=2..3")
    milter.start()
    os.kill(milter.worker, signal.SIGKILL)
    sent(milter.mta(), 1)
    check(daemon.accept().arrival(), 1)
    assert milter.log().count("no worker can be made") == 2


def test_killed_parent(milter, daemon):
    """kill -9 of the parent ends its worker; the socket that is left is replaced."""
    milter.start()
    worker = milter.worker
    milter.process.kill()
    until(lambda: process_state(worker) in (None, "Z"), 10, "the worker has ended")
    assert os.path.exists(milter.socket)
    milter.start()
    sent(milter.mta(), 1)
    check(daemon.accept().arrival(), 1)


def test_worker_told_to_end(milter):
    """libmilter ends at a SIGTERM of the worker's own, and takes the socket away: so all ends."""
    milter.clean = False        # ThreadSanitizer has much to say of libmilter's own end
    milter.start()
    os.kill(milter.worker, signal.SIGTERM)
    assert milter.process.child.wait(60) == 69


def test_socket(milter):
    """The socket: the hook's user, Postfix's group, closed to others."""
    milter.start()
    found = os.stat(milter.socket)
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert pwd.getpwuid(found.st_uid).pw_name == "nobody"
    assert grp.getgrgid(found.st_gid).gr_name == "postfix"


def test_rights(milter):
    """It runs as hook_user, with no way back."""
    milter.start()
    with open(f"/proc/{milter.worker}/status", encoding="ascii") as text:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in text if ":\t" in line)
    assert set(status["Uid"].split()) == {"65534"}
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapEff"], 16) == 0


def run(milter, *argv):
    return subprocess.run([*milter.process.argv, *argv], capture_output=True, text=True, check=False,
                          timeout=60)


def test_second_instance(milter):
    """Where one listens, another does not start, and takes nothing away."""
    milter.start()
    second = run(milter)
    assert second.returncode == 69 and "another process listens" in second.stderr
    milter.mta()


@pytest.mark.parametrize("listen,complaint", [
    ("", "milter_listen is not set"), ("unix:relative", "absolute"), ("/run/x", "neither"),
    ("unix:/nonexistent/milter", "/nonexistent/milter"), ("192.0.2.1:1", "192.0.2.1:1")])
def test_bad_addresses(milter, listen, complaint):
    """Addresses that are no good are told at the start."""
    milter.write(milter_listen=listen)
    done = run(milter)
    assert done.returncode in (69, 78) and complaint in done.stderr


def test_tcp(milter, daemon):
    """HOST:PORT works as well."""
    port, = free_ports(1)
    milter.write(milter_listen=f"127.0.0.1:{port}")
    milter.start()
    assert accepts(("127.0.0.1", port))


def test_options(milter):
    """--check, --help, --version, and what is no option."""
    assert run(milter, "--check").returncode == 0
    assert "usage" in run(milter, "--help").stdout
    assert run(milter, "--version").stdout.startswith("mailbell-milter ")
    assert run(milter, "--nonsense").returncode == 64
    assert run(milter, "argument").returncode == 64
    milter.write(nonsense=1)
    assert run(milter, "--check").returncode == 78


# The protocol's corners, by the tool that milter authors use.

@pytest.mark.parametrize("script", sorted(os.listdir(f"{HERE}/milter")))
def test_miltertest(milter, script):
    """A script of miltertest; what it tells the daemon is written in its comments."""
    daemon = milter.with_daemon()
    milter.start()
    done = subprocess.run(["miltertest", "-D", f"socket=unix:{milter.socket}", "-s",
                           f"{HERE}/milter/{script}"], capture_output=True, text=True, check=False,
                          timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(f"{HERE}/milter/{script}", encoding="ascii") as text:
        wanted = [line.split()[2:] for line in text if line.startswith("-- arrival ")]
    peer = daemon.accept() if wanted else None
    for queue_id, message_id in wanted:
        got = peer.arrival()
        assert (got.queue_id or b"-").decode() == queue_id
        assert (got.message_id or b"-").decode() == message_id
