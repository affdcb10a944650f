"""The store by size: look-ups and outbox records (G18), and what an arrival costs the daemon that rings
nobody (G14)."""

import contextlib
import os
import socket
import statistics
import subprocess
import time

from bench import measure
from bench.sinks import Pusher, Sink, device_keys
from lab import accounts
from lab.alone import ENVELOPE
from lab.authority import Authority
from lab.frames import frame, read_frame

SIZES = (10_000, 100_000, 1_000_000)
CALLS = {"hit": 100_000, "bare": 100_000, "negative": 100_000, "outbox": 5000}
WORDS = {"bare": "Berkeley DB alone"}
PUSHES = 2000                   # in one round
ARRIVALS, AT_ONCE = 10_000, 100
PAGE = 6                        # accounts whose records share a page of the store
WARM_UP = SIZES[-1] // ARRIVALS // PAGE + 1     # rounds of ARRIVALS: nearly every page of the big store


class Store:
    """tests/bench/store.c with a store of one size."""

    def __init__(self, bench, folder, size):
        tool, place = bench.tool("store"), f"{folder}/{size}"
        bench.progress(f"a store of {size:,} accounts")
        subprocess.run([tool, "make", place, str(size)], check=True)    # in big groups, as an import does
        self.child = subprocess.Popen([*measure.pinned(1), tool, "serve", place, str(size)], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.size = size

    def __enter__(self):
        self.us("hit", self.size // 2)      # so that nearly every page was read once
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait(30)
        self.child.stdout.close()

    def us(self, kind, calls=None):
        print(kind, calls or CALLS[kind], file=self.child.stdin, flush=True)
        return float(self.child.stdout.readline()) / 1000


def look_ups(bench, folder):
    with contextlib.ExitStack() as stack:
        stores = {size: stack.enter_context(Store(bench, folder, size)) for size in SIZES}
        us = measure.interleave(bench, {
            (kind, size): lambda kind=kind, store=store: store.us(kind)
            for kind in CALLS for size, store in stores.items()})
    medians = {variant: statistics.median(rounds) for variant, rounds in us.items()}
    for kind in CALLS:
        words = WORDS.get(kind, kind)
        bench.series("store", f"store: {words}", [(size, medians[kind, size]) for size in SIZES])
        for size in SIZES:
            bench.figure(f"{words}, {size:,} accounts", medians[kind, size], "us", us[kind, size])
    hit, bare = (measure.ratios(us[kind, SIZES[-1]], us[kind, SIZES[0]]) for kind in ("hit", "bare"))
    bench.goal("G18-lookup", medians["hit", SIZES[-1]], medians["hit", SIZES[0]], unit="us", rounds=hit,
               floor=(WORDS["bare"], bare))


def name(number):
    """As store.c names its accounts; those with odd numbers lie between and are not there."""
    return f"user{number:07}@example.net"


class Filled:
    """A daemon with a device for each of `size` accounts, which store.c put into its store; whose turn
    it is goes round, spread over all accounts, as mail is."""

    def __init__(self, bench, authority, sink, keys, size):
        self.bench, self.size, self.keys, self.turn = bench, size, keys, 0
        self.pusher = Pusher(bench, authority, sink, keys, 0)

    def __enter__(self):
        self.bench.progress(f"a daemon with {self.size:,} subscriptions")
        self.pusher.__enter__()
        try:
            self._fill(self.pusher.alone)
        except BaseException:
            self.pusher.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.pusher.__exit__()

    def _fill(self, alone):
        state_dir = alone.mailbell.state_dir
        vapid_key = os.readlink(f"{state_dir}/vapid/current").partition(".")[0]
        alone.daemon.stop()
        subprocess.run([self.bench.tool("store"), "fill", state_dir, str(self.size),
                        f"{self.pusher.sink.prefix[0]}p/", vapid_key], check=True, text=True,
                       input="".join(f"{p256dh} {auth}\n" for p256dh, auth in self.keys))
        subprocess.run(["chown", "-R", f"{accounts.DAEMON}:", state_dir], check=True)
        alone.mailbell.start_daemon()
        self.pusher.pid = alone.daemon.pid
        measure.pin(self.pusher.pid, 1)

    def us(self):
        step = self.size // PUSHES
        self.pusher.accounts = [name(2 * (i * step + self.turn)) for i in range(PUSHES)]
        self.turn = (self.turn + 1) % step
        return 1e6 * self.pusher.push(PUSHES)[0]


def pushes(bench, authority, sink):
    """The same pushes from a small and from a big store; the big one then gets the arrivals."""
    keys = device_keys()
    with Filled(bench, authority, sink, keys, SIZES[0]) as small, \
            Filled(bench, authority, sink, keys, SIZES[-1]) as big:
        us = measure.interleave(bench, {SIZES[0]: small.us, SIZES[-1]: big.us})
        medians = {size: statistics.median(rounds) for size, rounds in us.items()}
        bench.series("store", "daemon: push", medians.items())
        bench.goal("G18-push", medians[SIZES[-1]], medians[SIZES[0]], unit="us",
                   rounds=measure.ratios(us[SIZES[-1]], us[SIZES[0]]))
        big.pusher.alone.configure(hook="lmtp")
        arrivals(bench, big.pusher)


class Hook:
    """What the proxy and Dovecot's module say to the daemon of mail for accounts without devices."""

    def __init__(self, pusher):
        self.pid, self.serial = pusher.pid, 0
        run_dir = pusher.alone.mailbell.run_dir
        self.arrival, self.saved = (socket.socket(socket.AF_UNIX) for _ in range(2))
        for sock, name, hook in ((self.arrival, "arrival", {"HOOK": "lmtp"}), (self.saved, "saved", {})):
            sock.settimeout(30)
            sock.connect(f"{run_dir}/{name}")
            sock.sendall(frame("HELLO", PROGRAM="bench", VERSION="0", LOST=0, **hook))
        self.answers = self.arrival.makefile("rb")
        assert read_frame(self.answers).type == "OK"

    def close(self):
        for one in (self.answers, self.arrival, self.saved):
            one.close()

    def frames(self, i):
        """(on arrival, on saved): both halves of one message, under one token."""
        i += self.serial
        # Its name lies between two that are there, far from the one before (steps of the golden ratio), and from
        # one round to the next in another page.
        turn, place = divmod(i, ARRIVALS)
        step = SIZES[-1] // ARRIVALS
        user = name(2 * (place * 618_033 % ARRIVALS * step + turn * PAGE % step) + 1)
        facts = {"QUEUE_ID": f"4j{i:09}", "MESSAGE_ID": f"<{i}@example.org>"}
        now, token = int(time.time() * 1000), f"bench{i}"
        return (frame("ARRIVAL", SEQ=i, TIME=now, **facts,
                      ENVELOPE=ENVELOPE.format(subject="benchmark", serial=i), REASON=0, KIND=0,
                      RECIPIENT=user, TOKEN=token),
                frame("SAVED", TIME=now, TOKEN=token, SERVICE="lmtp", USER=user, MAILBOX="INBOX",
                      UIDVALIDITY=7, UID=i + 1, **facts) + frame("END", TOKEN=token, USER=user, N=1))

    def us(self):
        """Of the daemon's CPU for one message."""
        batches = []
        for start in range(0, ARRIVALS, AT_ONCE):
            pairs = [self.frames(start + i) for i in range(AT_ONCE)]
            batches.append([b"".join(half) for half in zip(*pairs)])
        self.serial += ARRIVALS
        before = measure.cpu_clock(self.pid)
        for arrival, saved in batches:
            self.saved.sendall(saved)
            self.arrival.sendall(arrival)
            for _ in range(AT_ONCE):
                assert read_frame(self.answers).type == "ACK"
        return 1e6 * (measure.cpu_clock(self.pid) - before) / ARRIVALS


def arrivals(bench, pusher):
    hook = Hook(pusher)
    try:
        # What is measured is a daemon that has run for a while: at first each reads a page of its own.
        rounds = measure.interleave(bench, {"arrivals": hook.us}, warm_up=WARM_UP)["arrivals"]
    finally:
        hook.close()
    bench.goal("G14", statistics.median(rounds), rounds=rounds, unit="us")


def run(bench):
    with bench.folder() as folder:
        look_ups(bench, folder)
    with bench.folder() as folder:
        authority = Authority(folder)
        with Sink(bench, authority) as sink:
            pushes(bench, authority, sink)
