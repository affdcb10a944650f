"""A push service that breaks TLS, HTTP/1.1 and HTTP/2: what it does ends by a limit, no POST leaves
where TLS is not in order, and nobody else's push waits for it.

The time-outs are all played at once, by `silences`, so that the module waits for them only once.
"""

import os
import time

import pytest

from fanout_fixtures import (  # noqa: F401
    Street, alone, authority, hosts, loopback, push, street, versions)
from lab import evil
from lab.alone import Alone
from lab.httpserver import Answer
from lab.process import cpu_s, free_ports
from lab.pushd import PushService
from lab.wait import until

TOTAL_S = 15            # of one POST


@pytest.fixture(scope="module")
def forbidden():
    counter = evil.Counter()
    yield counter
    counter.close()


@pytest.fixture(scope="module")
def silent():
    mute = evil.Mute(("127.9.1.1", 0))
    yield mute.address
    mute.close()


@pytest.fixture(scope="module")
def broken(authority):
    """Push services with broken TLS, by kind."""
    services = {}
    for kind in evil.TLS:
        services[kind] = PushService(authority, ("http/1.1",))
        services[kind].context = evil.tls_context(authority, kind)
        services[kind].start()
    yield services
    for service in services.values():
        service.stop()


@pytest.fixture(scope="module")
def settings(broken, silent):
    return {"endpoint_allow": [*(service.prefix for service in broken.values()),
                               "https://%s:%d/push/" % silent,
                               *(f"https://{host}:{SHARED_PORT}/push/" for host in loopback(64))]}


SHARED_PORT = free_ports(1)[0]


@pytest.fixture(scope="module")
def push(authority, versions):      # noqa: F811
    service = PushService(authority, versions, port=SHARED_PORT, hosts=loopback(64)).start()
    yield service
    service.stop()


# What ends by a limit of time.  Nothing of it is answered, so that no test waits for it alone.

@pytest.fixture(scope="module")
def silences(alone, hosts, silent):         # noqa: F811
    """Every way of saying nothing has begun, for an acknowledged device each: {name: street}."""
    streets = {}
    for name, answer in evil.SILENT.items():
        streets[name] = Street(alone, hosts.take())
        alone.push.always(streets[name].victim.endpoint, answer)
        streets[name].hit(answer)
    device = alone.device(endpoint="https://%s:%d/push/silent" % silent)
    assert alone.ask(device).ok
    return streets, device


@pytest.mark.parametrize("name", evil.SILENT)
def test_silence_harms_nobody(silences, name):
    """While a service says nothing to one, two others at the same origin get their mail."""
    streets, _ = silences
    streets[name].witnesses_ring(2)


@pytest.mark.parametrize("name", evil.NONSENSE)
def test_nonsense(alone, street, name):     # noqa: F811
    """What is no HTTP answer is tried again later; the daemon goes on."""
    street.hit(Answer(play=evil.raw(evil.NONSENSE[name])))
    row = alone.until_show(street.victim, failures=1)
    assert row["waiting"] == 1 and row["last_answer"] == "transport", row
    assert 5 <= row["next_try_time"] - row["last_try_time"] <= 11
    street.witnesses_ring(2)


@pytest.mark.parametrize("name", evil.TAKEN)
def test_taken(alone, street, name):        # noqa: F811
    """An answer counts as soon as its header is whole, whatever its body does."""
    street.hit(Answer(play=evil.raw(evil.TAKEN[name])))
    assert alone.idle(street.victim)["last_answer"] == "201"
    street.witnesses_ring(2)


def test_closed_without_a_word(alone, street):      # noqa: F811
    """A kept connection that ends as it is used again: at once, once more, on a new one."""
    street.hit(Answer(close=True))
    assert alone.idle(street.victim)["last_answer"] == "201"
    assert len(alone.push.of(street.victim.endpoint)) == 3      # verification, lost, repeat


def test_endless_headers(alone, street):    # noqa: F811
    """16 KiB of header are enough."""
    street.hit(Answer(play=evil.endless_headers()))
    row = alone.until_show(street.victim, failures=1)
    assert row["waiting"] == 1 and row["last_answer"] == "transport"
    street.witnesses_ring(2)


@pytest.mark.parametrize("status", (201, 500))
def test_huge_body(alone, street, status):  # noqa: F811
    """Of a body of a gigabyte nearly nothing is read; the status counts."""
    play = evil.huge_body(status)
    street.hit(Answer(play=play))
    alone.until_show(street.victim, last_answer=str(status))
    assert play.taken < 32 * evil.MEGA, play.taken      # what kernel and TLS had buffered
    street.witnesses_ring(2)


