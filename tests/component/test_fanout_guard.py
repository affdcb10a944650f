"""The guard against DNS: whatever a name turns into, no private address and none of our own is ever
connected to.  The Internet here is a network namespace (lab/netns.py), and its DNS is the tests'."""

import time

import pytest

from fanout_fixtures import authority  # noqa: F401
from lab import netns
from lab.alone import Alone
from lab.dns import NXDOMAIN, Resolver, bound
from lab.evil import Counter
from lab.netns import GOOD
from lab.pushd import PushService
from lab.wait import until

pytestmark = pytest.mark.skipif(netns.why_not() is not None, reason=str(netns.why_not()))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ns")
    with netns.Namespaces(str(folder)) as namespaces:
        yield namespaces


@pytest.fixture(scope="module")
def resolver(world):
    server = Resolver(world.socket(world.here, bound))
    server.fallback = lambda name: [GOOD]
    yield server
    server.close()


@pytest.fixture(scope="module")
def push(world, authority):         # noqa: F811
    listener = world.listener(world.there, GOOD, 443)
    service = PushService(authority, ("http/1.1",), hosts=("*.push.test", "push.test"),
                          sockets=[listener]).start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def forbidden(world):
    """Listeners on what must never be connected to: our own addresses, and a private one."""
    counters = {"own": Counter(listener=world.listener(world.here, "0.0.0.0", 443)),
                "private": Counter(listener=world.listener(world.there, netns.PRIVATE, 443))}
    yield counters
    for counter in counters.values():
        counter.close()


@pytest.fixture(scope="module")
def alone(world, resolver, push, authority, forbidden):     # noqa: F811
    with Alone(push, authority, within=world.within,
               endpoint_allow="https://trusted.invalid/none/") as daemon:
        yield daemon
        assert not daemon.leaks()
    assert all(counter.connections == 0 for counter in forbidden.values())


@pytest.fixture
def host(resolver, request):
    """A name that no other test uses."""
    serial = len(resolver.queries)
    return f"h{serial}-{abs(hash(request.node.name)) % 10**6}.push.test"


def endpoint(push, host):           # noqa: F811
    return push.endpoint(host).replace(f":{push.port}", "")


def subscribe(alone, host):         # noqa: F811
    return alone.phone(endpoint=endpoint(alone.push, host))


def test_public(alone, host):       # noqa: F811
    """A public address, found by the tests' own DNS, gets its pushes."""
    phone = subscribe(alone, host)
    alone.mail(phone)
    assert phone.next().mails


@pytest.mark.parametrize("kind", netns.INSIDE)
def test_private(alone, resolver, forbidden, host, kind):
    """A name that leads inside is refused when the socket is made; the client learns nothing of it."""
    resolver.names[host] = netns.INSIDE[kind]
    device = alone.device(endpoint=endpoint(alone.push, host))
    reply = alone.ask(device)
    assert reply.ok and netns.PRIVATE not in str(reply)
    row = alone.until_show(device, waiting=0)
    assert row["last_answer"] in ("refused", "connect", "dns"), row
    assert not any(counter.connections for counter in forbidden.values())
    assert alone.say(device, f"LWEBPUSH {device.id}").lines("WEBPUSH")[0].endswith(" NIL")


@pytest.mark.parametrize("kind", netns.MIXED)
def test_mixed(alone, resolver, forbidden, host, kind):
    """Of mixed addresses the public ones alone are tried."""
    resolver.names[host] = netns.MIXED[kind]
    device = alone.device(endpoint=endpoint(alone.push, host))
    assert alone.ask(device).ok
    if GOOD in netns.MIXED[kind]:
        alone.push.wait(device.endpoint, 1, 20)
    row = alone.until_show(device, waiting=0)
    assert (row["last_answer"] == "201") == (GOOD in netns.MIXED[kind]), row
    assert not any(counter.connections for counter in forbidden.values())


@pytest.mark.parametrize("place", ("127.0.0.1", netns.PRIVATE, netns.HERE))
def test_rebinding(alone, resolver, forbidden, host, place):
    """A name that moves inside after its verification: the mail waits, nobody inside is contacted."""
    phone = subscribe(alone, host)
    resolver.names[host] = [place]
    alone.idle(phone)
    look_up_again(alone)
    alone.mail(phone)
    alone.until_show(phone, waiting=1, last_answer="refused")
    assert not any(counter.connections for counter in forbidden.values())


def look_up_again(alone):           # noqa: F811
    """No connection is kept, and no name cached."""
    alone.push.stop()
    alone.push.sockets = [alone.push.again()]
    alone.push.start()
    alone.restart()


@pytest.fixture(scope="module", autouse=True)
def listen_again(world, push):
    push.again = lambda: world.listener(world.there, GOOD, 443)


def test_rebinding_on_every_query(alone, resolver, forbidden, host):
    """A name that answers public and private in turn, with a time to live of 0."""
    resolver.names[host] = lambda kind, n: [GOOD] if n % 4 < 2 else ["127.0.0.1"]
    for _ in range(4):
        device = alone.device(endpoint=endpoint(alone.push, host))
        assert alone.ask(device).ok
        alone.until_show(device, waiting=0)
    assert not any(counter.connections for counter in forbidden.values())


def test_many_records(alone, resolver, host):
    """A thousand records, as many as fit into an answer: the daemon goes on."""
    resolver.names[host] = [f"46.7.{i // 250}.{i % 250 + 1}" for i in range(1000)]
    device = alone.device(endpoint=endpoint(alone.push, host))
    assert alone.ask(device).ok
    alone.until_show(device, 30, waiting=0)


def test_nxdomain(alone, resolver, host):
    """No such name: a verification ends there, mail waits for the name to come back."""
    phone = subscribe(alone, host)
    resolver.names[host] = NXDOMAIN
    alone.idle(phone)
    look_up_again(alone)
    alone.mail(phone)
    alone.until_show(phone, waiting=1, last_answer="dns")
    resolver.names[host] = [GOOD]
    assert phone.next(30).mails


def test_slow_dns(alone, resolver, host):
    """DNS servers that say nothing hold up nobody: not the loop, not the pushes to others."""
    phone = subscribe(alone, f"good-{host}")
    mute = [f"mute{i}-{host}" for i in range(12)]
    for name in mute:
        resolver.names[name] = None
        assert alone.ask(alone.device(endpoint=endpoint(alone.push, name))).ok
    slowest, uid, devices = 0, 0, alone.devices[-len(mute):]
    while not all(row["last_answer"] for row in map(alone.show, devices)):
        uid += 1
        if uid <= 10:
            alone.mail(phone, uid)
            assert phone.next(5).mails
        began = time.monotonic()
        for device in devices:
            alone.show(device)
        slowest = max(slowest, time.monotonic() - began)
        assert alone.descriptors() < 128
    assert slowest < 2, f"the daemon stood still for {slowest:.1f} s"
