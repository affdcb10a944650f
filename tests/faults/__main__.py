"""make faults: runs the rows and prints what became of the mail.

    FAULTS_S=600        about so many seconds in all (the long form)
    FAULTS_SHORT=1      the short form: at most 8 s a row, what depends on time is not judged
    FAULTS_SEED=n       the same random choices again
    FAULTS=F1,F5        only these rows
    FAULTS_MAILS=100000 FAULTS_KILLS=500    one run of so many mails and kills, and nothing else
    FAULTS_TAP=FILE     what passed, as TAP
"""

import contextlib
import glob
import importlib
import os
import random
import signal
import sys
import threading
import time
import traceback

from . import endurance
from .row import ROWS, Row
from .site import Site

HEADINGS = ("row", "fault", "tried", "lost", "alter", "doubl", "rang", "silent", "twice", "worst", "kills",
            "s", "promises")
FORM = "{:<6}{:<44}{:>7}{:>6}{:>6}{:>6}{:>7}{:>7}{:>6}{:>8}{:>9}{:>6}  {}"
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
LATE_S = 5              # a mail that took longer is looked at


class Run:
    def __init__(self, environ):
        self.short = bool(environ.get("FAULTS_SHORT"))
        self.seed = int(environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10 ** 9))
        self.seconds = float(environ.get("FAULTS_S") or (240 if self.short else 600))
        names = [name for name in environ.get("FAULTS", "").replace(",", " ").split() if name]
        for name in names:
            if name not in ROWS:
                sys.exit(f"there is no row {name}; there are {' '.join(ROWS)}")
        if environ.get("FAULTS_MAILS"):
            names = [endurance.register(int(environ["FAULTS_MAILS"]),
                                        int(environ.get("FAULTS_KILLS") or 500)).name]
        self.specs = [ROWS[name] for name in names] or sorted(ROWS.values(), key=_order)
        self.tap = environ.get("FAULTS_TAP")
        self.mails = self.kills = self.kills_wanted = 0
        self.results = []       # (name, kept)

    def all(self):
        """Every row, and the plain ones after their own: whether all promises were kept."""
        began = time.monotonic()
        print(f"seed {self.seed}", flush=True)
        print(FORM.format(*HEADINGS), flush=True)
        with self._alongside():
            self._in_turn()
        print(f"{self.mails} mails, {self.kills} kills of {self.kills_wanted} that more time had allowed, "
              f"seed {self.seed}, {time.monotonic() - began:.0f} s, of which the processors worked "
              f"{sum(os.times()[:4]):.0f} s")
        self._write_tap()
        return all(kept for _, kept in self.results)

    def _in_turn(self):
        """One row after the other, and the plain ones after all others."""
        specs = [spec for spec in self.specs if self.short or not spec.alongside]
        with Site() as site:
            self._rows(site, specs)
        twins = [spec for spec in specs if spec.plain]
        if twins and not self.short:
            print("the same with Postfix and Dovecot alone", flush=True)
            with Site(plain=True) as site:
                self._rows(site, twins)

    @contextlib.contextmanager
    def _alongside(self):
        """In the long form rows that wait more than they work run beside the others, on programs of
        their own."""
        specs = [spec for spec in self.specs if spec.alongside and not self.short]
        sites = [(spec, Site(plain=plain)) for spec in specs
                 for plain in ((False, True) if spec.plain else (False,))]
        # Daemons: a run that is ended does not wait for them, but takes their programs away.
        threads = [threading.Thread(target=self._apart, args=pair, daemon=True) for pair in sites]
        try:
            for thread in threads:
                thread.start()
            yield
            for thread in threads:
                thread.join()
        finally:
            for _, site in sites:
                site.lab.stop()

    def _apart(self, spec, site):
        try:
            with site:
                self.one(site, Row(spec, site, self.seed, self.seconds))
        except Exception:       # pylint: disable=broad-except
            traceback.print_exc()
            self.results.append((spec.name, False))

    def _rows(self, site, specs):
        shares = sum(spec.share for spec in self.specs) * (1 if self.short else 1.5)
        for spec in specs:
            seconds = self.seconds * spec.share / shares / (2 if site.plain else 1)
            self.one(site, Row(spec, site, self.seed, seconds, self.short))

    def one(self, site, row):
        """One row from start to its line."""
        tally = None
        try:
            row.spec.run(site, row)
            site.whole()
            tally = site.reckon(row.ledger)
            self._promises(row, tally)
            if tally.worst > LATE_S:
                row.note(site.history(*tally.slowest, row.mark))
        except Exception as error:      # pylint: disable=broad-except
            row.check(False, f"{type(error).__name__}: {error}")
            traceback.print_exc()
        self._print(row, tally)
        if row.broken:
            self._revive(site)
            print(site.lab.tails(), flush=True)

    @staticmethod
    def _revive(site):
        """One broken row must not break the others."""
        try:
            site.whole()
            site.drain()
            site.drop()
        except (AssertionError, OSError):
            traceback.print_exc()

    @staticmethod
    def _promises(row, tally):
        row.check(row.kill_count or not row.kills_wanted, "nothing was killed")
        row.check(not tally.lost, f"lost: {tally.lost[:5]}")
        row.check(not tally.altered, f"altered: {tally.altered[:5]}")
        row.check(len(tally.doubled) <= row.doubles_allowed,
                  f"{len(tally.doubled)} mails are there twice, allowed {row.doubles_allowed}")
        closed = set(tally.doubled) - row.site.deferred(row.mark)
        row.check(not closed, f"twice, though no transaction of theirs was open: {closed}")
        silent = row.unexcused(tally.silent)
        row.check(len(silent) <= row.silence_allowed,
                  f"no push told of {len(silent)}, allowed {row.silence_allowed}: {silent[:5]}")
        row.check(tally.repeated <= row.repeats_allowed,
                  f"{tally.repeated} pushes came again, allowed {row.repeats_allowed}")

    def _print(self, row, tally):
        self.mails += row.tried + (tally.tried if tally else 0)
        self.kills += row.kill_count
        self.kills_wanted += row.kills_wanted
        self.results.append((row.spec.name + (" plain" if row.site.plain else ""), not row.broken))
        words = f"  alone: {row.spec.plain}" if row.site.plain else row.spec.words
        cells = ("-",) * 8 if tally is None else (
            row.tried + tally.tried, len(tally.lost), len(tally.altered), len(tally.doubled),
            tally.rings - len(tally.silent), len(tally.silent), tally.repeated, f"{tally.worst:.2f}s")
        lines = [FORM.format(row.spec.name, words[:43], *cells, _kills(row),
                             f"{time.monotonic() - row.began:.0f}", "BROKEN" if row.broken else "kept")]
        lines += [f"      {note}" for note in row.notes]
        lines += [f"      broken: {broken}" for broken in row.broken]
        # In one piece: there may be rows alongside.
        print("\n".join(lines), flush=True)

    def _write_tap(self):
        if not self.tap:
            return
        with open(self.tap, "w", encoding="utf-8") as out:
            print(f"1..{len(self.results)}", file=out)
            for number, (name, kept) in enumerate(self.results, 1):
                print(f"{'ok' if kept else 'not ok'} {number} - {name}", file=out)


def _kills(row):
    """How many, and of how many where there was no time for all."""
    return f"{row.kill_count}/{row.kills_wanted}" if row.kills_wanted > row.kill_count else row.kill_count


def _order(spec):
    """F2 before F14, F14 before F14b."""
    digits = "".join(filter(str.isdigit, spec.name))
    return int(digits), spec.name


def mounts_of_our_own():
    """Starts this program once more where no one else sees what it mounts."""
    if os.environ.get("FAULTS_APART") is None:
        os.environ["FAULTS_APART"] = "1"
        words = ["unshare", "--mount", "--propagation", "private"]
        os.execvp(words[0], [*words, sys.executable, "-B", "-m", "faults"])


def end(number, _):
    """A signal that ends the run is an exception: on its way up everything that was started is stopped."""
    for one in ENDING:
        signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("the rows start Postfix and Dovecot: run them as root")
    mounts_of_our_own()
    for path in sorted(glob.glob(f"{os.path.dirname(__file__)}/rows_*.py")):
        importlib.import_module(f"faults.{os.path.basename(path)[:-3]}")
    for ending in ENDING:
        signal.signal(ending, end)
    sys.exit(0 if Run(os.environ).all() else 1)
