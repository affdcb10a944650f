"""Conversations of a front, made from a seed: conversation(seed, number) is the same on every machine.

A conversation is a list of flights.  A flight is sent as one write, line by line, or in pieces, and
all answers that are due to it are read before the next one.
"""

import random
from dataclasses import dataclass, field

from lab.dovecot import DOMAIN, FULL, NUMBERED

from . import messages

# Those that no other test gets, which begin with a mailbox of their own.
POOL = [f"user{n:03}@{DOMAIN}" for n in range(NUMBERED - 110, NUMBERED)]
MOST = 100                          # recipients
PIECES = 40                         # into which a flight is cut at most
WHOLE = 4000                        # a message behind its DATA, unasked: Dovecot hangs on long ones

# What our proxy never relays; these Dovecot answers, too, and goes on.
FOREIGN = (b"HELP", b"EXPN list", b"FOO", b"HELO x", b"XFORWARD NAME=x", b"")


@dataclass
class Unit:
    """One command with its line end, or one message with its dot line."""
    octets: bytes
    message: bool = False

    @property
    def verb(self):
        return b"" if self.message else self.octets.split(None, 1)[0].upper() if self.octets.strip() else b""


@dataclass
class Flight:
    units: list
    cuts: list = field(default_factory=list)        # places in its octets; a write ends at each

    @property
    def octets(self):
        return b"".join(unit.octets for unit in self.units)


@dataclass
class Conversation:
    name: str
    flights: list
    end: str = "quit"               # quit, close, half (the writing side alone), cut (inside a message)
    users: list = field(default_factory=list)
    ambiguous: bool = False

    @property
    def octets(self):
        return b"".join(flight.octets for flight in self.flights)


def line(text):
    return Unit(text + b"\r\n")


def text_of(message):
    return Unit(message + messages.END, message=True)


