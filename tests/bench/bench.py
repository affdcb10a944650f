"""What a part of the benchmarks reports to, and where it finds what was built."""

import contextlib
import os
import shutil
import statistics
import sys
import tempfile

from bench import goals

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("MAILBELL_BUILD") or os.path.join(ROOT, "build/cc"))
RESULTS = os.path.join(ROOT, "build/bench")


class Bench:
    """One part's results."""

    def __init__(self, part, terminal=sys.stderr):
        self.part = part
        self.goals, self.figures, self.plots, self.skips = [], [], {}, []
        self._terminal = terminal if terminal.isatty() else None

    def goal(self, id, ours, base=None, ratio=None, rounds=(), unit="", floor=None):
        """One of goals.py.  What is judged is the ratio (by default the median of the rounds'
        ratios); where there is no base, ours.  `unit` is that of ours and base.
        `floor` is (words, ratios): what is underneath ours, in the same rounds; it is shown beside
        the verdict, and judges nothing."""
        goal = goals.GOALS[id]
        rounds = [float(x) for x in rounds]
        if ratio is None and rounds and base is not None:
            ratio = statistics.median(rounds)
        value = ours if ratio is None else ratio
        self.goals.append({
            "id": id, "words": goal.words, "must": goal.must, "dream": goal.dream,
            "ours": ours, "base": base, "ratio": ratio, "unit": unit, "rounds": rounds,
            "value": value, "verdict": goals.verdict(goal, value), "floor": floor})

    def figure(self, words, value, unit="", rounds=()):
        """A figure without a goal, printed below the table."""
        self.figures.append({"words": words, "value": value, "unit": unit, "rounds": list(rounds)})

    def series(self, plot, label, points):
        """Points (x, y) of one line in one of the plots of plots.py."""
        self.plots.setdefault(plot, {})[label] = [[float(x), float(y)] for x, y in points]

    def skipped(self, what, why):
        self.skips.append({"what": what, "why": why})

    def progress(self, text):
        """What is being done, on a terminal; the next one takes its place."""
        if self._terminal:
            print(f"\r\033[K{self.part}: {text}", end="", file=self._terminal, flush=True)

    def quiet(self):
        if self._terminal:
            print("\r\033[K", end="", file=self._terminal, flush=True)

    def tool(self, name):
        """A program of tests/bench/NAME.c, or None where what it links with is missing."""
        path = os.path.join(BUILD, "bench", name)
        return path if os.path.exists(path) else None

    def program(self, name):
        """mailbelld, mailbell ..."""
        return os.path.join(BUILD, name)

    def peer(self, name):
        """A peer's program, or None; that it is skipped is noted."""
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if path is None:
            self.skipped(name, "not installed")
        return path

    @property
    def node_modules(self):
        """Where contrib/bench-peers put npm's packages."""
        return os.path.join(RESULTS, "node_modules")

    @contextlib.contextmanager
    def folder(self):
        """A folder for this part, which every user may walk through."""
        with tempfile.TemporaryDirectory(prefix="mb.", dir="/tmp") as path:
            os.chmod(path, 0o755)
            yield path

    def results(self):
        return {"goals": self.goals, "figures": self.figures, "plots": self.plots,
                "skipped": self.skips}
