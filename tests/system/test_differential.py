"""The same LMTP conversations with Dovecot alone and through mailbell-lmtp: answers, mailboxes and octets.

DIFF_SEED is printed and may be given again, DIFF_N is how many conversations there are (`make differential
DIFF_N=3000`), DIFF_FIRST the number of the first: what failed is tried again by DIFF_FIRST and DIFF_N=1.
From 1,000 on there are messages of up to 50 MB among them.
"""

import os
import random
import re
import time

import pytest

from differential import by_design
from differential.conversations import POOL, conversation
from differential.front import Front
from differential.sides import Both, Mailboxes
from differential.tee import Tee

COUNT = int(os.environ.get("DIFF_N") or 100)
FIRST = int(os.environ.get("DIFF_FIRST") or 0)
LONG = COUNT + FIRST >= 1000
# The short form is the same each time, so that a change that breaks it is to blame.
SEED = int(os.environ.get("DIFF_SEED") or (random.SystemRandom().randrange(1 << 32) if LONG else 1))


@pytest.fixture(scope="module", autouse=True)
def _leave_nothing_behind(laboratory):
    """What was delivered past the proxy has no arrival, and the daemon would wait for that for a while."""
    yield
    laboratory.mailbell.restart_daemon()


@pytest.fixture(name="both")
def _both(lab, settings):
    """Dovecot's socket and the proxy's, with a tee between the proxy and Dovecot."""
    tee = Tee(f"{lab.dir}/tee", lab.dovecot.socket)
    try:
        settings(lmtp_backend=f"unix:{tee.path}")
        yield Both(lab.dovecot.socket, lab.proxy_socket, Mailboxes(lab.dovecot), tee)
    finally:
        lab.whole()
        tee.close()


def test_the_same_conversations(both):
    """Seeded conversations with 1 to 100 recipients and odd messages: nothing differs but by design."""
    both.mailboxes.take(POOL)
    replies = mails = 0
    start = time.monotonic()
    for number in range(FIRST, FIRST + COUNT):
        again = f"DIFF_SEED={SEED} DIFF_FIRST={number} DIFF_N={max(1, 1000 - number if LONG else 1)}"
        try:
            counts = both.compare(conversation(SEED, number, LONG))
        except Exception as error:
            raise AssertionError(f"conversation {number} ({again}): {error!r}") from error
        replies, mails = replies + counts[0], mails + counts[1]
    assert not any(both.mailboxes.take(POOL).values()), "a mail came after its conversation"
    print(f"\n{COUNT} conversations from seed {SEED}: {replies} replies and {mails} mails are the same in "
          f"both, {time.monotonic() - start:.0f} s")


def _say(path, octets):
    """All that comes back to these octets, behind the greeting and the answer to LHLO; and that answer."""
    front = Front(path)
    with front.socket:
        front.read_reply()
        front.send(b"LHLO front.example\r\n")
        extensions = front.read_reply()
        front.send(octets + b"QUIT\r\n")
        return front.read_to_end(), extensions


@pytest.mark.parametrize("entry", by_design.ENTRIES, ids=lambda entry: entry.name)
def test_differs_by_design(lab, entry):
    """Each difference that is allowed is there, and is what it is said to be."""
    carol = "carol@lab.test"
    mailboxes = Mailboxes(lab.dovecot)
    mailboxes.take([carol])
    answers = []
    for path, pattern in ((lab.dovecot.socket, entry.direct), (lab.proxy_socket, entry.proxy)):
        answers.append(_say(path, entry.said)[0])
        assert re.fullmatch(pattern, answers[-1]), (path, answers[-1][-2000:])
        assert len(mailboxes.take([carol])[carol]) == answers[-1].count(b" Saved\r\n")
    assert answers[0] != answers[1], "this is no difference"


def test_extensions_differ_by_design(lab):
    """A backend's CHUNKING and STARTTLS are not offered, the rest as it is."""
    direct = _say(lab.dovecot.socket, b"")[1]
    proxied = _say(lab.proxy_socket, b"")[1]
    assert b"CHUNKING" in direct and b"STARTTLS" in direct
    assert proxied == by_design.fewer_extensions(direct)
