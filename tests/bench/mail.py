"""Mail: what a message costs Postfix with the proxy, the milter and pushes, and without."""

import statistics
import time

from bench import measure
from bench.dkim import Dkim
from bench.postoffice import FAN_OUT, Client, Office
from bench.sinks import device_keys

ROUNDS = 17                         # many, as they differ by more than what a hook costs
SINK_MAILS = 250                    # in one round, to smtp-sink
DOVECOT_MAILS = 150                 # to Dovecot
MILTER_MAILS = 300                  # to nowhere
ALONE = 300                         # messages of one session
BURST = 5000
RECIPIENTS = 1000


def run(bench):
    if bench.tool("sink") is None:
        bench.skipped("mail", "libnghttp2-dev is not installed: contrib/bench-peers")
        return
    with Office(bench, device_keys()) as office:
        haproxy = office.start_haproxy()
        proxy_to_sink(bench, office, haproxy)
        proxy_to_dovecot(bench, office, haproxy)
        pushes_beside(bench, office)
        alone(bench, office)
        pressure(bench, office)
        milter(bench, office)


def compare(bench, goal, ours, base, floor=None):
    """Rates; `floor` is (words, rates), or None where it was not measured."""
    bench.goal(goal, ours=statistics.median(ours), base=statistics.median(base),
               rounds=measure.ratios(ours, base), unit="/s",
               floor=floor and (floor[0], measure.ratios(floor[1], base)))


def peer(bench, words, rates):
    bench.figure(words, statistics.median(rates), "/s", rates)
    return words, rates


def proxy_to_sink(bench, office, haproxy):
    ways, floor = ["sink", "through"] + ["haproxy-sink"] * haproxy, None
    took = measure.interleave(bench, {
        way: lambda way=way: office.rate(way, SINK_MAILS) for way in ways}, ROUNDS)
    if haproxy:
        floor = peer(bench, "haproxy alone", took["haproxy-sink"])
    compare(bench, "G9a", took["through"], took["sink"], floor)


def proxy_to_dovecot(bench, office, haproxy):
    ways, floor = ["dovecot", "proxy"] + ["haproxy"] * haproxy, None
    took = measure.interleave(bench, {
        way: lambda way=way: office.rate(way, DOVECOT_MAILS) for way in ways}, ROUNDS)
    if haproxy:
        floor = peer(bench, "haproxy alone, before Dovecot", took["haproxy"])
    compare(bench, "G9b", took["proxy"], took["dovecot"], floor)


def pushes_beside(bench, office):
    began = time.monotonic()
    took = measure.interleave(bench, {
        way: lambda way=way: office.rate(way, DOVECOT_MAILS) for way in ("proxy", "alive", "dead", "stalled")}, ROUNDS)
    compare(bench, "G12", took["alive"], took["proxy"])
    compare(bench, "G16-dead", took["dead"], took["alive"])
    compare(bench, "G16-stalled", took["stalled"], took["alive"])
    bench.figure(f"pushes that came of {FAN_OUT} devices a message, of {DOVECOT_MAILS * (ROUNDS + 1)} messages in "
                 f"{time.monotonic() - began:.0f} s", office.alive.counts()["good"])


# One message at a time

def pairs(bench, words, one, other):
    """Times of `other` and `one`, taken in turn: (times, times)."""
    times = ([], [])
    for i in range(-20, ALONE):
        bench.progress(f"{words}, {i} of {ALONE}")
        order = (0, 1) if i % 2 else (1, 0)
        for k in order:
            took = (one, other)[k].send()
            if i >= 0:
                times[k].append(took * 1000)
    one.close()
    other.close()
    return times


def added(bench, label, times):
    """What other takes longer: of the medians, and drawn as a distribution of the single differences."""
    base, ours = times
    differences = sorted(b - a for a, b in zip(base, ours))
    bench.series("delay", label, [(d, (i + 1) / ALONE) for i, d in enumerate(differences)])
    bench.figure(f"added delay of one message, {label}: p50", differences[ALONE // 2], "ms")
    bench.figure(f"added delay of one message, {label}: p99", differences[ALONE * 99 // 100], "ms")
    return statistics.median(ours) - statistics.median(base)


def alone(bench, office):
    sink = pairs(bench, "proxy", Client(office.sink_socket, "a@lab.test"),
                 Client(f"{office.dir}/mb/second", "a@lab.test"))
    delay = added(bench, "proxy before smtp-sink", sink)
    bench.goal("G11-proxy", ours=delay, unit="ms")
    dovecot = pairs(bench, "proxy before Dovecot", Client(office.dovecot.socket, "user000@lab.test"),
                    Client(f"{office.dir}/mb/lmtp", "user000@lab.test"))
    added(bench, "proxy before Dovecot", dovecot)


# Under pressure

def pressure(bench, office):
    daemon = office.mailbell.daemon.pid
    before = measure.rss(daemon), office.proxies()
    bench.progress(f"{BURST} messages at once")
    bench.figure(f"a burst of {BURST} messages through the proxy", office.rate("through", BURST), "/s")
    bench.figure("... the daemon has grown by", (measure.rss(daemon) - before[0]) / 1e6, "MB")
    bench.figure("... the proxy has grown by", (office.proxies() - before[1]) / 1e6, "MB")
    bench.progress(f"{RECIPIENTS} recipients")
    bench.figure(f"one message with {RECIPIENTS} recipients through the proxy", crowd(office), "s")
    bench.figure("... the proxy has grown by", (office.proxies() - before[1]) / 1e6, "MB")


def crowd(office):
    """Seconds until all recipients of one transaction were delivered to."""
    began = time.monotonic()
    queue_id = office.postfix.send([f"u{i}+through@lab.test" for i in range(RECIPIENTS)],
                                   open(office.message, "rb").read().replace(b"\n", b"\r\n"))
    outcomes = office.postfix.done(queue_id, 120)
    assert len(outcomes) == RECIPIENTS and all(o.status == "sent" for o in outcomes), outcomes[:2]
    return time.monotonic() - began


# The milter

def milter(bench, office):
    office.hook("milter")
    office.mailbell.start_milter()
    office.start_bare()
    with Dkim(bench, f"{office.dir}/dkim") as dkim:
        message = dkim.sign(office.message)
        variants = {"none": lambda: office.inject(MILTER_MAILS, message=message),
                    "milter": lambda: office.inject(MILTER_MAILS, office.milter_port, message),
                    "bare": lambda: office.inject(MILTER_MAILS, office.bare_port, message)}
        if dkim.running:
            variants["opendkim"] = lambda: office.inject(MILTER_MAILS, office.dkim_port, message)
        took = measure.interleave(bench, variants, ROUNDS)
    floor = peer(bench, "libmilter alone", took["bare"])
    compare(bench, "G9c", took["milter"], took["none"], floor)
    if "opendkim" in took:
        compare(bench, "G9c-opendkim", took["milter"], took["opendkim"], floor)
    host = "127.0.0.1"
    times = pairs(bench, "milter", Client((host, office.postfix.port), "a+discard@lab.test", "EHLO"),
                  Client((host, office.milter_port), "a+discard@lab.test", "EHLO"))
    bench.goal("G11-milter", ours=added(bench, "milter", times), unit="ms")
