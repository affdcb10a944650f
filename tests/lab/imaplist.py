"""IMAP values as Python values: atoms are Atom, numbers int, strings bytes, NIL None, lists list.

The parser is strict where RFC 9051's grammar is: one space between values, none between two
lists that follow each other, literals whole, nothing left over.
"""

import base64
import re


class Malformed(ValueError):
    """Not an IMAP value, and where."""


class Atom(str):
    """An atom that is neither NIL nor a number."""


_ATOM = re.compile(rb'(?:\[[^\]\r\n]*\]|[^\x00-\x20\x7f(){"\[]|\\)+')
_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n")
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')


class _Parser:
    def __init__(self, text):
        self.text = text
        self.at = 0

    def fail(self, why):
        raise Malformed(f"{why} at octet {self.at} of {self.text!r}")

    def peek(self):
        return self.text[self.at:self.at + 1]

    def sequence(self, closing):
        """Values up to closing (b"" is the end of the text), separated as the grammar says."""
        out = []
        if self.peek() == closing:
            return out
        while True:
            out.append(self.value())
            if self.peek() == closing:
                return out
            if self.peek() == b"(" and isinstance(out[-1], list):
                continue
            if self.peek() != b" ":
                self.fail("no space")
            self.at += 1

    def value(self):
        first = self.peek()
        if first == b"(":
            self.at += 1
            out = self.sequence(b")")
            self.at += 1
            return out
        if first == b'"':
            return re.sub(rb"\\(.)", rb"\1", self.take(_QUOTED, "bad quoted string")[1])
        if first == b"{":
            return self.literal()
        word = self.take(_ATOM, "no value")[0]
        if word.upper() == b"NIL":
            return None
        return int(word) if word.isdigit() else Atom(word.decode("utf-8", "surrogateescape"))

    def literal(self):
        size = int(self.take(_LITERAL, "bad literal")[1])
        start, self.at = self.at, self.at + size
        if self.at > len(self.text):
            self.fail("literal cut short")
        return self.text[start:self.at]

    def take(self, pattern, why):
        match = pattern.match(self.text, self.at)
        if not match:
            self.fail(why)
        self.at = match.end()
        return match


def values(text):
    """All values of a text, e.g. of a response without its "* " and CRLF."""
    return _Parser(text).sequence(b"")


def envelope(text):
    """One ENVELOPE, "(" to ")", as a list of ten; its form is checked (RFC 9051 section 9)."""
    found = values(text)
    if len(found) != 1:
        raise Malformed(f"{len(found)} values instead of one ENVELOPE")
    return check_envelope(found[0])


def check_envelope(value):
    """The parsed value, if it has an ENVELOPE's form."""
    if not isinstance(value, list) or len(value) != 10:
        raise Malformed(f"an ENVELOPE has ten members: {value!r}")
    for index, member in enumerate(value):
        if index in range(2, 8):
            _check_addresses(member)
        elif not _nstring(member):
            raise Malformed(f"member {index} is no nstring: {member!r}")
    return value


def _check_addresses(member):
    if member is None:
        return
    if not isinstance(member, list) or not member:
        raise Malformed(f"neither NIL nor a list of addresses: {member!r}")
    for address in member:
        if not isinstance(address, list) or len(address) != 4 or not all(map(_nstring, address)):
            raise Malformed(f"not an address: {address!r}")


def _nstring(value):
    return value is None or isinstance(value, bytes)


def quote(text):
    """A quoted string, for text that a quoted string can hold."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def utf7_encode(name):
    """A mailbox name in modified UTF-7 (RFC 3501 section 5.1.3)."""
    def shifted(match):
        if match[0] == "&":
            return "&-"
        octets = base64.b64encode(match[0].encode("utf-16-be")).decode().rstrip("=")
        return "&" + octets.replace("/", ",") + "-"
    return re.sub(r"&|[^\x20-\x7e]+", shifted, name)


def utf7_decode(name):
    def unshifted(match):
        if not match[1]:
            return "&"
        octets = match[1].replace(",", "/")
        return base64.b64decode(octets + "=" * (-len(octets) % 4)).decode("utf-16-be")
    return re.sub(r"&([^-]*)-", unshifted, name)
