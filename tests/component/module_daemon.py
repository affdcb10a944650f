"""A scripted daemon on the sockets `saved` and `command`, for tests of the Dovecot modules.

It keeps every frame of every connection, and answers verbs as the test's script says.
"""

import os
import socket
import struct
import threading

from lab.frames import Frame, INTEGERS, TAG_NAMES, TYPE_NAMES, frame  # noqa: F401
from lab.wait import until


class Connection:
    def __init__(self, daemon, name, sock):
        self.daemon, self.name, self.socket = daemon, name, sock
        self.frames = []
        self.cut = False        # it ended within a frame
        self.closed = False
        daemon.connections.append(self)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            while True:
                head = self._read(4)
                got = Frame(self._read(struct.unpack(">I", head)[0]), self)
                self.frames.append(got)
                self.daemon.on_frame(self, got)
        except (EOFError, OSError):
            pass
        self.closed = True

    def _read(self, size):
        out = b""
        while len(out) < size:
            more = self.socket.recv(size - len(out))
            if not more:
                self.cut = self.cut or bool(out) or size != 4
                raise EOFError
            out += more
        return out

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except OSError:
            pass  # the module does not wait for our ok

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def ok(verb):
    """The usual script: the command completed."""
    return {"TAGGED": f"OK {verb.name.decode()} completed"}


class Daemon:
    """answer: what gets a verb and returns the fields of its answer, octets to send, or None."""

    def __init__(self, run_dir, answer=ok, names=("saved", "command"), accepting=True):
        self.answer = answer
        self.connections = []
        self.listeners = []
        for name in names:
            path = f"{run_dir}/{name}"
            if os.path.exists(path):
                os.unlink(path)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            os.chmod(path, 0o666)
            listener.listen(64)
            self.listeners.append((path, listener))
        if accepting:
            self.accept()

    def accept(self):
        for path, listener in self.listeners:
            threading.Thread(target=self._accept, args=(os.path.basename(path), listener),
                             daemon=True).start()

    def _accept(self, name, listener):
        try:
            while True:
                Connection(self, name, listener.accept()[0])
        except OSError:
            pass

    def on_frame(self, connection, got):
        if connection.name != "command":
            return
        if got.type == "HELLO":
            connection.send(frame("OK"))
        elif got.type == "VERB":
            fields = self.answer(got)
            if isinstance(fields, bytes):
                connection.send(fields)
            elif fields is not None:
                connection.send(frame("ANSWER", **fields))

    def stop(self):
        for path, listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            os.unlink(path)
        self.listeners = []
        for connection in self.connections:
            connection.close()

    # What came.

    def all(self, kind, name=None):
        return [f for c in list(self.connections) if name in (None, c.name)
                for f in list(c.frames) if f.type == kind]

    def hellos(self, name):
        return self.all("HELLO", name)

    def verbs(self):
        return self.all("VERB")

    def of(self, kind, user):
        """saved, end or session frames of a user."""
        return [f for f in self.all(kind) if f.user == user.encode()]

    def wait(self, kind, user, count=1, timeout=10):
        until(lambda: len(self.of(kind, user)) >= count, timeout, f"{count} {kind} of {user}")
        return self.of(kind, user)

    def delivery(self, user, ends=1):
        """The saved frames of a user once that many deliveries to it are over, and the ends."""
        ends = self.wait("END", user, ends)
        return self.of("SAVED", user), ends
