"""Where mailbell-lmtp answers otherwise than Dovecot, on purpose: nothing else may differ.

RULES hold in every conversation.  ENTRIES are conversations of their own, each with what both sides
are to say: one that no longer differs has no place here.
"""

import re
from dataclasses import dataclass

from .messages import AMBIGUOUS, END

# What is relayed, and what of a backend's extensions is offered.
RELAYED = (b"LHLO", b"MAIL", b"RCPT", b"DATA", b"RSET", b"NOOP", b"VRFY", b"QUIT")
OFFERED = (b"PIPELINING", b"8BITMIME", b"ENHANCEDSTATUSCODES", b"SIZE", b"DSN", b"SMTPUTF8")

NOT_OURS = b"502 5.5.1 Command not implemented\r\n"
NOT_CRLF = b"451 4.5.2 A line end next to a dot line is not CRLF\r\n"
TOO_LONG = b"500 5.5.2 Line too long\r\n"
MALFORMED = b"500 5.5.2 Bare CR or NUL in a command\r\n"


# RULES.

def foreign(unit):
    """A command that is answered by the proxy itself and never relayed."""
    return not unit.message and unit.verb not in RELAYED


def expected(unit, reply):
    """What the proxy is to say where Dovecot said `reply`."""
    if foreign(unit):
        return NOT_OURS
    if unit.verb == b"LHLO" and reply[:1] == b"2":
        return fewer_extensions(reply)
    return reply


def fewer_extensions(reply):
    """The answer to LHLO with those extensions alone that go through a proxy."""
    first, *rest = [line[4:] for line in reply.splitlines(keepends=True)]
    kept = [first, *(line for line in rest if line.split()[0].upper() in OFFERED)]
    return b"".join(b"250-" + line for line in kept[:-1]) + b"250 " + kept[-1]


def relayed(units):
    """What the backend gets of these: no command that is foreign, no bare RSET right behind a message, and all
    others with a CRLF."""
    octets, behind_message = b"", False
    for unit in units:
        text = unit.octets if unit.message else re.sub(rb"\r?\n\Z", b"", unit.octets) + b"\r\n"
        if not foreign(unit) and not (behind_message and text.upper() == b"RSET\r\n"):
            octets += text
        behind_message = unit.message
    return octets


# ENTRIES.

@dataclass
class Entry:
    """`said` is sent behind LHLO in one piece, and QUIT behind it; the patterns are of all that comes back.

    Carol has as many mails afterwards as answers say Saved, on both sides."""
    name: str
    said: bytes
    direct: bytes
    proxy: bytes


def exactly(*replies):
    return re.escape(b"".join(replies))


OK = exactly(b"250 2.0.0 OK\r\n")
BYE = exactly(b"221 2.0.0 Bye\r\n")
SAVED = rb"250 2\.0\.0 <carol@lab\.test> \S+ Saved\r\n"
BEFORE_DATA = b"MAIL FROM:<fred@example.org>\r\nRCPT TO:<carol@lab.test>\r\n"
BEFORE_DATA_OK = rb"250 2\.1\.0 OK\r\n250 2\.1\.5 OK\r\n"
FIRST = BEFORE_DATA + b"DATA\r\nSubject: first\r\n\r\nfirst"
SECOND = BEFORE_DATA + b"DATA\r\nSubject: second\r\n\r\nsecond\r\n" + END
DATA_OK = BEFORE_DATA_OK + rb"354 OK\r\n"
# Dovecot 2.3 finds the end and takes the second transaction; 2.4 finds none, or (CRLF.LF) does as 2.3.
UNKNOWN = rb"500 5\.5\.[12] [^\r]*\r\n"
ONE_OR_TWO_MAILS = b"(?:" + DATA_OK + SAVED + b"(?:" + UNKNOWN + b")?){1,2}" + BYE
NOT_OURS_RE = exactly(NOT_OURS)
TOO_MANY = rb"421 4\.7\.0 [^\r]*Too many invalid commands\.\r\n"
LOST = exactly(b"421 4.4.2 Connection to the mailbox server lost\r\n")
MALFORMED_RE = exactly(MALFORMED)

ENTRIES = [
    # A bare LF at a dot line: 451 and the end, since some take it for the end of the message.
    *(Entry(f"end of data {ending!r}", FIRST + ending + SECOND, ONE_OR_TWO_MAILS, DATA_OK + exactly(NOT_CRLF))
      for ending in AMBIGUOUS),
    # What would take both sides out of step is not relayed.
    Entry("STARTTLS", b"STARTTLS\r\n", rb"220 2\.0\.0 [^\r]*TLS[^\r]*\r\n(?s:.*)", NOT_OURS_RE + BYE),
    Entry("BDAT", BEFORE_DATA + b"BDAT 17 LAST\r\nSubject: x\r\n\r\nx\r\n", BEFORE_DATA_OK + SAVED + BYE,
          BEFORE_DATA_OK + 4 * NOT_OURS_RE + BYE),
    Entry("XCLIENT", b"XCLIENT ADDR=192.0.2.1\r\n", rb"550 5\.7\.14 [^\r]*\r\n" + BYE, NOT_OURS_RE + BYE),
    *(Entry(f"the command {command!r}", command + b"\r\n", UNKNOWN + BYE, NOT_OURS_RE + BYE)
      for command in (b"XFORWARD NAME=x", b"HELP", b"EXPN list", b"HELO x", b"FOO", b"", b" NOOP")),
    Entry("15 unknown commands", 15 * b"FOO\r\n", 10 * UNKNOWN + TOO_MANY, 15 * NOT_OURS_RE + BYE),
    # What counts as a command line.
    *(Entry(f"the command {command!r}", command + b"\r\n", UNKNOWN + BYE, MALFORMED_RE + BYE)
      for command in (b"NOOP a\rb", b"NOOP a\0b", b"M\0IL")),
    *(Entry(f"a command of {len(command)} octets", command + b"\r\n", UNKNOWN + b"(?:" + BYE + b")?",
            exactly(TOO_LONG)) for command in (b"x" * 9000, b"NOOP " + b"n" * 9000)),
    # A session ends at QUIT, and where the backend goes; then each command still due is answered.
    Entry("QUIT refused", b"QUIT x\r\nNOOP\r\n", rb"501 [^\r]*\r\n" + OK + BYE, rb"501 [^\r]*\r\n"),
    Entry("a backend that goes", 15 * b"RCPT x\r\n", rb"(?:503 [^\r]*\r\n){10}" + TOO_MANY,
          rb"(?:503 [^\r]*\r\n){10}" + TOO_MANY + LOST),
    # What is remembered of recipients is bounded; 1,000 of any form do fit.
    Entry("2600 recipients", BEFORE_DATA + 2600 * b"RCPT TO:<carol@lab.test>\r\n" + b"RSET\r\n",
          BEFORE_DATA_OK + rb"(?:250 2\.1\.5 OK\r\n){2600}" + OK + BYE,
          BEFORE_DATA_OK + rb"(?:250 2\.1\.5 OK\r\n){1000,}(?:452 4\.5\.3 Too many recipients\r\n)+" + OK + BYE),
]
