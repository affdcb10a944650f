"""A relay of chaos between a client and a server on UNIX sockets: what passes can be looked at, held,
slowed, changed or cut.

    class Deaf(Wire):
        def down(self, octets):
            return b""

    with Relay(path, server, Deaf): ...
"""

import contextlib
import os
import socket
import struct
import threading


class Cut(Exception):
    """Raised by up() and down(): both connections end, behind the octets that were passed on."""


class Wire:
    """One connection: what to do with what passes.  This one passes it on, and remembers it."""

    def __init__(self, client):
        self.client = client            # its socket
        self.client_pid, _, _ = struct.unpack(
            "3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        self.sent = bytearray()         # by the client
        self.answered = bytearray()     # by the server
        self.over = threading.Event()   # either side has gone, or the relay ends

    def up(self, octets):
        """What of the client's octets the server gets."""
        self.sent += octets
        return octets

    def down(self, octets):
        """What of the server's octets the client gets."""
        self.answered += octets
        return octets


class Relay:
    def __init__(self, path, server, wire=Wire):
        """wire: makes what looks at a connection; `wires` has all that were made."""
        self.path, self.server, self.wire = path, server, wire
        self.wires = []
        self.sockets = set()
        self.lock = threading.Lock()

    def __enter__(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self.listener.listen(1000)
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        for wire in self.wires:
            wire.over.set()
        # A blocked accept or recv does not notice close.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        with self.lock:
            left = list(self.sockets)
        for one in left:
            _shut(one)
        os.unlink(self.path)

    def _listen(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        server = socket.socket(socket.AF_UNIX)
        wire = self.wire(client)
        with self.lock:
            self.wires.append(wire)
            self.sockets |= {client, server}
        with client, server:
            with contextlib.suppress(OSError):
                server.connect(self.server)
                back = threading.Thread(target=_pump, args=(server, client, wire.down, wire), daemon=True)
                back.start()
                _pump(client, server, wire.up, wire)
                back.join()
        with self.lock:
            self.sockets -= {client, server}


def _pump(source, sink, change, wire):
    """Octets from one to the other until either ends; a half-closed client is shown as such."""
    try:
        while octets := source.recv(65536):
            sink.sendall(change(octets))
        sink.shutdown(socket.SHUT_WR)
        return
    except (OSError, Cut):
        pass
    wire.over.set()
    _shut(source)
    _shut(sink)


def _shut(sock):
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