@pytest.mark.parametrize("status", (301, 302, 303, 307, 308, 201))
def test_redirect(alone, street, forbidden, status):    # noqa: F811
    """A redirect is never followed, nor is the Location of a 201."""
    where = f"https://127.0.0.1:{forbidden.port}/push/other"
    street.hit(Answer(status, {"Location": where, "Refresh": f"0; url={where}",
                               "Alt-Svc": f'h2=":{forbidden.port}"'}))
    alone.until_show(street.victim, last_answer=str(status))
    street.witnesses_ring(2)
    assert forbidden.connections == 0


def test_cookies(alone, street):            # noqa: F811
    """What a service wants remembered is forgotten: no cookie comes back."""
    street.hit(Answer(201, {"Set-Cookie": "canary=1; Path=/", "Strict-Transport-Security": "max-age=9"}))
    alone.idle(street.victim)
    post = street.hit(Answer(), uid=2)
    assert "cookie" not in post.headers


@pytest.mark.parametrize("kind", evil.TLS)
def test_broken_tls(alone, broken, kind):   # noqa: F811
    """The handshake fails, and no POST leaves."""
    device = alone.device(push=broken[kind])
    assert alone.ask(device).ok
    row = alone.until_show(device, last_answer="tls")
    assert row["waiting"] == 0, "a verification is tried again after a 5xx alone"
    assert not broken[kind].posts


def test_proxy_variables(push, authority, forbidden):   # noqa: F811
    """Variables that name a proxy are without effect."""
    proxy = f"http://127.0.0.1:{forbidden.port}"
    names = ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY")
    with Alone(push, authority, env={name: proxy for name in names}) as daemon:
        phone = daemon.phone()
        daemon.mail(phone)
        assert phone.next().mails
    assert forbidden.connections == 0


def test_broken_tls_heals(alone, hosts, authority):     # noqa: F811
    """A certificate that has expired costs an acknowledged device nothing but time."""
    street = Street(alone, hosts.take())
    good = alone.push.context
    alone.push.stop()
    alone.push.context = authority.context("expired", ("http/1.1",), hosts=(street.host,), days=(-9, -1))
    alone.push.start()
    posts = len(alone.push.posts)
    alone.mail(street.victim)
    row = alone.until_show(street.victim, last_answer="tls")
    assert row["waiting"] == 1 and len(alone.push.posts) == posts
    alone.push.stop()
    alone.push.context = good
    alone.push.start()
    assert street.victim.next(30).mails[0][1] == 1


def test_hangs_up_between_pushes(alone, hosts):     # noqa: F811
    """Connections that the service ends while nothing is under way keep nobody busy; the next push comes."""
    phone = alone.phone(endpoint=alone.push.endpoint(hosts.take()))
    alone.mail(phone)
    assert phone.next().mails
    alone.push.stop()
    before = cpu_s(alone.daemon.pid)
    time.sleep(1)           # what is measured is what it does meanwhile
    assert cpu_s(alone.daemon.pid) - before < 0.3
    alone.push.start()
    alone.mail(phone, 2)
    assert phone.next(30).mails


def test_silence_ends(alone, silences):     # noqa: F811
    """Each of the silent ones is ended by the limit of 15 s, and tried again."""
    streets, unsaid = silences
    for name, street in streets.items():
        row = alone.until_show(street.victim, 3 * TOTAL_S, last_answer="timeout")
        assert row["waiting"] == 1 and row["state"] == "failing", (name, row)
    alone.until_show(unsaid, 3 * TOTAL_S, last_answer="timeout", waiting=0)
    assert alone.descriptors() < 128


def test_still_whole(alone, hosts):         # noqa: F811
    """After all of it the daemon sends as ever, and memory and descriptors are bounded."""
    phone = alone.phone(endpoint=alone.push.endpoint(hosts.take()))
    alone.mail(phone)
    assert phone.next().mails
    with open(f"/proc/{alone.daemon.pid}/status", encoding="ascii") as status:
        kilobytes = {line.split(":")[0]: line.split()[1] for line in status if line.startswith("Vm")}
    assert int(kilobytes["VmRSS"]) < 64 * 1024 or os.environ.get("ASAN_OPTIONS")
    until(lambda: alone.descriptors() < 128, 10, "descriptors")
