"""Pushes: from a new message to the push service's 201, against npm web-push on the same service."""

import json
import statistics
import subprocess
import time

from bench import measure
from bench.sinks import HOSTS, Pusher, Sink, account, device_keys
from lab.alone import ENVELOPE
from lab.authority import Authority
from lab.wait import Overdue

ROUNDS = 7
PUSHES = 2000                       # in a round of ours
PEER_PUSHES = 600                   # in one of web-push, which takes about as long
GOOD = 10000                        # of G15
CROWD = 10000                       # devices of one user
CROWD_S = 20                        # no longer is waited for them
PARALLEL = 32                       # web-push's connections: as many as ours to one service
ROUND_TRIPS = (0, 20, 100)          # ms

# label of the plot: http_version, options of the sink, how many services
SHAPES = {
    "HTTP/1.1, 1 service": ("1.1", (), 1),
    "HTTP/1.1, 2 services": ("1.1", (), 2),
    "HTTP/2, 1 service, 100 streams a connection": ("2", ("--streams", 100), 1),
    "HTTP/2, 1 service, 8 streams a connection": ("2", ("--streams", 8), 1),
}


class WebPush:
    """webpush.js, warmed up and waiting for commands."""

    def __init__(self, bench, node, folder, authority, sink, keys):
        setup = {"endpoints": [f"{sink.prefix[0]}p/{i:060}" for i in range(1000)], "keys": keys,
                 "ca": authority.path, "parallel": PARALLEL,
                 "payload": '* SELECT "INBOX"\r\n* 1 UIDFETCH (ENVELOPE ' +
                            ENVELOPE.format(subject="benchmark", serial=1) + ")\r\n"}
        path = f"{folder}/webpush.json"
        with open(path, "w", encoding="ascii") as out:
            json.dump(setup, out)
        self.child = subprocess.Popen(
            [*measure.pinned(1), node, f"{__file__.rpartition('/')[0]}/webpush.js", bench.node_modules, path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.stdout.read()
        self.child.wait(10)

    def ask(self, command, count):
        self.child.stdin.write(f"{command} {count}\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline())
        assert answer["failed"] == 0, answer
        return answer


def peer(bench):
    """The path of node, where it and web-push are here."""
    node = bench.peer("node")
    if node is None:
        return None
    found = subprocess.run([node, "-e", "require(process.argv[1])", f"{bench.node_modules}/web-push"],
                           check=False, capture_output=True)
    if found.returncode != 0:
        bench.skipped("web-push", "npm's package is not installed: contrib/bench-peers")
        return None
    return node


def run(bench):
    if bench.tool("sink") is None:
        bench.skipped("push", "libnghttp2-dev is not installed: contrib/bench-peers")
        return
    keys = device_keys()
    with bench.folder() as folder:
        authority = Authority(folder)
        node = peer(bench)
        rates(bench, folder, authority, keys, node)
        good(bench, authority, keys)
        crowd(bench, authority, keys)
        sweep(bench, folder, authority, keys, node)


# G4, G7

def seal(bench, folder, sink, keys):
    """Microseconds of CPU for the cryptography of one push of ours."""
    lines = "".join(f"{p256dh} {auth} {sink.prefix[0]}\n" for p256dh, auth in keys)
    done = subprocess.run([*measure.pinned(1), bench.tool("seal"), folder, "5000"], input=lines, check=True,
                          capture_output=True, text=True)
    return float(done.stdout)


def rates(bench, folder, authority, keys, node):
    with Sink(bench, authority) as sink, Pusher(bench, authority, sink, keys, PUSHES) as ours:
        def push():
            return ours.push(PUSHES)[0] * 1e6
        variants = {"mailbelld": push, "encryption and VAPID": lambda: seal(bench, folder, sink, keys)}
        if node is None:
            report_alone(bench, measure.interleave(bench, variants, ROUNDS))
            return
        with WebPush(bench, node, folder, authority, sink, keys) as theirs:
            bench.progress("warming web-push up")
            theirs.ask("details", 1000)
            theirs.ask("send", 3000)
            variants["web-push sendNotification"] = lambda: theirs.ask("send", PEER_PUSHES)["cpu_us"]
            variants["web-push generateRequestDetails"] = (
                lambda: theirs.ask("details", PEER_PUSHES)["cpu_us"])
            took = measure.interleave(bench, variants, ROUNDS)
        compare(bench, "G4", took["encryption and VAPID"], took["web-push generateRequestDetails"])
        compare(bench, "G7", took["mailbelld"], took["web-push sendNotification"])


def compare(bench, goal, ours, theirs):
    """Costs of one push in microseconds of CPU become pushes a second and core."""
    bench.goal(goal, ours=1e6 / statistics.median(ours), base=1e6 / statistics.median(theirs),
               rounds=measure.ratios(theirs, ours), unit="/s")


def report_alone(bench, took):
    for name, values in took.items():
        bench.figure(f"{name}, a second and core", 1e6 / statistics.median(values), "/s")


# G15

def failures(alone):
    """How many tries did not end in a 2xx."""
    status = alone.status()
    return status["later"] + status["dropped"] + status["gone"]


def counted(bench, authority, keys, *options, **settings):
    """GOOD pushes to a service that defends itself against rapid resets: what it counted, and what
    the daemon counted as failures."""
    with Sink(bench, authority, "--reset-limit", *options, hosts=HOSTS[:1]) as sink, \
            Pusher(bench, authority, sink, keys, GOOD, **settings) as ours:
        ours.push(GOOD)
        counts = sink.counts()
        counts["failures"] = failures(ours.alone)
        counts["reconnects"] = counts["connections"] - counts["most"]
        return counts


def good(bench, authority, keys):
    bench.progress(f"{GOOD} pushes to one that watches")
    counts = counted(bench, authority, keys)
    for name in ("resets", "reconnects", "failures"):
        bench.goal(f"G15-{name}", ours=counts[name])
    spoken = "HTTP/2" if counts["h2_connections"] else "HTTP/1.1"
    bench.figure(f"G15: http_version = auto speaks {spoken} here; connections", counts["connections"])
    if spoken == "HTTP/1.1":        # the proof of that choice
        forced = counted(bench, authority, keys, http_version="2")
        for name in ("resets", "goaways", "reconnects", "failures"):
            bench.figure(f"the same with http_version = 2: {name} per {GOOD} pushes", forced[name])


# 10,000 devices of one user

def crowd(bench, authority, keys):
    """One message for a user with CROWD devices: how long it takes, and who else has to wait."""
    bench.progress(f"one user with {CROWD} devices")
    with Sink(bench, authority, hosts=HOSTS[:1]) as sink, \
            Pusher(bench, authority, sink, keys, 0, accounts=[account(0)] * CROWD,
                   subscriptions_max=CROWD) as ours:
        before, began, waits = measure.rss(ours.pid), time.monotonic(), []
        ours.say(ours.mail([account(0)]))
        while sink.counts()["good"] < CROWD and time.monotonic() - began < CROWD_S:
            asked = time.monotonic()
            ours.alone.status()
            waits.append(time.monotonic() - asked)
            time.sleep(0.01)
        rung = sink.counts()["good"]
        bench.figure(f"one message, {CROWD} devices of one user: rung within {CROWD_S} s at most", rung)
        bench.figure("... that took", time.monotonic() - began, "s")
        bench.figure("... that the daemon has grown by", (measure.rss(ours.pid) - before) / 1e6, "MB")
        bench.figure("... its longest answer meanwhile", max(waits) * 1000, "ms")


# The sweep

def sweep(bench, folder, authority, keys, node):
    for label, shape in SHAPES.items():
        points = []
        for trip in ROUND_TRIPS:
            bench.progress(f"{label}, {trip} ms")
            try:
                points.append((trip, rate(bench, authority, keys, trip, *shape)))
            except Overdue as late:         # the other points are still worth having
                bench.skipped(f"{label}, {trip} ms", str(late))
        bench.series("rate", label, points)
    if node is not None:
        bench.series("rate", f"web-push, {PARALLEL} connections",
                     [(trip, peer_rate(bench, folder, authority, keys, node, trip)) for trip in ROUND_TRIPS])


def how_many(trip, at_once):
    """Pushes that take about a second."""
    return PUSHES if trip == 0 else min(PUSHES, at_once * 1000 // trip)


def rate(bench, authority, keys, trip, version, options, services):
    """Pushes a second, by the wall's clock: the median of three rounds, so that one whose push has to
    be tried again, as happens over HTTP/2 with an old libcurl, is not what is drawn."""
    count = how_many(trip, 32 * services)
    with Sink(bench, authority, "--delay", trip, *options) as sink, \
            Pusher(bench, authority, sink, keys, count, hosts=HOSTS[:services],
                   http_version=version) as ours:
        ours.push(count)            # the connections are made
        return 1 / statistics.median(ours.push(count)[1] for _ in range(3))


def peer_rate(bench, folder, authority, keys, node, trip):
    with Sink(bench, authority, "--delay", trip) as sink, \
            WebPush(bench, node, folder, authority, sink, keys) as theirs:
        theirs.ask("send", 1000)
        return 1e6 / theirs.ask("send", min(600, how_many(trip, PARALLEL)))["wall_us"]
