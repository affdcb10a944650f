"""mailbell-lmtp, the daemon and the operating system: arrivals held, reload, kills, options."""

import contextlib
import fcntl
import itertools
import os
import signal
import socket
import struct
import subprocess
import termios
import threading

import pytest

from lab.wait import until
# pylint: disable=unused-import,redefined-outer-name
from lmtp_fixtures import alone, backend, pair, proxy, worker  # noqa: F401
from lmtp_peers import (ALICE, BOB, MESSAGE, Mailboxes, TakingDaemon, a_mail, deliver, greeted, in_data,
                        saved)

EX_USAGE, EX_CONFIG = 64, 78


# The daemon.

def test_hello(worker):
    """Who speaks, in which version, as which hook."""
    hello = worker.hello
    assert (hello.program, hello.version, hello.hook, hello.lost) == (b"mailbell-lmtp", b"0.1", b"lmtp", 0)


def test_daemon_away(proxy, alone):
    """Mail goes on; arrivals are held, and handed over in their order when it is back."""
    front, back = alone
    for i in range(5):
        a_mail(front, back, b"T%d" % i)
    worker = proxy.with_daemon().accept()
    arrivals = [worker.arrival() for _ in range(5)]
    assert [a.recipients[0].token for a in arrivals] == [b"T%d" % i for i in range(5)]
    a_mail(front, back, b"T5")
    assert worker.arrival().recipients == [(ALICE, b"T5")]


def test_resending(proxy, backend):
    """After a reconnect comes all that was not acknowledged, and nothing else."""
    daemon = proxy.with_daemon()
    proxy.start()
    worker = daemon.accept()
    front, back = greeted(proxy, backend)
    for i in range(4):
        a_mail(front, back, b"T%d" % i)
    arrivals = [worker.arrival() for _ in range(4)]
    worker.ack(arrivals[2], arrivals[0])
    # An acknowledgement is read before what follows it.
    a_mail(front, back, b"T4")
    arrivals.append(worker.arrival())
    worker.close()
    worker = daemon.accept()
    again = [worker.arrival() for _ in range(3)]
    assert [a.recipients[0].token for a in again] == [b"T1", b"T3", b"T4"]
    assert [a.seq for a in again] == [arrivals[i].seq for i in (1, 3, 4)]
    worker.ack(*again)
    worker.sock.shutdown(socket.SHUT_WR)
    worker = daemon.accept()
    assert worker.nothing(0.5)


