"""A front that speaks one conversation and writes down every answer."""

import contextlib
import socket
from dataclasses import dataclass, field

WAIT = 30


@dataclass
class Transcript:
    """The greeting, then what was answered to each unit; and what came behind all of that."""
    greeting: bytes = b""
    answers: list = field(default_factory=list)     # (unit, [reply, ...])
    rest: bytes = b""
    sent: list = field(default_factory=list)        # what the server was told, piece by piece
    ended: bool = False                             # the server has closed the connection

    @property
    def replies(self):
        return [reply for _, replies in self.answers for reply in replies]


class Closed(Exception):
    """The server has closed the connection."""


class Front:
    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(WAIT)
        self.socket.connect(path)
        self.pending = b""
        self.accepted = 0               # recipients of the transaction
        self.may_send = False           # the last DATA was answered by 354
        self.transcript = Transcript()

    def speak(self, conversation):
        """The whole conversation: its Transcript."""
        with self.socket, contextlib.suppress(Closed):
            self.transcript.greeting = self.read_reply()
            for flight in conversation.flights[:-1]:
                self._fly(flight)
            last = conversation.flights[-1]
            if conversation.end == "cut":
                self._send(last, last.octets)
                return self.transcript
            self._fly(last, half=conversation.end == "half")
            if conversation.end != "close":
                self.read_to_end()
        return self.transcript

    # By hand.

    def send(self, octets):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(octets)

    def read_reply(self):
        """One reply, all of its lines, octet for octet."""
        reply = b""
        while True:
            line = self._line()
            reply += line
            if line[3:4] != b"-":
                return reply

    def read_to_end(self):
        """All that comes before the end of file."""
        with contextlib.suppress(Closed):
            while True:
                self._more()
        return self.transcript.rest

    # Sending.

    def _fly(self, flight, half=False):
        units = flight.units
        if units[0].message and not self.may_send:
            return                      # a front whose DATA was refused sends no message
        self._send(flight, flight.octets)
        if half:
            self.socket.shutdown(socket.SHUT_WR)
        for unit in units:
            self._answers(unit)

    def _send(self, flight, octets):
        at = 0
        for end in (*flight.cuts, len(octets)):
            try:
                self.socket.sendall(octets[at:end])
            except (BrokenPipeError, ConnectionResetError):
                return                  # its last words are still to be read
            self.transcript.sent.append(octets[at:end])
            at = end

    # Answers.

    def _answers(self, unit):
        replies = []
        self.transcript.answers.append((unit, replies))
        due = self.accepted if unit.message else 1
        for _ in range(due):
            replies.append(self.read_reply())
        if unit.message:
            self.accepted, self.may_send = 0, False
        else:
            self._note(unit.verb, replies[0])

    def _note(self, verb, reply):
        good = reply[:1] == b"2"
        if verb == b"RCPT" and good:
            self.accepted += 1
        elif verb in (b"RSET", b"LHLO", b"MAIL") and good:
            self.accepted = 0
        elif verb == b"DATA":
            self.may_send = reply[:3] == b"354"

    def _line(self):
        while b"\n" not in self.pending:
            self._more()
        line, _, self.pending = self.pending.partition(b"\n")
        return line + b"\n"

    def _more(self):
        try:
            octets = self.socket.recv(65536)
        except ConnectionResetError:
            octets = b""
        except TimeoutError:
            unit = self.transcript.answers[-1][0] if self.transcript.answers else None
            raise AssertionError(f"{self.path} does not answer within {WAIT} s: {unit}") from None
        if octets == b"":
            self.transcript.rest, self.pending = self.pending, b""
            self.transcript.ended = True
            raise Closed
        self.pending += octets
