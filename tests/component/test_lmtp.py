"""mailbell-lmtp between a scripted front, a scripted backend and a scripted daemon."""

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import threading
import time

import pytest

from lab.process import children
from lab.wait import until
from lmtp_peers import MESSAGE, Mailboxes, Peer, Proxy, TakingDaemon, greeted, in_data, saved

EX_USAGE, EX_CONFIG = 64, 78
ALICE, BOB, CARL = b"alice@x.example", b"bob@x.example", b"carl@x.example"
NO_BACKEND = b"421 4.4.2 Connection to the mailbox server lost"
NOT_CRLF = b"451 4.5.2 A line end next to a dot line is not CRLF\r\n"
ENVELOPE_OK, HEADER_TOO_BIG = 0, 1
BULK, QUIET = 1, 2


@pytest.fixture
def proxy():
    with Proxy() as running:
        yield running


@pytest.fixture
def backend(proxy):
    return proxy.with_backend()


@pytest.fixture
def worker(proxy, backend):
    """The only worker's connection to the daemon."""
    daemon = proxy.with_daemon()
    proxy.start()
    return daemon.accept()


@pytest.fixture
def pair(proxy, backend, worker):
    """A front and a backend, behind LHLO, with a daemon."""
    return greeted(proxy, backend)


@pytest.fixture
def alone(proxy, backend):
    """The same, without a daemon."""
    proxy.start()
    return greeted(proxy, backend)


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


# The end of data.

SMUGGLE = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<%s>\r\nDATA\r\nsmuggled\r\n.\r\n" % BOB


