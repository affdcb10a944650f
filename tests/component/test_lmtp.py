"""mailbell-lmtp between a scripted front and a scripted backend: answers, commands, connections."""

import contextlib
import itertools
import signal
import socket
import threading
import time

import pytest

# pylint: disable=unused-import,redefined-outer-name
from lmtp_fixtures import alone, backend, pair, proxy, worker  # noqa: F401
from lab.process import process_state
from lab.wait import until
from lmtp_peers import (ALICE, BOB, CARL, MESSAGE, Listener, Mailboxes, Peer, a_mail, cpu_ticks, deliver, greeted,
                        in_data, memory_kib, saved)

NO_BACKEND = b"421 4.4.2 Connection to the mailbox server lost"
ENVELOPE_OK = 0


# The answers.

@pytest.mark.parametrize("codes", itertools.product((250, 451, 550), repeat=3))
def test_every_mix_of_answers(pair, worker, codes):
    """Each recipient gets its own answer verbatim; the arrival names those with a 2xx."""
    front, back = pair
    in_data(front, back, ALICE, BOB, CARL)
    front.send(MESSAGE + b".\r\n")
    back.octets(MESSAGE + b".\r\n")
    answers = [saved(r, b"T%d" % i) if code == 250 else b"%d-%s\r\n%d no\r\n" % (code, r, code)
               for i, (r, code) in enumerate(zip((ALICE, BOB, CARL), codes))]
    back.send(b"".join(answers))
    front.octets(b"".join(answers))
    wanted = [(r, b"T%d" % i) for i, r in enumerate((ALICE, BOB, CARL)) if codes[i] == 250]
    if wanted:
        arrival = worker.arrival()
        assert arrival.recipients == wanted
        assert b'"hello"' in arrival.envelope and arrival.reason == ENVELOPE_OK
        assert arrival.message_id == b"<1@x.example>"
        assert arrival.queue_id == b"4jYSd65W3Gz1brl5"
        assert abs(arrival.time / 1000 - time.time()) < 60
    else:
        assert worker.nothing()


def test_refused_recipients_have_no_answer_behind_the_dot(pair, worker):
    """Answers to RCPT decide how many are due."""
    front, back = pair
    front.send(b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (ALICE, BOB))
    back.lines(4)
    back.send(b"250 ok\r\n550 5.1.1 who\r\n250 ok\r\n354 go\r\n")
    front.lines(4)
    front.send(MESSAGE + b".\r\nNOOP\r\n")
    back.octets(MESSAGE + b".\r\n")
    back.send(saved(BOB, b"T:R2"))
    back.octets(b"NOOP\r\n")
    back.send(b"250 noop\r\n")
    front.octets(saved(BOB, b"T:R2") + b"250 noop\r\n")
    assert worker.arrival().recipients == [(BOB, b"T:R2")]


def test_slow_answers_are_not_kept_back(pair, worker):
    """Each answer goes on when it comes, in an arrival of its own."""
    front, back = pair
    in_data(front, back, ALICE, BOB)
    front.send(MESSAGE + b".\r\n")
    back.octets(MESSAGE + b".\r\n")
    for i, r in enumerate((ALICE, BOB)):
        back.trickle(saved(r, b"T%d" % i))
        front.octets(saved(r, b"T%d" % i))
        assert worker.arrival().recipients == [(r, b"T%d" % i)]


def test_the_arrival_is_there_before_the_answer(pair, worker):
    """When the front has the 250, the frame lies in the daemon's socket."""
    front, back = pair
    in_data(front, back, ALICE)
    front.send(MESSAGE + b".\r\n")
    back.octets(MESSAGE + b".\r\n")
    back.send(saved(ALICE, b"T"))
    front.octets(saved(ALICE, b"T"))
    worker.sock.setblocking(False)
    assert worker.arrival().recipients == [(ALICE, b"T")]


def test_backend_dies_after_one_of_three(pair, worker):
    """What was answered stands, the rest gets a 4xx."""
    front, back = pair
    in_data(front, back, ALICE, BOB, CARL)
    front.send(MESSAGE + b".\r\nQUIT\r\n")
    back.octets(MESSAGE + b".\r\n")
    back.send(saved(ALICE, b"T"))
    back.close()
    assert front.end() == saved(ALICE, b"T") + NO_BACKEND + b"\r\n"
    assert worker.arrival().recipients == [(ALICE, b"T")]


