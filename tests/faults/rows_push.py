"""F18, F20 to F23: push services that are away, refuse, lie or break what they speak."""

import time

from lab import evil
from lab.answers import LATER, as_sent
from lab.clock import Clock
from lab.httpserver import Answer
from lab.pushd import PushService
from lab.wait import until

from .daemon import (daemon, descriptors, device_at, exists, forget, hosts, service, show, status,
                     subscribers)
from .row import row

IN_FLIGHT_ORIGIN = 32       # what one service may have at a time
A_SUBSCRIPTION = 100        # records that wait for it, before they become SYNCs
DESCRIPTORS = 128


@row("F18", "push services refuse, hang, 5xx for 6 h")
def services_away(site, this):
    """The outbox is bounded, and drains without a herd."""
    clock = Clock(site.lab.dir, true=True)
    with service(site, hosts(1, 12)) as push, daemon(site, env=clock.env, endpoint_allow=push.prefixes):
        clock.follow(push, lambda: status(site))
        people = subscribers(site, this, push, push.hosts * (6 if this.short else 40))
        for trouble in (Answer(503), Answer(hang=True), None):
            away(this, push, clock, people, trouble)
            most = status(site)["outbox"]
            this.check(most <= A_SUBSCRIPTION * len(people), f"{most} records in the outbox")
        back(site, this, push, clock, people)
    clock.set(0)


def away(this, push, clock, people, trouble):
    """Two hours in which the service answers like that; None: nobody listens."""
    for person in people:
        push.always(person.phone.endpoint, trouble)
    if trouble is None:
        push.stop()
    for _ in range(2 if this.short else 6):
        this.mail(people, count=len(people))
        clock.move(3600 if this.short else 1200)


def back(site, this, push, clock, people):
    """It is there again: each device has few pushes, and the service no more at a time than is fair."""
    before, late = len(push.posts), status(site)["answers_timeout"]
    for person in people:
        push.always(person.phone.endpoint, Answer(delay=0.02))
    push.start()
    most = 0

    def drained():
        nonlocal most
        found = status(site)
        most = max(most, found["in_flight"])
        if not found["in_flight"]:      # else the jump would be the time-out of an answer
            clock.move(60)
        return found["outbox"] == 0
    until(drained, 120, "the outbox is empty", every=0.05)
    if status(site)["answers_timeout"] > late:
        # A push may begin between the look and the jump; its answer is late then, and it comes again.
        this.repeats_allowed += len(this.ledger.mails)
    site.reckon(this.ledger)
    this.check(most <= IN_FLIGHT_ORIGIN, f"{most} pushes at a time")
    pushes = len(push.posts) - before
    this.check(pushes <= 12 * len(people), f"{pushes} pushes to {len(people)} devices")
    this.note(f"{pushes} pushes for {len(people)} devices when the service came back, {most} at a time")


@row("F20", "every row of the answer table")
def answers(site, this):
    """As the table says, and nobody else at that service waits."""
    rows = this.random.sample(LATER, 8) if this.short else LATER
    with service(site, hosts(len(rows) + 2, 13)) as push, daemon(site, endpoint_allow=push.prefixes):
        victims = subscribers(site, this, push, push.hosts, owed=False)
        witnesses = subscribers(site, this, push, push.hosts[:2 if this.short else None])
        gone, dropped = victims[len(rows):]
        push.always(gone.phone.endpoint, Answer(410))
        push.always(dropped.phone.endpoint, Answer(400))
        for person, (code, headers, *_) in zip(victims, rows):
            push.always(person.phone.endpoint, Answer(code, as_sent(headers)))
        sent = time.time()
        this.mail([*victims, *witnesses], recipients=len(victims) + len(witnesses))
        for person, expected in zip(victims, rows):
            later(site, this, person, expected, sent)
        until(lambda: not exists(site, gone), 20, "410 deletes")
        until(lambda: show(site, dropped)["waiting"] == 0, 20, "400 drops the push")
        this.check(show(site, dropped)["state"] == "failing", "400 changes more than this push")
        forget(site, victims)
        site.reckon(this.ledger)


def later(site, this, person, expected, sent):
    """One row: what waits, how long, and how the subscription is called."""
    code, _, (least, most), state = expected
    until(lambda: show(site, person)["last_answer"] == str(code), 20, f"{code} is noted")
    found = show(site, person)
    this.check((found["waiting"], found["state"]) == (1, state), f"{expected}: {found}")
    wait = found["next_try_time"] - sent
    this.check(least <= wait <= most + time.time() - sent + 1, f"{expected}: tried again in {wait:.0f} s")


EVIL = {**evil.SILENT, "endless headers": Answer(play=evil.endless_headers())}


