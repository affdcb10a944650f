"""Odd messages, as they travel behind DATA; and a reference model of where DATA ends.

A message here is what stands between the CRLF of DATA and the dot line, its dots already stuffed.
"""

import re

END = b".\r\n"

# A dot line that a bare LF touches is an end of data for some servers and none for others.
DOT_LINE = re.compile(rb"(?:\A|(?<=\n))\.\r?\n")

# The spellings that everybody is to take for text.
NO_ENDS = (b"\r.\r", b"\r\n.\r", b"\r\n.\r\r\n", b"\r\n..\r\n", b"\r.\r\n", b"\n.\rx", b"x.\r\n",
           b"\r\n.x\r\n", b"\r\n...\r\n", b"\r\n..\r", b"\r\n. \r\n", b"\r\n.\t\r\n", b"\r\n.\0\r\n")
# And those that are refused in the middle.
AMBIGUOUS = (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r\n\n.\r\n", b"\r\n.\n\r\n", b"\n\n.\n", b"\r\r\n.\n")

HEADERS = (b"Subject: hello", b"From: Fred <fred@example.org>", b"To: undisclosed-recipients:;",
           b"Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)", b"Message-ID: <%d@example.org>",
           b"Subject: =?utf-8?Q?=0D=0A* BYE?=", b"Subject: \xfcml\xe4ut", b"Subject: a\0b",
           b"X-Folded: one\r\n two\r\n\tthree", b"X-Bare: one\r two", b"X-Bare: one\n two",
           b"no colon here", b": no name", b"X-Empty:", b"From: \"a\\\"b\" <(c)@[1.2.3.4]>",
           b"Received: from x\r\n\tby y with SMTP id 4jYSd65W3Gz1brl5; Mon, 7 Feb 1994 21:52:25 -0800",
           b"List-Id: <x.y.z>", b"Content-Type: multipart/mixed; boundary=b",
           b"Return-Path: <forged@example.org>", b"Delivered-To: forged@example.org")
WORDS = (b"a line of text", b".", b"..", b"...", b".x", b".. .", b"\xff\xfe\x80", b"\0", b"\0" * 9,
         b"From here on", b">From", b"\xe2\x82\xac", b"--b", b"", b" ", b"\r", b"x\r", b"a\rb", b"a\nb",
         b"QUIT", b"RSET", b"DATA")
SOUP = (b"\r", b"\n", b"\r\n", b".", b"\0", b"x", b":", b" ", b"\xff")


def whole_lines(octets):
    """With a CRLF at the end, so that a dot line may follow."""
    return octets if octets == b"" or octets.endswith(b"\r\n") else octets + b"\r\n"


def stuff(octets):
    """A second dot where a line begins with one, for every kind of line end."""
    return re.sub(rb"(\A|\n)\.", rb"\1..", octets)


def stands_whole(message):
    """Whether its own dot line is the only end that any server can see."""
    return DOT_LINE.search(message) is None


def released(message):
    """How much of an ambiguous message a backend may see: what stands before its dot line."""
    return message[:DOT_LINE.search(message).start()]


def header(rng):
    fields = [rng.choice(HEADERS) for _ in range(rng.randrange(8))]
    return b"".join(field.replace(b"%d", b"%d" % rng.getrandbits(40)) + b"\r\n" for field in fields)


def body(rng):
    return b"\r\n".join(rng.choice(WORDS) for _ in range(rng.randrange(30)))


def ordinary(rng):
    return header(rng) + b"\r\n" + body(rng)


def no_body(rng):
    return header(rng)


def no_header(rng):
    return b"\r\n" + body(rng)


def only_text(rng):
    return body(rng)


def empty(_rng):
    return b""


def one_dot(_rng):
    return b"."


def one_line_end(rng):
    return rng.choice((b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r\n"))


def long_line(rng):
    size = rng.choice((998, 999, 1000, 4095, 4096, 8191, 8192, 16383, 16384, 65535, 65536, 200_000))
    return header(rng) + b"\r\n" + rng.choice((b"x", b"\xff", b"\0", b".", b"\r")) * (size + rng.randint(-3, 3))


def long_header(rng):
    size = rng.choice((998, 8192, 65536, 102_400)) + rng.randint(-3, 3)
    if rng.random() < 0.5:
        return b"Subject: " + b"s" * size + b"\r\n\r\n" + body(rng)
    return b"X-Line: short\r\n" * (size // 15) + b"\r\n" + body(rng)


def soup(rng):
    return b"".join(rng.choice(SOUP) for _ in range(rng.randrange(200)))


def octets(rng):
    return header(rng) + b"\r\n" + rng.randbytes(rng.randrange(5000))


def spellings(rng):
    """Text that looks like an end of data; it is stuffed already."""
    return stuff(ordinary(rng)) + b"".join(b"text" + rng.choice(NO_ENDS) for _ in range(rng.randint(1, 6)))


def large(rng):
    """10 KB to 300 KB, so that it does not fit into any one buffer."""
    line = rng.randbytes(60).replace(b"\n", b"n").replace(b"\r", b"r") + b"\r\n"
    return header(rng) + b"\r\n" + line * rng.randint(160, 4800)


def huge(rng):
    line = rng.randbytes(74).replace(b"\n", b"n").replace(b"\r", b"r") + rng.choice((b"\r\n", b"\n", b"\0"))
    return header(rng) + b"\r\n" + line * (rng.randint(1_000_000, 50_000_000) // len(line))


KINDS = ((ordinary, 30), (no_body, 3), (no_header, 4), (only_text, 3), (empty, 3), (one_dot, 3),
         (one_line_end, 3), (long_line, 10), (long_header, 5), (soup, 15), (octets, 8), (large, 5))


def message(rng):
    """A message that every server sees the same end of; mostly odd."""
    kinds, weights = zip(*KINDS)
    if rng.random() < 0.1:
        return whole_lines(spellings(rng))
    return whole_lines(stuff(rng.choices(kinds, weights)[0](rng)))


def huge_message(rng):
    return whole_lines(stuff(huge(rng)))


def ambiguous(rng):
    """A message with an end of data that servers do not agree on, and a transaction behind it."""
    smuggled = (b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\n"
                b"Subject: smuggled\r\n\r\nsmuggled\r\n")
    return b"Subject: x\r\n\r\n" + stuff(body(rng)) + b"y" + rng.choice(AMBIGUOUS) + smuggled
