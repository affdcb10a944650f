"""A DNS server over UDP that answers what a test wants: addresses, NXDOMAIN, nothing, late."""

import socket
import struct
import threading

A, AAAA = 1, 28
NXDOMAIN = 3


class Resolver:
    """names: {name: addresses (text, IPv4 or IPv6), NXDOMAIN, None (no answer), or a function of the
    query's type and serial that gives one of these}; fallback: a function of the name for all others."""

    def __init__(self, sock):
        self.sock = sock
        self.names = {}
        self.fallback = lambda name: NXDOMAIN
        self.delay = 0
        self.queries = []
        threading.Thread(target=self._run, daemon=True).start()

    def close(self):
        self.sock.close()

    def asked(self, name):
        return self.queries.count(name)

    def _run(self):
        while True:
            try:
                query, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            name, kind, end = _question(query)
            self.queries.append(name)
            wanted = self.names.get(name)
            if name not in self.names:
                wanted = self.fallback(name)
            if callable(wanted):
                wanted = wanted(kind, self.asked(name))
            if wanted is None:
                continue
            answer = _answer(query, end, kind, wanted)
            if self.delay:
                threading.Timer(self.delay, self._late, (answer, peer)).start()
            else:
                self._late(answer, peer)

    def _late(self, answer, peer):
        try:
            self.sock.sendto(answer, peer)
        except OSError:
            pass    # closed meanwhile


def _question(query):
    """(name, type, where the question ends)"""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack_from(">H", query, at + 1)[0], at + 5


def _answer(query, end, kind, wanted):
    code = wanted if isinstance(wanted, int) else 0
    records = []
    for address in [] if code else wanted:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        if kind == (AAAA if ":" in address else A):
            octets = socket.inet_pton(family, address)
            records.append(struct.pack(">HHHIH", 0xc00c, kind, 1, 0, len(octets)) + octets)
    head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(records), 0, 0)
    return head + query[12:end] + b"".join(records)


def bound(address="127.0.0.1", port=53):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