def unread(sock):
    """Octets that the other side has not read yet."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


def test_acknowledgements_are_read_later(proxy, backend):
    """Nothing wakes the proxy for one: it is read in a second or so, or when the daemon goes, though that
    went with an arrival unread."""
    daemon = proxy.with_daemon()
    proxy.start()
    worker = daemon.accept()
    front, back = greeted(proxy, backend)
    a_mail(front, back, b"T0")
    worker.ack(worker.arrival())
    until(lambda: unread(worker.sock) == 0, 10, "the acknowledgement is read")
    a_mail(front, back, b"T1")
    arrival = worker.arrival()
    a_mail(front, back, b"T2")
    worker.ack(arrival)
    worker.close()
    assert daemon.accept().arrival().recipients == [(ALICE, b"T2")]


@pytest.mark.parametrize("answer", [b"\xff\xff\xff\xff", b"\0\0\0\2\1\7", b"\0\0\0\2\2\x21"])
def test_a_daemon_that_talks_nonsense(proxy, backend, answer):
    """That connection ends; the next gets what was on it."""
    daemon = proxy.with_daemon()
    proxy.start()
    worker = daemon.accept()
    front, back = greeted(proxy, backend)
    a_mail(front, back, b"T")
    worker.arrival()
    worker.send(answer)
    assert daemon.accept().arrival().recipients == [(ALICE, b"T")]
    a_mail(front, back, b"T1")


def test_a_stopped_daemon(pair, worker):
    """A daemon that reads nothing delays nothing, and gets all of it later."""
    front, back = pair
    for i in range(400):
        a_mail(front, back, b"T%d" % i, MESSAGE.replace(b"hello", 2000 * b"h"))
    for i in range(400):
        assert worker.arrival().recipients[0].token == b"T%d" % i


# Processes.
class Load(threading.Thread):
    """Mail after mail, each on its own connection, until stopped; a refused one is an error."""

    def __init__(self, proxy, name):
        super().__init__()
        self.proxy, self.name_ = proxy, name
        self.going, self.taken, self.cut, self.errors = True, [], 0, []

    def run(self):
        for n in itertools.count():
            if not self.going:
                return
            subject = b"%s-%d" % (self.name_, n)
            try:
                front = self.proxy.front()
                if deliver(front, subject):
                    self.taken.append(subject)
                else:
                    self.cut += 1
                front.close()
            except (OSError, AssertionError) as error:
                self.errors.append(error)


@contextlib.contextmanager
def load(proxy, threads=4):
    running = [Load(proxy, b"load%d" % n) for n in range(threads)]
    for one in running:
        one.start()
    try:
        yield running
    finally:
        for one in running:
            one.going = False
        for one in running:
            one.join()


def test_reload_under_load(proxy):
    """SIGHUP, 20 times: no refused connection, no cut session, no lost and no doubled mail."""
    mailboxes = proxy.keep(Mailboxes(proxy.backend))
    daemon = proxy.keep(TakingDaemon(proxy.arrival))
    proxy.write(lmtp_workers=2)
    proxy.start()
    pid = proxy.process.pid
    with load(proxy) as loads:
        for _ in range(20):
            old = set(proxy.workers())
            proxy.reload()
            until(lambda: not old & set(proxy.workers()) and len(proxy.workers()) == 2, 20,
                  "new workers, and none of the old ones")
    assert [one.errors for one in loads] == 4 * [[]]
    assert [one.cut for one in loads] == 4 * [0]
    taken = [subject for one in loads for subject in one.taken]
    assert len(taken) > 20 and all(mailboxes.got[subject] == 1 for subject in taken)
    assert sum(mailboxes.got.values()) == len(taken)
    until(lambda: len(daemon.tokens) == len(taken), 10, "each mail rings, also the one just taken")
    assert proxy.process.running and proxy.process.pid == pid


def test_workers_push_nobody_aside(proxy, backend):
    """What comes in waits for the end of the slice of who runs, where no CPU is idle."""
    proxy.start()
    greeted(proxy, backend)
    assert {os.sched_getscheduler(pid) for pid in proxy.workers()} == {os.SCHED_BATCH}


def test_killed_workers_under_load(proxy):
    """kill -9 costs that worker's sessions; no connection is refused, what was taken is there."""
    mailboxes = proxy.keep(Mailboxes(proxy.backend))
    proxy.write(lmtp_workers=2)
    proxy.start()
    with load(proxy) as loads:
        for _ in range(5):
            workers = until(lambda: len(proxy.workers()) == 2 and proxy.workers(), 10, "two workers")
            os.kill(workers[0], signal.SIGKILL)
            until(lambda pid=workers[0]: pid not in proxy.workers(), 10, "it is gone")
    assert [one.errors for one in loads] == 4 * [[]]
    for one in loads:
        assert one.taken and all(mailboxes.got[subject] == 1 for subject in one.taken)
    assert "was ended by signal 9" in proxy.log()


def test_parent_keeps_the_listener(proxy, backend):
    """While no worker lives, connections wait for the next one."""
    proxy.start()
    pid = proxy.signal_worker(signal.SIGKILL)
    front = proxy.front()
    back = backend.accept()
    back.send(b"220 ready\r\n")
    assert front.line() == b"220 ready"
    assert proxy.workers() != [pid]


def test_reload_leaves_open_transactions_alone(proxy, backend):
    """An old worker finishes what is open, then closes, and goes when it holds nothing more."""
    daemon = proxy.with_daemon()
    proxy.start()
    first = daemon.accept()
    front, back = greeted(proxy, backend)
    in_data(front, back, ALICE)
    old, = proxy.workers()
    proxy.reload()
    second = daemon.accept()
    new_front, new_back = greeted(proxy, backend)
    front.send(MESSAGE + b".\r\n")
    back.octets(MESSAGE + b".\r\n")
    back.send(saved(ALICE, b"T"))
    assert front.end() == saved(ALICE, b"T")
    assert back.end() == b""
    front.close()
    arrival = first.arrival()
    assert arrival.recipients == [(ALICE, b"T")]
    assert old in proxy.workers(), "it stays until the arrival is acknowledged"
    first.ack(arrival)
    until(lambda: old not in proxy.workers(), 10, "the old worker is gone")
    a_mail(new_front, new_back, b"T2")
    assert second.arrival().recipients == [(ALICE, b"T2")]


def test_reload_lets_a_fresh_session_deliver(proxy, backend):
    """A session without a transaction may have one: closed behind the greeting, it would look dead."""
    proxy.start()
    front, back = greeted(proxy, backend)
    old, = proxy.workers()
    proxy.reload()
    until(lambda: any(pid != old for pid in proxy.workers()), 10, "a new worker")
    a_mail(front, back, b"T")
    assert front.end() == b""


def test_reload_lets_a_reused_session_deliver(proxy, backend):
    """Behind the answer to RSET comes a message: closed there, Postfix would hold its mail back."""
    proxy.start()
    front, back = greeted(proxy, backend)
    a_mail(front, back, b"T")
    old, = proxy.workers()
    front.send(b"RSET\r\n")
    assert front.line() == b"250 2.0.0 OK"
    proxy.reload()
    until(lambda: any(pid != old for pid in proxy.workers()), 10, "a new worker")
    a_mail(front, back, b"T2")
    assert front.end() == b""