def test_one_answer_too_many(pair, worker):
    """It is never taken for the answer to QUIT or to the next transaction."""
    front, back = pair
    in_data(front, back, ALICE)
    front.send(MESSAGE + b".\r\nRSET\r\nMAIL FROM:<>\r\n")
    back.octets(MESSAGE + b".\r\n")
    back.send(saved(ALICE, b"T") + saved(BOB, b"T:R2"))
    assert front.end() == saved(ALICE, b"T")
    assert back.end() == b""
    assert worker.arrival().recipients == [(ALICE, b"T")]
    assert worker.nothing()


@pytest.mark.parametrize("garbage", [b"hello\r\n", b"250+x\r\n", b"\0\0\0\r\n", b"250-a\r\n550 b\r\n",
                                     b"250 " + 70000 * b"x" + b"\r\n", 9000 * b"250-xxxxx\r\n"],
                         ids=["text", "separator", "nul", "two codes", "long line", "many lines"])
def test_what_is_no_answer(pair, garbage):
    """A backend that talks nonsense is what a dead one is."""
    front, back = pair
    in_data(front, back, ALICE, BOB)
    front.send(b"x\r\n.\r\n")
    back.octets(b"x\r\n.\r\n")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        back.send(saved(ALICE, b"T") + garbage)
    assert front.end() == saved(ALICE, b"T") + NO_BACKEND + b"\r\n"


@pytest.mark.parametrize("answer", [b"452 4.3.1 full", b"552 5.3.4 too big", b"421 4.3.2 bye"])
def test_a_premature_answer(pair, worker, answer):
    """It is relayed at once, and is the first recipient's."""
    front, back = pair
    in_data(front, back, ALICE, BOB)
    front.send(b"x\r\n")
    back.octets(b"x\r\n")
    back.send(answer + b"\r\n")
    assert front.line() == answer
    front.send(b".\r\n")
    back.octets(b".\r\n")
    back.send(saved(BOB, b"T"))
    front.octets(saved(BOB, b"T"))
    assert worker.arrival().recipients == [(BOB, b"T")]


def test_a_backend_that_goes_away_while_idle(alone):
    """The front is told by an end of file, at once, and by nothing else."""
    front, back = alone
    back.close()
    assert front.end() == b""


def test_a_thousand_recipients(pair, worker):
    """All in one segment; all of them in arrivals."""
    front, back = pair
    people = [b"somebody-with-a-long-name-%04d@department.example.org" % i for i in range(1000)]

    def serve():
        back.lines(1002)
        back.send(1001 * b"250 ok\r\n" + b"354 go\r\n")

    helper = threading.Thread(target=serve)
    helper.start()
    front.send(b"MAIL FROM:<>\r\n" + b"".join(b"RCPT TO:<%s>\r\n" % p for p in people) + b"DATA\r\n")
    assert front.lines(1002)[-1] == b"354 go"
    helper.join()
    front.send(MESSAGE + b".\r\n")
    back.octets(MESSAGE + b".\r\n")
    answers = b"".join(saved(p, b"T:R%d" % i) for i, p in enumerate(people))
    back.send(answers)
    front.octets(answers)
    got = []
    while len(got) < len(people):
        got += worker.arrival().recipients
    assert got == [(p, b"T:R%d" % i) for i, p in enumerate(people)]


# Commands.

def test_pipelined_quit(pair):
    """QUIT in the segment of the dot is answered behind the message."""
    front, back = pair
    in_data(front, back, ALICE)
    front.send(MESSAGE + b".\r\nQUIT\r\n")
    back.octets(MESSAGE + b".\r\n")
    back.send(saved(ALICE, b"T"))
    back.octets(b"QUIT\r\n")
    back.send(b"221 bye\r\n")
    assert front.end() == saved(ALICE, b"T") + b"221 bye\r\n"
    assert back.end() == b""


def test_several_transactions(pair, worker):
    """On one connection, with RSET and refused DATA between them.  RSET right behind a message stays here."""
    front, back = pair
    for i in range(3):
        front.send(b"RSET\r\nMAIL FROM:<>\r\nRCPT TO:<x@x>\r\nDATA\r\nRSET\r\n")
        if i == 0:
            back.octets(b"RSET\r\n")
            back.send(b"250 reset\r\n")
        back.octets(b"MAIL FROM:<>\r\nRCPT TO:<x@x>\r\nDATA\r\n")
        back.send(b"250 ok\r\n550 no\r\n503 none\r\n")
        back.octets(b"RSET\r\n")
        back.send(b"250 reset\r\n")
        assert [line[:3] for line in front.lines(5)] == [b"250", b"250", b"550", b"503", b"250"]
        in_data(front, back, ALICE, BOB)
        front.send(MESSAGE + b".\r\n")
        back.octets(MESSAGE + b".\r\n")
        back.send(saved(ALICE, b"T%d" % i) + saved(BOB, b"T%d:R2" % i))
        front.octets(saved(ALICE, b"T%d" % i) + saved(BOB, b"T%d:R2" % i))
        assert worker.arrival().recipients == [(ALICE, b"T%d" % i), (BOB, b"T%d:R2" % i)]


