"""F19 and F24: what only a network shows, in namespaces of the suite's own (lab/netns.py)."""

import contextlib
import json

from lab import evil, holes, netns
from lab.clock import shifted
from lab.dns import NXDOMAIN, Resolver, bound
from lab.pushd import PushService
from lab.wait import until

from .daemon import daemon, descriptors, device_at, show, status, subscribers
from .ledger import Person
from .pace import Pace
from .row import row

GOOD_P95_S = 5


@contextlib.contextmanager
def internet(site, address="0.0.0.0", resolv="options timeout:5 attempts:2"):
    """Namespaces, the DNS of the one and a push service in the other, for every name in push.test."""
    with netns.Namespaces(site.lab.dir, resolv) as world:
        resolver = Resolver(world.socket(world.here, bound))
        push = PushService(site.lab.authority, ("http/1.1",), hosts=("*.push.test",), sockets=[
            world.listener(world.there, address, holes.GOOD)]).start()
        try:
            yield world, resolver, push
        finally:
            push.stop()
            resolver.close()


@row("F24", "DNS: NXDOMAIN, timeout, 1000 records, private")
def dns(site, this):
    """Nothing private is ever connected to, and nobody waits for an answer that does not come."""
    if netns.why_not():
        this.note(netns.why_not())
        return
    resolv = "options timeout:1 attempts:1" if this.short else "options timeout:5 attempts:2"
    with internet(site, netns.GOOD, resolv) as (world, resolver, push):
        forbidden = [evil.Counter(listener=world.listener(world.here, "0.0.0.0", holes.GOOD)),
                     evil.Counter(listener=world.listener(world.there, netns.PRIVATE, holes.GOOD))]
        resolver.fallback = lambda name: [netns.GOOD]
        resolver.names.update(hostile_names(this.random.sample if this.short else lambda found, _: found))
        with daemon(site, world.within, endpoint_allow="https://trusted.invalid/none/"):
            people = subscribers(site, this, push, [f"good{n}.push.test" for n in range(3)])
            pace = Pace(site, this)
            with this.traffic(people, rate=20) as traffic:
                devices = [verification(site, push, name) for name in resolver.names]
                traffic.more(20)
                # Mail has nothing to do with whether a name is found.
                this.note(f"LMTP while the DNS is silent: {pace.measure(20 if this.short else 100)}")
                for user, device in devices:
                    until(lambda: settled(site, user, device), 60, f"{device.host} is settled")
                used = descriptors(site.lab.mailbell.daemon.pid)
                this.check(used < 128, f"{used} descriptors")
            most = [max(took) for took in pace.all]
            this.judge(most[1] <= most[0] + 1000,
                       f"LMTP took {most[1]:.0f} ms at most, direct {most[0]:.0f} ms")
            site.reckon(this.ledger)
        this.check(not any(one.connections for one in forbidden), "something inside was connected to")
        for one in forbidden:
            one.close()


def hostile_names(choose):
    """What the DNS says of names, by name; choose(all, count): which of those that lead inside."""
    inside = {f"inside{n}.push.test": found
              for n, found in enumerate(choose(list(netns.INSIDE.values()), 3))}
    mixed = {f"mixed{n}.push.test": found
             for n, found in enumerate(choose(list(netns.MIXED.values()), 2))}
    return {**inside, **mixed, "nobody.push.test": NXDOMAIN, "mute.push.test": None,
            "many.push.test": [f"46.7.{n // 250}.{n % 250 + 1}" for n in range(1000)],
            "turns.push.test": lambda kind, n: [netns.GOOD] if n % 4 < 2 else ["127.0.0.1"]}


def verification(site, push, name):
    """A new device whose endpoint has that name: its push is on its way."""
    user = site.lab.user()
    device = device_at(site, push, name)
    device.host = name
    with site.lab.imap(user) as imap:
        assert device.webpush(imap).ok
    return user, device


def settled(site, user, device):
    rows = site.lab.mailbell.admin("show", user, device.id)
    return (rows[0] if isinstance(rows, list) else rows)["waiting"] == 0


@row("F19", "black-hole endpoints beside 10 good ones", share=2)
def black_holes(site, this):
    """The good ring within 5 s, with fewer than 128 descriptors."""
    if netns.why_not():
        this.note(netns.why_not())
        return
    count, each, living = (64, 16, 4) if this.short else (10000, 40, 10)
    with internet(site) as (world, resolver, push):
        resolver.fallback = lambda name: [holes.address(name)]
        settings = {"endpoint_ports": "443 8443 9443", "subscriptions_max": each,
                    "endpoint_allow": "https://trusted.invalid/none/"}
        with daemon(site, world.within, **settings):
            good = subscribers(site, this, push, [f"h{n}-{holes.GOOD}.push.test" for n in range(living)])
            dead = bury(site, this, good[0], count, each)
            this.mail(good, recipients=len(good))
            site.reckon(this.ledger)
        # What the dead last took is more than a day ago.
        push.ahead = holes.TWO_DAYS
        with daemon(site, world.within, shifted("+2d"), **settings), holes.buried(world):
            this.mail(good, recipients=len(good))
            for person in good:
                until(lambda who=person: show(site, who)["waiting"] == 0, 60, "the good show that they live")
            this.mail(dead, count=len(dead) * 2)
            pid = site.lab.mailbell.daemon.pid
            until(lambda: status(site)["outbox"] > count // 4, 60, "the dead have mail waiting")
            # What is promised begins with the backend's 2xx: Postfix is to have nothing else to do.
            site.drain()
            delays = measure(this, good, pid)
            delays.sort()
            p95 = delays[int(len(delays) * 0.95)]
            this.judge(p95 <= GOOD_P95_S, f"p95 of the good {p95:.2f} s")
            this.note(f"{count} dead endpoints, {len(delays)} pushes to the good ones: p50 "
                      f"{delays[len(delays) // 2]:.2f} s, p95 {p95:.2f} s")
            site.lab.mailbell.run("queue", "drop", "--all")
            for person in dead:
                site.lab.mailbell.run("revoke", person.address)


def bury(site, this, model, count, each):
    """Accounts with so many endpoints that nobody answers at, in all, imported: the accounts."""
    people = this.ledger.add([Person(site.lab.user()) for _ in range(count // each)])
    lines = site.lab.mailbell.run("export").stdout.splitlines()
    template = next(row for row in map(json.loads, lines) if row.get("id") == model.phone.id)
    path = f"{site.lab.dir}/dead.jsonl"
    with open(path, "w", encoding="ascii") as out:
        for n in range(count):
            port = holes.MUTE if n % 2 else holes.SWALLOW
            place = f"h{n}-{port}.push.test" + ("" if port == 443 else f":{port}")
            endpoint = f"https://{place}/push/{n}"
            out.write(json.dumps({**template, "account": people[n % len(people)].address, "id": f"dead{n}",
                                  "endpoint": endpoint}) + "\n")
    done = site.lab.mailbell.run("import", path)
    assert done.returncode == 0, done.stderr
    return people


def measure(this, good, pid):
    """Mail to the good, one after the other: the seconds from each to its push."""
    delays, most = [], 0
    for _ in this.turns(2 if this.short else 60, atleast=2 if this.short else 5):
        for person in good:
            before = len(person.phone.push.of(person.phone.endpoint))
            mail, = this.mail([person])
            post = person.phone.push.asked(person.phone.endpoint, before + 1, 60)[before]
            delays.append(post.when + this.site.epoch - mail.sent)
            most = max(most, descriptors(pid))
    this.check(most < 128, f"{most} descriptors")
    return delays
