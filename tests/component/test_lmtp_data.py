"""What mailbell-lmtp does with messages: where they end, that they pass unaltered, what it reads of them."""

import contextlib
import random
import threading

import pytest

# pylint: disable=unused-import,redefined-outer-name
from lmtp_fixtures import backend, pair, proxy, worker  # noqa: F401
from lmtp_peers import ALICE, BOB, Proxy, greeted, in_data, memory_kib, saved

NOT_CRLF = b"451 4.5.2 A line end next to a dot line is not CRLF\r\n"
HEADER_TOO_BIG = 1
BULK, QUIET = 1, 2


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