@pytest.mark.parametrize("farewell", [b"", b"421 4.3.2 shutting down\r\n"])
def test_reset_behind_the_backends_end(proxy, alone, farewell):
    """A kept session is taken up with RSET in the moment in which its backend ends: the answer is that end."""
    front, back = alone
    a_mail(front, back, b"T")
    pid = proxy.signal_worker(signal.SIGSTOP)
    until(lambda: process_state(pid) == "T", 10, "the worker has stopped")
    front.send(b"RSET\r\n")
    back.send(farewell)
    back.close()
    proxy.signal_worker(signal.SIGCONT)
    assert front.end() == farewell


@pytest.mark.parametrize("command", [b"STARTTLS", b"BDAT 10 LAST", b"XCLIENT ADDR=1.2.3.4", b"HELP",
                                     b"XFORWARD NAME=x", b"", b"EHLO x", b"GET / HTTP/1.1"])
def test_commands_that_are_not_relayed(alone, command):
    """502, in its place among the backend's answers."""
    front, back = alone
    front.send(b"NOOP a\r\n" + command + b"\r\nVRFY b\r\n")
    back.octets(b"NOOP a\r\nVRFY b\r\n")
    assert front.nothing()
    back.send(b"250 a\r\n252 b\r\n")
    front.octets(b"250 a\r\n502 5.5.1 Command not implemented\r\n252 b\r\n")


@pytest.mark.parametrize("command", [b"NOOP\rRSET\r\n", b"NOOP \0\r\n"])
def test_odd_octets_in_commands(alone, command):
    """A CR or NUL inside a command: 500, not relayed."""
    front, back = alone
    front.send(command + b"RSET\n")
    back.octets(b"RSET\r\n")
    back.send(b"250 reset\r\n")
    front.octets(b"500 5.5.2 Bare CR or NUL in a command\r\n250 reset\r\n")


def test_an_overlong_command(alone):
    """500 in its place, then the end."""
    front, back = alone
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        front.send(b"NOOP\r\nRCPT TO:<" + 65536 * b"x")
    back.octets(b"NOOP\r\n")
    back.send(b"250 noop\r\n")
    assert front.end() == b"250 noop\r\n500 5.5.2 Line too long\r\n"
    assert back.end() == b""


def test_the_offer(proxy, backend):
    """LHLO passes on what a proxy that relays octets can keep, and nothing else."""
    proxy.start()
    front = proxy.front()
    back = backend.accept()
    back.send(b"220 x\r\n")
    front.send(b"LHLO me.example\r\n")
    back.octets(b"LHLO me.example\r\n")
    back.send(b"250-b.example\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-SIZE 1000\r\n250-STARTTLS\r\n"
              b"250-XCLIENT ADDR\r\n250-dsn\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250 VRFY\r\n")
    front.octets(b"220 x\r\n250-b.example\r\n250-8BITMIME\r\n250-SIZE 1000\r\n250-dsn\r\n250-SMTPUTF8\r\n"
                 b"250 PIPELINING\r\n")


def test_recipients_are_passed_on_as_they_are(pair, worker):
    """The same twice, with parameters, quoted."""
    front, back = pair
    lines = (b"RCPT TO:<%s>\r\nRCPT TO:<%s> ORCPT=rfc822;b@x\r\nRCPT TO:<\"\">\r\n"
             b"rcpt to:<\"a>b\"@x.example>\r\n" % (ALICE, ALICE))
    front.send(b"MAIL FROM:<> BODY=8BITMIME\r\n" + lines + b"DATA\r\n")
    back.octets(b"MAIL FROM:<> BODY=8BITMIME\r\n" + lines + b"DATA\r\n")
    back.send(5 * b"250 ok\r\n" + b"354 go\r\n")
    front.lines(6)
    front.send(MESSAGE + b".\r\n")
    back.octets(MESSAGE + b".\r\n")
    back.send(2 * saved(ALICE, b"T") + b"250 2.0.0 accepted\r\n" + saved(b"q", b"T:R4"))
    assert worker.arrival().recipients == [(ALICE, b"T"), (ALICE, b"T"), (b'""', None),
                                           (b'"a>b"@x.example', b"T:R4")]


