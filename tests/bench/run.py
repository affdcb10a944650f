#!/usr/bin/python3
"""Runs the benchmarks and prints what they found (`make bench`).

    tests/bench/run.py [PART...]        as root; MAILBELL_BUILD names the build folder

Results of a part replace those of its last run in build/bench/bench.json.  Ends with 1 where a must
is missed or a part failed.
"""

import importlib
import os
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from bench import host, plots, report           # noqa: E402
from bench.bench import RESULTS, Bench          # noqa: E402
from lab.process import children                # noqa: E402

PARTS = ("crypto", "envelope", "store", "push", "mail", "memory")
LONG = ("scale", "holes")       # only where they are named
STOPS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Stopped(BaseException):
    """A signal said so: everything that a part started is stopped on the way out, as with Ctrl-C."""


def stop(number, _frame):
    """Once: who is impatient does not interrupt the stopping."""
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)


def clear():
    """What a signal caught between its start and its owner knowing of it."""
    for pid in children(os.getpid()):
        os.kill(pid, signal.SIGTERM)


def run_part(name):
    bench = Bench(name)
    began, failure = time.monotonic(), None
    load = os.getloadavg()[0]
    try:
        importlib.import_module(f"bench.{name}").run(bench)
    except Exception as problem:        # the other parts are still worth having
        traceback.print_exc()
        failure = f"{type(problem).__name__}: {problem}"
    bench.quiet()
    return {"date": time.strftime("%Y-%m-%d %H:%M:%S"), "seconds": time.monotonic() - began,
            "host": host.describe(), "load": [load, os.getloadavg()[0]], "failure": failure,
            **bench.results()}


def main(names):
    unknown = set(names) - set(PARTS + LONG)
    if unknown:
        sys.exit(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS + LONG)}")
    if os.geteuid() != 0:
        sys.exit("make bench starts programs as several users: it has to be run as root")
    os.makedirs(RESULTS, exist_ok=True)
    path = os.path.join(RESULTS, "bench.json")
    good = True
    for name in names or PARTS:
        part = run_part(name)
        print(report.text(name, part), flush=True)
        report.save(path, {**report.load(path), name: part})
        good = good and report.good(part)
    for line in plots.draw(report.load(path), os.path.join(RESULTS, "plots")):
        print(line)
    print(path)
    return 0 if good else 1


if __name__ == "__main__":
    for each in STOPS:
        signal.signal(each, stop)
    try:
        sys.exit(main(sys.argv[1:]))
    except Stopped as stopped:
        clear()
        sys.exit(128 + stopped.args[0])
