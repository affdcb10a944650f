"""What the tests of the fan-out share: hosts to send to, witnesses beside a hostile endpoint."""

import pytest

from lab.alone import Alone
from lab.authority import Authority
from lab.process import free_ports
from lab.pushd import PushService

HOSTS = 64


def loopback(count, net=9):
    """Addresses of this host, each of them an origin of its own."""
    return [f"127.{net}.{i // 250}.{i % 250 + 1}" for i in range(count)]


class Hosts:
    """Gives away hosts that no other test has used."""

    def __init__(self, hosts):
        self.left = list(hosts)

    def take(self):
        return self.left.pop()


@pytest.fixture(scope="module")
def versions():
    """The protocols that the push service of this module offers; a module may have its own."""
    return ("http/1.1",)


@pytest.fixture(scope="module")
def settings():
    """More settings for this module's daemon; a module may have its own."""
    return {}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca")
    for path in (folder, *folder.parents[:2]):      # the daemon's user reads it
        path.chmod(0o755)
    return Authority(str(folder))


@pytest.fixture(scope="module")
def push(authority, versions):
    service = PushService(authority, versions, port=free_ports(1)[0], hosts=loopback(HOSTS)).start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def hosts(push):
    return Hosts(push.hosts)


@pytest.fixture(scope="module")
def alone(push, authority, settings):
    """One daemon for the module.  When it ends, its log holds no secret."""
    with Alone(push, authority, **{"endpoint_allow": push.prefixes, **settings}) as daemon:
        yield daemon
        assert daemon.daemon.running, daemon.daemon.tail()
        assert not daemon.leaks()


@pytest.fixture
def counted(push, authority, settings):
    """A daemon for one test: what it counts is that test's, and not what another left waiting."""
    with Alone(push, authority, **{"endpoint_allow": push.prefixes, **settings}) as daemon:
        yield daemon


class Street:
    """Three accounts at one origin: one of them is to be treated badly, two are witnesses."""

    def __init__(self, alone, host):
        self.alone, self.host, self.push = alone, host, alone.push
        self.victim, *self.witnesses = (self.phone() for _ in range(3))

    def phone(self):
        return self.alone.phone(endpoint=self.push.endpoint(self.host))

    def hit(self, answer, uid=1):
        """One mail for the victim, and what the service says to it: the request."""
        before = len(self.push.of(self.victim.endpoint))
        self.push.script(self.victim.endpoint, answer)
        self.alone.mail(self.victim, uid)
        return self.push.asked(self.victim.endpoint, before + 1)[before]

    def witnesses_ring(self, uid):
        """Mail for the others of this origin goes out as if nothing was."""
        for phone in self.witnesses:
            self.alone.mail(phone, uid)
        for phone in self.witnesses:
            assert phone.next(15).mails[0][1] == uid


@pytest.fixture
def street(alone, hosts):
    return Street(alone, hosts.take())
