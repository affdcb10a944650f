"""Many push services that are dead and a few that live, in a namespace (netns.py): half of the dead
swallow SYN, half accept TCP and say nothing.  Each has a host of its own, and an account whose device
was acknowledged before it died."""

import contextlib
import socket
import time

from .alone import Alone
from .authority import Authority
from .clock import shifted
from .dns import Resolver, bound
from .netns import Namespaces
from .place import Place
from .pushd import PushService
from .wait import until

SWALLOW, MUTE, GOOD = 443, 9443, 8443       # ports
SLOTS = 16                                  # that hosts without a 2xx share
TWO_DAYS = 2 * 86400


class Holes(Place):
    def __init__(self, folder, count, good=10):
        super().__init__()
        self.folder, self.count, self.good = folder, count, good
        self.most_descriptors = self.most_slots = 0

    def _start(self):
        authority = Authority(self.folder)
        self.world = self.closing.enter_context(Namespaces(self.folder))
        resolver = Resolver(self.world.socket(self.world.here, bound))
        self.closing.callback(resolver.close)
        resolver.fallback = lambda name: [address(name)]
        services = {port: PushService(authority, ("http/1.1",), hosts=("*.push.test",), sockets=[
            self.world.listener(self.world.there, "0.0.0.0", port)]) for port in (SWALLOW, MUTE, GOOD)}
        for service in services.values():
            service.start()
        self.push = services.pop(GOOD)
        self.closing.callback(self.push.stop)
        self.alone = self.closing.enter_context(Alone(
            self.push, authority, within=self.world.within, endpoint_ports="443 8443 9443",
            endpoint_allow="https://trusted.invalid/none/", log_level="notice"))
        self.dead = [self._phone(service, i) for i in range(self.count // 2)
                     for service in services.values()]
        self.phones = [self._phone(self.push, i) for i in range(self.good)]
        for service in services.values():
            service.stop()
        self.closing.enter_context(buried(self.world))
        self.push.ahead = TWO_DAYS          # the last 2xx of all hosts is more than a day ago
        self.alone.daemon.env.update(shifted("+2d"))
        self.alone.restart()

    def _phone(self, service, i):
        return self.alone.phone(push=service, endpoint=service.endpoint(
            f"h{i}-{service.port}.push.test"))

    def run(self, rounds, timeout):
        """The living show that they live; then there is mail for all the dead, and for the living, one
        after the other: seconds from each of these mails to its push."""
        self.alone.deliver((phone.user, 1) for phone in self.phones)
        for phone in self.phones:
            self.push.wait(phone.endpoint, 2, timeout)
        self.alone.deliver((phone.user, 1) for phone in self.dead)
        self.began = time.monotonic()
        delays = []
        for uid in range(2, rounds + 2):
            for phone in self.phones:
                sent = time.monotonic()
                self.alone.mail(phone, uid)
                until(lambda: self._watch(phone, uid), timeout, "a good device has its push")
                delays.append(phone.push.of(phone.endpoint)[uid].when - sent)
        return delays

    def _watch(self, phone, uid):
        self.most_descriptors = max(self.most_descriptors, self.alone.descriptors())
        self.most_slots = max(self.most_slots, self._slots())
        return len(phone.push.of(phone.endpoint)) > uid

    def _slots(self):
        """Connections of the daemon to the dead: being made, or made."""
        with open(f"/proc/{self.alone.daemon.pid}/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table][1:]
        ports = [f"{port:04X}" for port in (SWALLOW, MUTE)]
        return sum(row[2].split(":")[1] in ports and row[3] in ("01", "02") for row in rows)


def address(name):
    number, _, port = name.split(".")[0][1:].partition("-")
    return f"46.{int(port) % 200}.{int(number) // 250}.{int(number) % 250 + 1}"


@contextlib.contextmanager
def buried(world):
    """A listener whose backlog is full swallows SYN; one that nobody accepts from says nothing."""
    there = world.there
    socks = [world.listener(there, "0.0.0.0", SWALLOW, 0), world.listener(there, "0.0.0.0", MUTE, 4096)]
    socks += [world.socket(there, _filler) for _ in range(4)]
    try:
        yield
    finally:
        for sock in socks:
            sock.close()


def _filler():
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", SWALLOW))
    return sock