def test_reload_with_a_broken_configuration(proxy, backend):
    """It is logged, and all goes on as it was."""
    proxy.start()
    workers = proxy.workers()
    with open(proxy.config, "a", encoding="utf-8") as out:
        out.write("no_such_key = 1\n")
    proxy.reload()
    until(lambda: "going on as before" in proxy.log(), 10, "the log says so")
    assert proxy.workers() == workers
    greeted(proxy, backend)


def test_reload_reads_the_configuration(proxy):
    """Another backend is used after SIGHUP."""
    proxy.start()
    old, = proxy.workers()
    proxy.backend += "2"
    proxy.write(lmtp_backend=f"unix:{proxy.backend}")
    backend = proxy.with_backend()
    proxy.reload()
    until(lambda: proxy.workers() and old not in proxy.workers(), 10, "a new worker")
    greeted(proxy, backend)


def test_stop(proxy, pair, worker):
    """SIGTERM: an open transaction is finished, an idle session is closed, the exit status is 0."""
    front, back = pair
    a_mail(front, back, b"T")
    in_data(front, back, ALICE)
    proxy.process.signal(signal.SIGTERM)
    worker.ack(worker.arrival())
    front.send(MESSAGE + b".\r\n")
    back.octets(MESSAGE + b".\r\n")
    back.send(saved(ALICE, b"T1"))
    assert front.end() == saved(ALICE, b"T1")
    front.close()
    worker.ack(worker.arrival())
    assert proxy.process.child.wait(10) == 0


def test_killed_parent_with_systemds_socket(proxy, backend):
    """Who holds the socket starts another parent: a connection made in between is served."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(proxy.listen)
        os.chmod(proxy.listen, 0o666)
        listener.listen(100)
        proxy.process.listening = [listener]
        proxy.start()
        workers = proxy.workers()
        proxy.process.kill()
        until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), 10,
              "the workers have followed")
        front = proxy.front()
        proxy.process.start()
        back = backend.accept()
        back.send(b"220 ready\r\n")
        assert front.line() == b"220 ready"
        front.close()
        assert proxy.process.stop(40) == 0


READY = "mailbell-lmtp: mailbell-lmtp 0.1 is ready\n"


def test_ready(proxy, backend):
    """Said when it can be connected to and a worker serves; after a reload by the new program, too."""
    proxy.process.start()
    until(lambda: READY in proxy.log(), 10, "it is ready")
    assert proxy.workers()
    greeted(proxy, backend)
    proxy.reload()
    until(lambda: proxy.log().count(READY) == 2, 10, "the new program is ready")
    assert proxy.process.stop(40) == 0
    assert proxy.log().count(READY) == 2


def test_not_ready_without_a_worker(proxy):
    """Workers that end before they serve make nobody ready."""
    proxy.process.argv = ["strace", "-D", "-f", "-o", "/dev/null", "-e", "inject=signalfd4:error=EMFILE",
                          *proxy.process.argv]
    proxy.process.start()
    until(lambda: proxy.log().count("has ended with status 71") == 2, 20, "two workers have ended")
    assert os.path.exists(proxy.listen) and "is ready" not in proxy.log()


# The command line.

@pytest.mark.parametrize("settings, words, status, text", [
    ({}, ["--check"], 0, ""),
    ({"lmtp_backend": "nonsense"}, ["--check"], EX_CONFIG, "nonsense"),
    ({}, ["--version"], 0, "mailbell-lmtp 0.1"),
    ({}, ["--help"], 0, "usage:"),
    ({}, ["--nonsense"], EX_USAGE, "usage:"),
    ({}, ["more"], EX_USAGE, "usage:"),
])
def test_command_line(proxy, settings, words, status, text):
    """What each option does, and the exit status of sysexits(3)."""
    proxy.write(**settings)
    done = subprocess.run([proxy.binary, "-c", proxy.config, *words], capture_output=True, text=True,
                          check=False, timeout=10)
    assert done.returncode == status
    assert text in done.stdout + done.stderr


def test_logs_tell_no_secrets(proxy, pair, worker):
    """One line per recipient with the queue id; no subject, sender, or text of an answer."""
    front, back = pair
    in_data(front, back, ALICE, BOB)
    front.send(MESSAGE + b".\r\n")
    back.octets(MESSAGE + b".\r\n")
    back.send(saved(ALICE, b"SECRET") + b"550 5.7.1 CANARY\r\n")
    front.lines(2)
    log = proxy.log()
    assert "4jYSd65W3Gz1brl5: to=<alice@x.example>, delay=" in log and "said=250, envelope=ok" in log
    assert "to=<bob@x.example>" in log and "said=550, envelope=none" in log
    for secret in ("hello", "fred", "s@x.example", "SECRET", "CANARY"):
        assert secret not in log