@row("F21", "TLS, then silence; drips; endless headers; 1 GB")
def lies(site, this):
    """Ended by a limit, and others are unharmed."""
    clock, mute = Clock(site.lab.dir, true=True), evil.Mute(("127.14.9.9", 0))
    huge = evil.huge_body(500)
    with service(site, hosts(len(EVIL) + 1, 14)) as push, \
            daemon(site, env=clock.env, endpoint_allow=[*push.prefixes, prefix_of(mute)]):
        clock.follow(push, lambda: status(site))
        victims = subscribers(site, this, push, push.hosts, owed=False)
        witnesses = subscribers(site, this, push, push.hosts[:3 if this.short else None])
        for person, answer in zip(victims, [*EVIL.values(), Answer(play=huge)]):
            push.always(person.phone.endpoint, answer)
        with site.lab.imap(victims[0].address) as imap:
            assert device_at(site, push, endpoint=f"{prefix_of(mute)}x").webpush(imap).ok
        this.mail([*victims, *witnesses], recipients=len(victims) + len(witnesses))
        for person in witnesses:        # before the clock moves: their answers are not to be late
            push.wait(person.phone.endpoint, 2, 20)
            until(lambda who=person: show(site, who)["waiting"] == 0, 20, "a witness has rung")
        for person in victims:
            push.asked(person.phone.endpoint, 2, 20)
        clock.move(20)
        for person in victims:
            until(lambda who=person: show(site, who)["failures"] > 0, 20, "a limit ends it")
        this.check(huge.taken < 32 * evil.MEGA, f"{huge.taken} octets of a body were read")
        used = descriptors(site.lab.mailbell.daemon.pid)
        this.check(used < DESCRIPTORS, f"{used} descriptors")
        forget(site, victims)
    mute.close()
    clock.set(0)


def prefix_of(mute):
    return "https://%s:%d/push/" % mute.address


@row("F22", "TLS expired, wrong name, self-signed, 1.1")
def broken_tls(site, this):
    """No POST leaves."""
    people = this.people(2, devices=2)
    broken = {kind: PushService(site.lab.authority, ("http/1.1",)) for kind in evil.TLS}
    for kind, push in broken.items():
        push.context = evil.tls_context(site.lab.authority, kind)
        push.start()
    allowed = [site.lab.push.prefix, *(push.prefix for push in broken.values())]
    try:
        with daemon(site, endpoint_allow=allowed):
            for kind, push in broken.items():
                refused(site, this, kind, push)
            this.mail(people, count=6)
            site.reckon(this.ledger)
    finally:
        for push in broken.values():
            push.stop()


def refused(site, this, kind, push):
    user, device = site.lab.user(), device_at(site, push)
    with site.lab.imap(user) as imap:
        assert device.webpush(imap).ok

    def noted():
        rows = site.lab.mailbell.admin("show", user, device.id)
        return (rows[0] if isinstance(rows, list) else rows)["last_answer"] == "tls"
    until(noted, 20, f"{kind} is noted")
    this.check(push.connections == 0 or not push.posts, f"{kind}: a POST left")


# What happens to a stream, and how many POSTs one push may cost.
STREAMS = {
    "GOAWAY after it": (evil.goaway_after, 1), "GOAWAY before it": (evil.goaway_before, 2),
    "REFUSED_STREAM": (evil.reset(evil.REFUSED_STREAM), 2),
    "INTERNAL_ERROR": (evil.reset(evil.INTERNAL_ERROR), 2), "CANCEL": (evil.reset(evil.CANCEL), 2),
}


@row("F23", "HTTP/2 GOAWAY, RST_STREAM, max streams 1")
def broken_streams(site, this):
    """What was not processed goes again at once on a new connection, and at most once more."""
    with service(site, hosts(len(STREAMS) + 1, 15), ("h2",)) as push, \
            daemon(site, endpoint_allow=push.prefixes, http_version="2"):
        victims = subscribers(site, this, push, push.hosts[:-1])
        for person, (play, _) in zip(victims, STREAMS.values()):
            push.script(person.phone.endpoint, Answer(play=play))
        this.mail(victims, recipients=len(victims))
        for person, (name, (_, most)) in zip(victims, STREAMS.items()):
            push.asked(person.phone.endpoint, 2, 20)
            if name in ("INTERNAL_ERROR", "CANCEL"):
                until(lambda who=person: show(site, who)["failures"], 20, f"{name} is noted")
                site.lab.mailbell.run("queue", "flush", person.address)
            until(lambda who=person: show(site, who)["waiting"] == 0, 20, f"{name}: the push is taken")
            posts = len(push.of(person.phone.endpoint)) - 1
            this.check(posts <= most, f"{name}: {posts} POSTs for one push")
            if name == "GOAWAY after it":       # whose 201 no record has
                push.answered(push.of(person.phone.endpoint)[1], 201)
        push.max_streams = 1
        crowd = subscribers(site, this, push, push.hosts[-1:] * (4 if this.short else 20))
        before = push.connections
        this.mail(crowd, recipients=len(crowd))
        site.reckon(this.ledger)
        made = push.connections - before
        this.check(made <= IN_FLIGHT_ORIGIN, f"{made} connections where one stream is allowed")
