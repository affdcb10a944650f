"""What a row of the suite is, and how one is written.

    @row("F3", "kill -9 of the milter", plain="without a milter", share=2)
    def f3(site, row):
        people = row.people(4)
        with row.traffic(people, rate=50):
            for _ in row.kills(50):
                ...
                row.killed()

The function makes the fault happen; what follows is the runner's: it waits until nothing is under way,
and compares the ledger with the mailboxes and the pushes.  A row that has no mail of its own leaves
traffic out and says what is promised by check().
"""

import contextlib
import random
import time
from dataclasses import dataclass

from .ledger import Ledger
from .traffic import Traffic

ROWS = {}

SHORT_ROW_S = 3         # what follows the fault takes as long again
SHORT_KILLS = 10
SHORT_STOP_S = 5
SHORT_RATE = 30         # messages a second: what a row waits for is turns, not load
LEAST_KILLS = 3         # whatever time they take: a machine may be slow


@dataclass
class Spec:
    """name: as in the table of faults.  plain: the fault's counterpart on a Postfix and Dovecot without
    mailbell, where there is one.  share: how much of the time this row gets, 1 is usual.  alongside: it
    waits more than it works, and runs beside the others in the long form, on programs of its own."""
    name: str
    words: str
    run: object
    plain: str = ""
    share: float = 1
    alongside: bool = False


def row(name, words, **more):
    """Registers a function (site, row) as the row of that name."""
    def register(function):
        assert name not in ROWS, name
        ROWS[name] = Spec(name, words, function, **more)
        return function
    return register


class Row:
    """One run of one row: what the function is given, and what it found."""

    def __init__(self, spec, site, seed, seconds, short=False):
        self.spec = spec
        self.site = site
        self.short = short
        self.seconds = min(seconds, SHORT_ROW_S) if short else seconds
        self.random = random.Random(f"{seed} {spec.name} {site.plain}")
        self.ledger = Ledger(f"{spec.name}{'p' if site.plain else ''}.{seed}")
        self.began = time.monotonic()
        self.mark = site.mark()
        self.kill_count = 0
        self.kills_wanted = 0
        self.tried = 0                  # mails and conversations that the ledger does not know
        self.doubles_allowed = 0        # mails that may be there twice
        self.repeats_allowed = 0        # pushes of one mail that may come twice
        self.silence_allowed = 0        # mails that may ring nobody
        self.excuses = []               # (from, to), wall clock: mail saved then may ring nobody, too
        self.broken = []
        self.notes = []

    # What was promised.

    def check(self, condition, words):
        """A promise in words, and whether it was kept: the condition."""
        if not condition:
            self.broken.append(words)
        return condition

    def judge(self, condition, words):
        """The same for promises that a busy machine may break: in the short form only noted."""
        if self.short:
            return condition or self.note(f"not judged: {words}")
        return self.check(condition, words)

    def note(self, words):
        """Something worth reading that is no promise."""
        self.notes.append(words)

    # How long, how often.

    @property
    def left(self):
        """Seconds of this row's time that are left."""
        return self.began + self.seconds - time.monotonic()

    def turns(self, count, atleast=1):
        """Counts to count as long as there is time; at least so often."""
        for n in range(count):
            if n >= atleast and self.left <= 0:
                return
            yield n

    def kills(self, count):
        """turns() for a fault that is a kill: so many in the long form, ten in the short one."""
        self.kills_wanted += min(count, SHORT_KILLS) if self.short else count
        return self.turns(self.kills_wanted, atleast=LEAST_KILLS)

    def killed(self, doubles=0, repeats=0):
        """Counts a kill -9, and what it may double."""
        self.kill_count += 1
        self.doubles_allowed += doubles
        self.repeats_allowed += repeats

    def unexcused(self, silent):
        """Those of a tally's silent mails that were saved when all had to ring."""
        return [one for one in silent if not any(start <= one[2] <= end for start, end in self.excuses)]

    @property
    def stop_s(self):
        """How long something stays stopped."""
        return SHORT_STOP_S if self.short else max(SHORT_STOP_S, self.seconds - 5)

    # Mail.

    def people(self, count, devices=1):
        """So many users whom nobody else uses; the first `devices` of them have a subscribed device."""
        return self.ledger.add(self.site.people(count, devices))

    def traffic(self, people, rate=None, **how):
        """Mail to people as long as the block lasts: see Traffic."""
        if self.short and rate:
            rate = min(rate, SHORT_RATE)
        return Traffic(self.site, self.ledger, people, self.random.randrange(1 << 30), rate=rate,
                       **how)

    def mail(self, people, count=1, **how):
        """So many messages, in Postfix's queue when this returns: their Mails."""
        with self.traffic(people, count=count, **how) as traffic:
            traffic.join()
        return traffic.mails

    @contextlib.contextmanager
    def within(self, seconds, words):
        """A promise of how long the block takes."""
        start = time.monotonic()
        yield
        took = time.monotonic() - start
        self.judge(took <= seconds, f"{words}: {took:.2f} s, promised {seconds:g} s")
