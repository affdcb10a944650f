"""1,000,000 accounts with three devices each, and a day of mail for them, replayed: an hour in some seconds.

    BENCH_SCALE=0.01 BENCH_HOUR_S=1 make bench BENCH=scale      a hundredth of it, in half a minute
"""

import math
import os
import random
import time

from bench import measure
from bench.memory import megabytes, peak
from bench.sinks import HOSTS, Pusher, Sink, account, device_keys
from lab.authority import Authority

SHARE = float(os.environ.get("BENCH_SCALE", 1))
ACCOUNTS, DEVICES = int(1_000_000 * SHARE), 3
MAILS = int(150_000 * SHARE)    # in the day, for accounts with devices
HOUR_S = float(os.environ.get("BENCH_HOUR_S", 12))     # what an hour of the day takes
STEPS = 4                       # in an hour
ROUND_TRIP_MS, TOO_MANY = 50, "5000:429:2"  # of the push services: each 5,000th push, its Retry-After


def rate(hour):
    """Of mail, as a share of the day's mean: little at four in the night, most at four in the afternoon."""
    return 1 - 0.9 * math.cos((hour - 4) / 12 * math.pi)


def timed(call):
    start = time.monotonic()
    call()
    return time.monotonic() - start


def size(folder):
    """Octets of all files in it."""
    return sum(os.path.getsize(os.path.join(place, name))
               for place, _, names in os.walk(folder) for name in names)


class Day:
    """The mail, and what is seen of the outbox meanwhile."""

    def __init__(self, bench, pusher):
        self.bench, self.pusher = bench, pusher
        self.names = sorted(set(pusher.accounts))
        self.random = random.Random(1)
        self.depth, self.age = [], []
        self.sent = 0

    def look(self, hour):
        status = self.pusher.alone.status()
        self.depth.append((hour, status["outbox"]))
        self.age.append((hour, max(0, status["oldest_age"])))
        self.bench.progress(f"hour {hour:.1f}: {self.sent:,} mails, {status['outbox']:,} wait")
        return status["outbox"]

    def send(self, count):
        octets = self.pusher.mail(self.random.choices(self.names, k=count)) if count else b""
        self.sent += count
        self.pusher.say(octets)

    def replay(self):
        start = time.monotonic()
        for step in range(24 * STEPS):
            hour = step / STEPS
            self.send(round(MAILS / 24 / STEPS * rate(hour)))
            self.look(hour)
            # The day's own clock, not a wait for something.
            time.sleep(max(0, start + (step + 1) * HOUR_S / STEPS - time.monotonic()))

    def drain(self, timeout=300):
        """After midnight, until nothing waits."""
        start = time.monotonic()
        while self.look(24 + (time.monotonic() - start) / HOUR_S) and time.monotonic() < start + timeout:
            time.sleep(HOUR_S / STEPS)
        return time.monotonic() - start


def starts(bench, alone):
    """How long it takes until the sockets take connections again."""
    bench.figure("start", timed(alone.mailbell.restart_daemon), "s")
    bench.figure("memory, started anew", megabytes(measure.rss(alone.daemon.pid)), "MB")


def run(bench):
    with bench.folder() as folder:
        authority, keys = Authority(folder), device_keys()
        accounts = [account(i) for i in range(ACCOUNTS)]
        with Sink(bench, authority, "--delay", ROUND_TRIP_MS, "--bad", TOO_MANY) as sink:
            bench.progress(f"importing {ACCOUNTS * DEVICES:,} subscriptions")
            began = time.monotonic()
            with Pusher(bench, authority, sink, keys, 0, HOSTS, accounts * DEVICES) as pusher:
                bench.figure(f"import of {ACCOUNTS * DEVICES:,} subscriptions, rows made included",
                             time.monotonic() - began, "s")
                scale(bench, pusher)


def scale(bench, pusher):
    alone = pusher.alone
    starts(bench, alone)
    pusher.pid = alone.daemon.pid
    day = Day(bench, pusher)
    cpu = measure.cpu_clock(pusher.pid)
    day.replay()
    day.send(MAILS // 24)               # what kill -9 leaves behind
    bench.figure("CPU of the daemon, of one core", 100 * (measure.cpu_clock(pusher.pid) - cpu) /
                 (24 * HOUR_S), "%")
    bench.figure("memory, highest", megabytes(peak(pusher.pid)), "MB")
    bench.figure("recovery after kill -9", timed(alone.restart), "s")
    bench.figure("until the outbox was empty", day.drain(), "s")
    bench.figure("mails", day.sent)
    for name, count in pusher.sink.counts().items():
        bench.figure(f"push services, {name}", count)
    bench.figure("deepest outbox", max(depth for _, depth in day.depth), "records")
    bench.figure("oldest record", max(age for _, age in day.age), "s")
    bench.figure("size of the store", megabytes(size(f"{alone.mailbell.state_dir}")), "MB")
    bench.series("depth", "records", day.depth)
    bench.series("age", "oldest", day.age)