class Maker:
    def __init__(self, seed, number, long):
        self.rng = random.Random(f"{seed}.{number}")
        self.long = long
        self.users = []

    def chance(self, of):
        return self.rng.random() < of

    # Commands.

    def mail_from(self):
        sender = self.rng.choice((b"<>", b"<fred@example.org>", b"<\"odd one\"@example.org>",
                                  b"<a+b=c@example.org>", b"<%s@example.org>" % (b"l" * 60)))
        options = self.rng.choice((b"", b"", b"", b" BODY=8BITMIME", b" BODY=7BIT"))
        return line(self.rng.choice((b"MAIL FROM:", b"mail from:", b"Mail From:")) + sender + options)

    def recipient(self, user):
        """One RCPT for a user who exists, in one of the spellings of his address."""
        if user not in self.users:
            self.users.append(user)
        name, domain = user.encode().split(b"@")
        address = self.rng.choice((name + b"@" + domain,) * 5
                                  + (name.upper() + b"@LAB.test", name + b"+detail@" + domain))
        return line(b"RCPT TO:<%s>" % address)

    def stranger(self):
        """One RCPT that is refused, or whose mail will be."""
        return line(self.rng.choice((
            b"RCPT TO:<nobody%d@lab.test>" % self.rng.randrange(1000), b"RCPT TO:<%s@lab.test>" % FULL.encode(),
            b"RCPT TO:<>", b"RCPT TO:<\"\">", b"RCPT TO:<a@@b>", b"RCPT TO:nobody", b"RCPT", b"RCPT TO:<x@y",
            b"RCPT TO:<nobody@lab.test> NOTIFY=NEVER", b"RCPT TO:<@a,@b:nobody@lab.test>")))

    def aside(self):
        """What does not belong to a transaction, and changes nothing."""
        if self.chance(0.15):
            return line(self.rng.choice(FOREIGN))
        return line(self.rng.choice((b"NOOP", b"NOOP with words", b"VRFY alice", b"VRFY", b"noop", b"RCPT x",
                                     b"MAIL x", b"MAIL FROM:<a@b> X=Y", b"MAIL FROM:<a@b", b"RSET x",
                                     b"NOOP " + b"n" * self.rng.randrange(3000))))

    def break_off(self):
        """What ends a transaction before its message."""
        return line(self.rng.choice((b"RSET", b"rset", b"LHLO again.example", b"RSET ")))

    # Transactions.

    def how_many(self):
        return self.rng.choice((1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 7, 12, self.rng.randint(1, MOST)))

    def recipients(self, count):
        units = [self.recipient(user) for user in self.rng.sample(POOL, count)]
        for _ in range(self.rng.choice((0, 0, 0, 1, 2, 3))):
            units.insert(self.rng.randrange(len(units) + 1), self.stranger())
        if self.chance(0.1):
            units.append(units[self.rng.randrange(len(units))])
        if self.chance(0.1):
            units.insert(self.rng.randrange(len(units) + 1), self.mail_from())
        return self.sprinkled(units)

    def sprinkled(self, units):
        if self.chance(0.2):
            units.insert(self.rng.randrange(len(units) + 1), self.aside())
        return units

    def envelope(self):
        units = [self.mail_from(), *self.recipients(self.how_many())]
        if self.chance(0.08):
            units += [self.break_off(), self.mail_from(), *self.recipients(self.how_many())]
        return units

    def message(self):
        if self.chance(0.002) and self.long:
            return text_of(messages.huge_message(self.rng))
        return text_of(messages.message(self.rng))

    def no_message(self):
        """Transactions in which DATA is refused, or never comes."""
        return self.rng.choice((
            [line(b"DATA")], [self.mail_from(), line(b"DATA")], [self.mail_from(), self.stranger()],
            [self.mail_from(), line(b"RCPT TO:<nobody@lab.test>"), line(b"DATA")],
            [*self.envelope(), self.break_off(), line(b"DATA")], [*self.envelope(), self.break_off()]))

    def transaction(self):
        """Units; a message stands behind a DATA that is accepted, and only there."""
        if self.chance(0.07):
            return self.no_message()
        return [*self.envelope(), line(b"DATA"), self.message()]

    # Flights.

    def flights(self, units):
        """Groups of units: mostly all up to DATA, sometimes each alone, sometimes all at once."""
        way = self.rng.choice(("group", "group", "group", "single", "whole"))
        if way == "single":
            return [Flight([unit]) for unit in units]
        if way == "whole" and sum(len(unit.octets) for unit in units) <= WHOLE:
            return [Flight(units)]
        groups = [[]]
        for unit in units:
            groups[-1].append(unit)
            if unit.message or unit.verb == b"DATA":
                groups.append([])
        return [Flight(group) for group in groups if group]

    def cut(self, flight):
        size = len(flight.octets)
        way = self.rng.choice(("no", "no", "lines", "random", "octets"))
        if way == "octets" and size <= 600:
            flight.cuts = list(range(1, size))
        elif way == "lines" and len(flight.units) > 1:
            at = 0
            for unit in flight.units[:-1]:
                at += len(unit.octets)
                flight.cuts.append(at)
        elif way != "no" and size > 1:
            flight.cuts = sorted(self.rng.sample(range(1, size), min(size - 1, self.rng.randint(1, PIECES))))

    def conversation(self, number):
        units = [line(self.rng.choice((b"LHLO front.example", b"lhlo [127.0.0.1]", b"LHLO x")))]
        if self.chance(0.03):
            return self.ambiguous(number, units)
        for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
            units += self.sprinkled([]) + self.transaction()
        end = self.rng.choice(("quit",) * 6 + ("close", "half", "cut"))
        if end == "quit":
            units.append(line(b"QUIT"))
        flights = self.flights(units)
        if end == "cut":
            flights += self.cut_off()
        return self.finished(number, flights, end=end)

    def finished(self, number, flights, **how):
        for flight in flights:
            self.cut(flight)
        return Conversation(f"conversation {number}", flights, users=self.users, **how)

    def ambiguous(self, number, units):
        """One message that ends for some and not for others, with a transaction inside."""
        units += [self.mail_from(), *self.recipients(self.how_many()), line(b"DATA"),
                  text_of(messages.ambiguous(self.rng))]
        return self.finished(number, self.flights(units), end="half", ambiguous=True)

    def cut_off(self):
        """A transaction whose message stops somewhere: no part of its end is sent."""
        message = messages.message(self.rng)
        commands = [line(b"RSET"), self.mail_from(), self.recipient(self.rng.choice(POOL)), line(b"DATA")]
        part = Unit(message[:self.rng.randrange(len(message) + 1)], message=True)
        return [Flight(commands), Flight([part])]


def conversation(seed, number, long=False):
    return Maker(seed, number, long).conversation(number)