# Connections.

def test_no_backend(proxy):
    """421, as from a dead backend; and when it is back, it is used."""
    proxy.start()
    assert proxy.front().end().startswith(b"421 4.3.2 ")
    assert f"lmtp_backend unix:{proxy.backend}: No such file or directory" in proxy.log()
    greeted(proxy, proxy.with_backend())


def test_a_backend_that_is_busy(proxy, backend):
    """Its greeting is relayed, whatever it says."""
    proxy.start()
    front = proxy.front()
    back = backend.accept()
    back.send(b"421 4.3.2 too many\r\n")
    assert front.end() == b"421 4.3.2 too many\r\n"


def test_a_full_backlog_is_waited_for(proxy):
    """A backend that does not accept for a while is no dead one."""
    backend = proxy.keep(Listener(proxy.backend, backlog=0))
    proxy.start()
    fronts = [proxy.front() for _ in range(3)]
    for front in fronts:
        assert front.nothing(0.1)
    for _ in fronts:
        backend.accept().send(b"220 ready\r\n")
    for front in fronts:
        assert front.line() == b"220 ready"


@pytest.mark.parametrize("said", [b"", b"Subject: x\r\n\r\nbody\r\n", b"body\r\n.", b"body\r\n.\r"])
def test_a_vanished_front_cancels(pair, worker, said):
    """No dot for the backend, no arrival: Postfix leaves a probe like that."""
    front, back = pair
    in_data(front, back, ALICE)
    front.send(said)
    front.close()
    assert back.end() == said.rstrip(b"\r").removesuffix(b".")
    assert worker.nothing()


def test_a_front_that_leaves_behind_the_dot(pair, worker):
    """The mail is delivered, so it rings."""
    front, back = pair
    in_data(front, back, ALICE)
    front.send(MESSAGE + b".\r\n")
    front.close()
    back.octets(MESSAGE + b".\r\n")
    back.send(saved(ALICE, b"T"))
    assert worker.arrival().recipients == [(ALICE, b"T")]
    assert back.end() == b""


def test_a_half_closed_front(pair, worker):
    """Who shuts down behind QUIT still gets all answers."""
    front, back = pair
    in_data(front, back, ALICE)
    front.send(MESSAGE + b".\r\nQUIT\r\n")
    front.sock.shutdown(socket.SHUT_WR)
    back.octets(MESSAGE + b".\r\n")
    back.send(saved(ALICE, b"T"))
    back.octets(b"QUIT\r\n")
    back.send(b"221 bye\r\n")
    assert front.end() == saved(ALICE, b"T") + b"221 bye\r\n"


def test_no_busy_loop(proxy, backend, pair, worker):
    """Closed fronts, full buffers and a dead daemon take no time."""
    front, back = pair
    in_data(front, back, ALICE)
    front.send(MESSAGE + b".\r\n")
    front.close()
    back.octets(MESSAGE + b".\r\n")
    stuck, deaf = greeted(proxy, backend)
    in_data(stuck, deaf, ALICE)
    stuck.sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while stuck.sock.send(65536 * b"x"):
            pass
    worker.close()
    pid, = proxy.workers()
    before = cpu_ticks(pid)
    time.sleep(1)       # a span of time, not a wait for something
    assert cpu_ticks(pid) - before <= 10
    assert memory_kib(pid) < 16 * 1024


def test_descriptors_run_out(proxy):
    """With 64 of them nobody is refused: sessions wait, then go on."""
    mailboxes = proxy.keep(Mailboxes(proxy.backend))
    proxy.limit_descriptors(64)
    proxy.start()
    fronts = [proxy.front() for _ in range(40)]
    served = [front for front in fronts if not front.nothing(0.05)]
    assert 0 < len(served) < 40
    for n, front in enumerate(fronts):
        assert deliver(front, b"number %d" % n), proxy.log()
        front.close()
    assert len(mailboxes.got) == 40


def test_tcp(proxy):
    """Both sides over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        server.settimeout(10)
        proxy.write(lmtp_listen=[f"unix:{proxy.listen}", f"127.0.0.1:{port}"],
                    lmtp_backend=f"127.0.0.1:{server.getsockname()[1]}")
        proxy.start()
        front = proxy.keep(Peer(socket.create_connection(("127.0.0.1", port))))
        back = proxy.keep(Peer(server.accept()[0]))
        back.send(b"220 hello\r\n")
        assert front.line() == b"220 hello"
        front.close()
        assert back.end() == b""
        server.close()
        assert proxy.front().end().startswith(b"421 ")
