"""Just enough of HTTP/1.1 and HTTP/2 for the push service of the tests."""

import asyncio
import time
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings

RST_STREAM = 3
PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


@dataclass
class Answer:
    """One scripted answer.  hang: none, ever; close: the connection is closed instead.

    play: an evil service's own way to answer (evil.py): over HTTP/1.1 it is given reader and writer,
    over HTTP/2 the connection and the stream.  The connection ends with it.
    """
    status: int = 201
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0
    hang: bool = False
    close: bool = False
    play: object = None


@dataclass
class Post:
    """A request as it came in, and how it was answered."""
    method: str
    path: str
    headers: dict
    body: bytes
    connection: int
    version: str
    when: float = field(default_factory=time.monotonic)
    fault: str = ""     # why a service that knows its RFCs would refuse it
    status: int = 0     # 0: not answered yet
    key: str = ""       # the VAPID key that signed it
    claims: dict = field(default_factory=dict)

    @property
    def host(self):
        """With its port, as the client named it."""
        return self.headers.get(":authority") or self.headers.get("host", "")


async def serve_h1(service, connection, reader, writer):
    """Requests one after the other until the client closes, or a script does."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, version = head[0].split(" ")
        headers = {}
        for line in filter(None, head[1:]):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        post = Post(method, path, headers, body, connection, version)
        answer = service.receive(post)
        if not await _in_time(answer):
            return
        if answer.play is not None:
            await answer.play(reader, writer)
            return
        lines = [f"HTTP/1.1 {answer.status} -", f"Content-Length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + answer.body)
        await writer.drain()
        service.answered(post, answer.status)


async def serve_h2(service, connection, reader, writer):
    await _Http2(service, connection, reader, writer).run()


async def _in_time(answer):
    """Waits as the script says; false where the connection is to be closed instead."""
    if answer.hang:
        await asyncio.get_running_loop().create_future()
    await asyncio.sleep(answer.delay)
    return not answer.close


class _Frames:
    """Counts RST_STREAM frames in the octets of a connection: h2 itself is silent about one that
    comes after its stream has ended."""

    def __init__(self):
        self.pending = b""
        self.skip = PREFACE

    def resets(self, data):
        count, self.pending = 0, self.pending + data
        while True:
            dropped = min(self.skip, len(self.pending))
            self.pending = self.pending[dropped:]
            self.skip -= dropped
            if self.skip or len(self.pending) < 9:
                return count
            count += self.pending[3] == RST_STREAM
            self.skip = 9 + int.from_bytes(self.pending[:3], "big")


class _Http2:
    def __init__(self, service, connection, reader, writer):
        self.service = service
        self.number = connection
        self.reader = reader
        self.writer = writer
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.streams = {}
        self.tasks = set()
        self.frames = _Frames()

    async def run(self):
        if self.service.max_streams is not None:
            self.h2.local_settings = Settings(client=False, initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: self.service.max_streams})
        self.h2.initiate_connection()
        self.flush()
        try:
            while data := await self.reader.read(65536):
                for _ in range(self.frames.resets(data)):
                    self.service.count_reset()
                for event in self.h2.receive_data(data):
                    self.handle(event)
                self.flush()
        except ProtocolError:
            self.flush()
        finally:
            for task in self.tasks:
                task.cancel()

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    def handle(self, event):
        if isinstance(event, RequestReceived):
            self.streams[event.stream_id] = (dict(event.headers), bytearray())
        elif isinstance(event, DataReceived):
            self.streams[event.stream_id][1].extend(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            task = asyncio.ensure_future(self.answer(event.stream_id))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif isinstance(event, StreamReset):
            self.streams.pop(event.stream_id, None)

    async def answer(self, stream):
        headers, body = self.streams.pop(stream)
        post = Post(headers[":method"], headers[":path"], headers, bytes(body), self.number, "HTTP/2")
        answer = self.service.receive(post)
        if not await _in_time(answer):
            self.writer.close()
            return
        if answer.play is not None:
            await answer.play(self, stream)
            return
        try:
            self.h2.send_headers(stream, [(":status", str(answer.status))] + [
                (name.lower(), value) for name, value in answer.headers.items()],
                end_stream=not answer.body)
            if answer.body:
                self.h2.send_data(stream, answer.body, end_stream=True)
        except StreamClosedError:
            return
        self.flush()
        self.service.answered(post, answer.status)
