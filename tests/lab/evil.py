"""What an evil push service answers with: each function gives a `play` for Answer(play=...).

Over HTTP/1.1 a play writes what it likes behind a request that was read whole.
"""

import asyncio

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