@pytest.mark.parametrize("ending", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r\n\n.\r\n", b"\r\n.\n\r\n"])
@pytest.mark.parametrize("trickle", [False, True])
def test_a_dot_line_with_a_bare_lf(pair, worker, ending, trickle):
    """451, the backend is closed first, and has not seen the dot; nothing behind it passes."""
    front, back = pair
    in_data(front, back, ALICE)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        (front.trickle if trickle else front.send)(b"Subject: x\r\n\r\nbody" + ending + SMUGGLE)
    passed = back.end()
    assert b"." not in passed and b"evil" not in passed
    assert front.end() == NOT_CRLF
    assert worker.nothing()


@pytest.mark.parametrize("odd", [b"\r.\r", b"\r\n.\r", b"\n.\rx", b"\r.\r\n", b"\r\n.\r\r\n", b"\r\n..\r\n",
                                 b"\r\n.x\r\n", b"x.\r\n", b"\nx\n", b"\r\n...\r\n", b"\0\r\n\xff\xfe"])
@pytest.mark.parametrize("trickle", [False, True])
def test_what_only_looks_like_an_end(pair, worker, odd, trickle):
    """It passes as it is, and the message ends where it ends."""
    front, back = pair
    in_data(front, back, ALICE)
    message = b"Subject: x\r\n\r\nbody" + odd + b"MAIL FROM:<x>\r\n"
    (front.trickle if trickle else front.send)(message + b".\r\n")
    back.octets(message + b".\r\n")
    back.send(saved(ALICE, b"T"))
    front.octets(saved(ALICE, b"T"))
    assert worker.arrival().recipients == [(ALICE, b"T")]


@pytest.mark.parametrize("message", [b"", b"..\r\n", b"\r\n"])
def test_small_messages(pair, worker, message):
    """An empty message, and a dot as the first octet."""
    front, back = pair
    in_data(front, back, ALICE)
    front.send(message + b".\r\n")
    back.octets(message + b".\r\n")
    back.send(saved(ALICE, b"T"))
    front.octets(saved(ALICE, b"T"))
    assert worker.arrival().envelope == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


def test_dots_at_the_borders_of_buffers(pair):
    """Ends of data, real ones and others, at every place around 16 KiB."""
    front, back = pair
    for at in range(16384 - 8, 16384 + 4):
        in_data(front, back, ALICE)
        message = (at - 2) * b"x" + b"\r\n..\r\n.\rx\r\n" + 16384 * b"y" + b"\r\n"
        helper = threading.Thread(target=front.send, args=(message + b".\r\n",))
        helper.start()
        back.octets(message + b".\r\n")
        helper.join()
        back.send(saved(ALICE, b"T"))
        front.octets(saved(ALICE, b"T"))


def test_the_dot_is_held_back(pair):
    """What may begin an end of data waits for what follows."""
    front, back = pair
    in_data(front, back, ALICE)
    front.send(b"x\r\n.")
    back.octets(b"x\r\n")
    assert back.nothing()
    front.send(b"\r")
    assert back.nothing()
    front.send(b"y")
    back.octets(b".\ry")


def random_message(dice):
    """Odd octets, but no dot line with a bare LF and no early end."""
    pieces = [b"\r\n", b"\r", b"x", b"..", b"\0", b"\xff", 300 * b"long ", b"Subject: x", b"\r\n.."]
    return b"".join(dice.choice(pieces) for _ in range(dice.randrange(200))) + b"\r\n"


def test_messages_pass_unaltered(pair):
    """300 odd messages on one connection, octet for octet, in random writes."""
    front, back = pair
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(300):
        message = random_message(dice)
        in_data(front, back, ALICE)
        left = message + b".\r\n"
        while left:
            cut = dice.randrange(1, len(left) + 1)
            front.send(left[:cut])
            left = left[cut:]
        back.octets(message + b".\r\n")
        back.send(saved(ALICE, b"T"))
        front.octets(saved(ALICE, b"T"))


def test_a_big_message(pair, proxy):
    """50 MB with a line of 1 MB, unaltered, in bounded memory."""
    front, back = pair
    in_data(front, back, ALICE)
    line = 999 * b"0123456789" + b"\r\n"
    message = b"Subject: big\r\n\r\n" + 1000000 * b"x" + b"\r\n" + 5000 * line

    def send():
        front.send(message + b".\r\n")

    helper = threading.Thread(target=send)
    helper.start()
    back.octets(message + b".\r\n")
    helper.join()
    back.send(saved(ALICE, b"T"))
    front.octets(saved(ALICE, b"T"))
    assert memory_kib(*proxy.workers()) < 16 * 1024


def memory_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        anon = [line for line in status if line.startswith("RssAnon")]
    return int(anon[0].split()[1])


# The header block.

def test_a_header_that_is_too_big(pair, worker):
    """The mail passes, and becomes a SYNC."""
    front, back = pair
    in_data(front, back, ALICE)
    message = b"Subject: x\r\n" + 2000 * b"X-Long: 0123456789012345678901234567890\r\n" + b"\r\nbody\r\n"
    front.send(message + b".\r\n")
    back.octets(message + b".\r\n")
    back.send(saved(ALICE, b"T"))
    arrival = worker.arrival()
    assert arrival.envelope is None and arrival.reason == HEADER_TOO_BIG
    front.octets(saved(ALICE, b"T"))


def test_the_queue_id(pair, worker):
    """The topmost Received line's, as Postfix folds it; what is below does not count."""
    front, back = pair
    in_data(front, back, ALICE)
    message = (b"Received: from a.example (a.example [192.0.2.1])\r\n"
               b"\tby mx.x.example (Postfix) with ESMTPS id 4jYSd65W3Gz1brl5\r\n"
               b"\tfor <alice@x.example>; Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\n"
               b"Received: by a.example id OTHER; Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\n\r\n")
    front.send(message + b".\r\n")
    back.octets(message + b".\r\n")
    back.send(saved(ALICE, b"T"))
    assert worker.arrival().queue_id == b"4jYSd65W3Gz1brl5"


def test_kinds_and_dots():
    """Bulk and quiet mail is named so; the copy of the header is unstuffed."""
    with Proxy(quiet_header="X-Spam-Flag: YES") as proxy:
        backend = proxy.with_backend()
        daemon = proxy.with_daemon()
        proxy.start()
        worker = daemon.accept()
        front, back = greeted(proxy, backend)
        in_data(front, back, ALICE)
        front.send(b"Subject: a\r\n..b: c\r\nList-Id: <l>\r\nX-Spam-Flag: YES\r\n\r\n.\r\n")
        back.octets(b"Subject: a\r\n..b: c\r\nList-Id: <l>\r\nX-Spam-Flag: YES\r\n\r\n.\r\n")
        back.send(saved(ALICE, b"T"))
        arrival = worker.arrival()
        assert arrival.kind == BULK | QUIET
        assert b'"a"' in arrival.envelope


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
    """On one connection, with RSET and refused DATA between them."""
    front, back = pair
    for i in range(3):
        front.send(b"RSET\r\nMAIL FROM:<>\r\nRCPT TO:<x@x>\r\nDATA\r\nRSET\r\n")
        back.octets(b"RSET\r\nMAIL FROM:<>\r\nRCPT TO:<x@x>\r\nDATA\r\n")
        back.send(b"250 reset\r\n250 ok\r\n550 no\r\n503 none\r\n")
        back.octets(b"RSET\r\n")
        back.send(b"250 reset\r\n")
        assert [line[:3] for line in front.lines(5)] == [b"250", b"250", b"550", b"503", b"250"]
        in_data(front, back, ALICE, BOB)
        front.send(MESSAGE + b".\r\n")
        back.octets(MESSAGE + b".\r\n")
        back.send(saved(ALICE, b"T%d" % i) + saved(BOB, b"T%d:R2" % i))
        front.octets(saved(ALICE, b"T%d" % i) + saved(BOB, b"T%d:R2" % i))
        assert worker.arrival().recipients == [(ALICE, b"T%d" % i), (BOB, b"T%d:R2" % i)]


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
    backend = proxy.keep(type(proxy.with_backend())(proxy.backend, backlog=0))
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


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


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


# The daemon.

def a_mail(front, back, token, message=MESSAGE):
    in_data(front, back, ALICE)
    front.send(message + b".\r\n")
    back.octets(message + b".\r\n")
    back.send(saved(ALICE, token))
    front.octets(saved(ALICE, token))


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
    assert len(daemon.tokens) == len(taken), "each mail rings"
    assert proxy.process.running and proxy.process.pid == pid


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
        first = handed_over(proxy, listener)
        until(lambda: children(first.pid), 10, "a worker")
        workers = children(first.pid)
        first.kill()
        first.wait()
        until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), 10,
              "the workers have followed")
        front = proxy.front()
        second = handed_over(proxy, listener)
        back = backend.accept()
        back.send(b"220 ready\r\n")
        assert front.line() == b"220 ready"
        front.close()
        second.terminate()
        assert second.wait(40) == 0


def handed_over(proxy, listener):
    """mailbell-lmtp with a listening socket as descriptor 3, as systemd does it."""
    with open(proxy.process.log, "ab") as log:
        # exec keeps the pid, so the shell's is the program's.
        return subprocess.Popen(
            ["/bin/bash", "-c", f'exec 3<&{listener.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"',
             "sh", proxy.binary, "-c", proxy.config],
            stderr=log, pass_fds=[listener.fileno()], start_new_session=True)


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
