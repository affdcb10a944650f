"""What an evil push service answers with: each function gives a `play` for Answer(play=...).

Over HTTP/1.1 a play writes what it likes behind a request that was read whole.
"""

import asyncio
import socket
import ssl
import threading

from .httpserver import Answer

MEGA = 1024 * 1024
FIRST = b"HTTP/1.1 201 -\r\n"


async def _pause(writer):
    """Lets the loop see that the client has gone: drain alone may return without having looked."""
    await writer.drain()
    await asyncio.sleep(0)


def raw(*parts, hold=False, every=0):
    """Writes the parts, every seconds apart, then closes, or holds the connection open."""
    async def play(_, writer):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(every)
        if hold:
            await asyncio.get_running_loop().create_future()
    return play


def loris(octets=FIRST + b"Content-Length: 0\r\n\r\n", every=5):
    """One octet in a while."""
    return raw(*(octets[i:i + 1] for i in range(len(octets))), every=every)


def endless_headers():
    async def play(_, writer):
        writer.write(FIRST)
        while True:
            writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
            await _pause(writer)
    return play


def huge_body(status, size=1024 * MEGA):
    """A body of a gigabyte; what the client takes of it is counted in play.taken."""
    async def play(_, writer):
        writer.write(b"HTTP/1.1 %d -\r\nContent-Length: %d\r\n\r\n" % (status, size))
        while play.taken < size:
            writer.write(b"x" * 65536)
            await _pause(writer)
            play.taken += 65536
    play.taken = 0
    return play


LINKS = b"Link: </push/other>; rel=\"urn:ietf:params:push\"\r\n"

# What makes no sense: a label, and the octets behind the request.
NONSENSE = {
    "http09": b"taken, thank you\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    "no status": b"HTTP/1.1\r\n\r\n",
    "links": FIRST + LINKS * (MEGA // len(LINKS)) + b"\r\n",
    "half a header": FIRST + b"Content-Le",
}

# The header is whole, what follows is evil.
TAKEN = {
    "chunk size": FIRST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nx",
    "two lengths": FIRST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
    "short body": FIRST + b"Content-Length: 100\r\n\r\nx",
    "location": FIRST + b"Location: https://127.0.0.1/\r\n\tX-Evil: 1\r\nContent-Length: 0\r\n\r\n",
}


# What is ended by a limit of time.
SILENT = {
    "hang": Answer(hang=True),
    "slow-loris": Answer(play=loris()),
    "slow headers": Answer(play=loris(FIRST + b"X: y\r\n" * 50, every=0.3)),
    "half a status": Answer(play=raw(b"HTTP/1.1 2", hold=True)),
    "informational": Answer(play=raw(*[b"HTTP/1.1 103 -\r\n\r\n"] * 50, every=0.5)),
}


# HTTP/2: (connection, stream).

async def goaway_after(http2, stream):
    """The stream is answered, then the connection is given up."""
    http2.h2.send_headers(stream, [(":status", "201")], end_stream=True)
    http2.h2.close_connection(last_stream_id=stream)
    http2.flush()
    http2.writer.close()


async def goaway_before(http2, stream):
    """The connection is given up, and the stream was never looked at."""
    http2.h2.close_connection(last_stream_id=max(0, stream - 2))
    http2.flush()
    await http2.writer.drain()
    await asyncio.sleep(1)
    http2.writer.close()


def reset(code):
    """RST_STREAM instead of an answer (7: REFUSED_STREAM)."""
    async def play(http2, stream):
        http2.h2.reset_stream(stream, error_code=code)
        http2.flush()
    return play


REFUSED_STREAM, INTERNAL_ERROR, CANCEL = 7, 2, 8


# TLS, and listeners.

def tls_context(authority, kind):
    """A server's context that a client has to refuse."""
    if kind == "expired":
        return authority.context(kind, ("http/1.1",), hosts=("127.0.0.1",), days=(-20, -1))
    if kind == "not yet":
        return authority.context(kind, ("http/1.1",), hosts=("127.0.0.1",), days=(5, 20))
    if kind == "wrong name":
        return authority.context(kind, ("http/1.1",), hosts=("127.0.0.2", "example.org"))
    if kind == "self-signed":
        return authority.stranger().context(kind, ("http/1.1",), hosts=("127.0.0.1",))
    context = authority.context(kind, ("http/1.1",))
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


TLS = ("expired", "not yet", "wrong name", "self-signed", "TLS 1.1")


class Counter:
    """A listener that nobody may ever connect to: it counts who does."""

    def __init__(self, address=("127.0.0.1", 0), listener=None):
        self.connections = 0
        self.listener = listener or socket.create_server(address)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            while True:
                self.listener.accept()[0].close()
                self.connections += 1
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Mute:
    """TCP is accepted, and then nothing is ever said."""

    def __init__(self, address=("127.0.0.1", 0)):
        self.kept = []
        self.listener = socket.create_server(address)
        self.address = self.listener.getsockname()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            while True:
                self.kept.append(self.listener.accept()[0])
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.kept:
            sock.close()
