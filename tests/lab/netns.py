"""Two network namespaces joined by veth: `here`, where the daemon runs, and `there`, an Internet of
the tests' own whose addresses look global.  Nothing of it can be reached from outside.

Sockets of either are made by this process: a thread enters the namespace, and the socket stays there
wherever it is used.
"""

import ctypes
import os
import socket
import subprocess
import threading

HERE = "45.83.0.1"              # the daemon's own address
GATE = "45.83.0.2"              # there
PUBLIC = "46.0.0.0/8"           # every address of it is there
PRIVATE = "10.66.0.1"           # there, too: it could be reached, and must not be
GOOD, DEAD = "46.1.1.1", "46.1.1.2"     # there, and nobody listens on the second

# What a name may turn into that leads inside, and what has a public address in it, too.
INSIDE = {
    "private": [PRIVATE], "loopback": ["127.0.0.1"], "all of loopback": ["127.9.9.9"],
    "any": ["0.0.0.0"], "own": [HERE], "link local": ["169.254.169.254"],
    "v6 loopback": ["::1"], "mapped": [f"::ffff:{PRIVATE}"], "mapped own": ["::ffff:127.0.0.1"],
    "nat64": ["64:ff9b::7f00:1"], "6to4": ["2002:7f00:1::1"], "compatible": ["::127.0.0.1"],
    "several": [PRIVATE, "127.0.0.1", HERE, "::1"],
}
MIXED = {
    "public first": [GOOD, "127.0.0.1", PRIVATE],
    "private first": [PRIVATE, "127.0.0.1", GOOD],
    "v6 own": ["::1", GOOD],
    "dead public first": [DEAD, "127.0.0.1", HERE],
}
_CLONE_NEWNET = 0x40000000


def why_not():
    """Why namespaces cannot be made here; None: they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    done = subprocess.run(["unshare", "-n", "-m", "sh", "-c",
                           "ip link add mba type veth peer name mbb && mount --bind /dev/null /etc/resolv.conf"],
                          check=False, capture_output=True, text=True)
    return f"no network namespaces here: {done.stderr.strip()}" if done.returncode else None


def _ip(name, *words):
    subprocess.run(["ip", "-n", name, *words], check=True)


class Namespaces:
    def __init__(self, folder, resolv="options timeout:5 attempts:2"):
        """resolv: glibc's defaults."""
        self.here, self.there = (f"mb{os.getpid()}{side}" for side in "ht")
        self.resolv = f"{folder}/resolv.conf"
        with open(self.resolv, "w", encoding="ascii") as out:
            out.write(f"nameserver 127.0.0.1\n{resolv}\n")

    def __enter__(self):
        for name in (self.here, self.there):
            subprocess.run(["ip", "netns", "add", name], check=True)
        _ip(self.here, "link", "add", "out", "type", "veth", "peer", "name", "in", "netns", self.there)
        for name, link, address in ((self.here, "out", HERE), (self.there, "in", GATE)):
            _ip(name, "link", "set", "lo", "up")
            _ip(name, "address", "add", f"{address}/24", "dev", link)
            _ip(name, "link", "set", link, "up")
        _ip(self.there, "address", "add", f"{PRIVATE}/32", "dev", "lo")
        _ip(self.there, "route", "add", "local", PUBLIC, "dev", "lo")
        _ip(self.here, "route", "add", "default", "via", GATE)
        return self

    def __exit__(self, *_):
        for name in (self.here, self.there):
            subprocess.run(["ip", "netns", "delete", name], check=False)

    @property
    def within(self):
        """The start of a command line that runs in `here`, with the resolver of the tests."""
        return ("ip", "netns", "exec", self.here, "sh", "-c",
                f'mount --bind {self.resolv} /etc/resolv.conf && exec "$@"', "sh")

    def socket(self, name, make):
        """What make() gives, called within a namespace."""
        out = []

        def run():
            with open(f"/run/netns/{name}", "rb") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                    return
            out.append(make())
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert out, f"the namespace {name} could not be entered"
        return out[0]

    def listener(self, name, address, port, backlog=1024):
        return self.socket(name, lambda: _listener(address, port, backlog))


def _listener(address, port, backlog):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(backlog)
    return listener
