"""Frames as they go over the daemon's sockets, written and read; the numbers of types and tags come
from the C sources."""

import os
import re
import struct

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INTEGERS = {"LOST", "TIME", "SEEN", "UIDVALIDITY", "UID", "REASON", "KIND", "N", "BEGIN",
            "MALFORMED", "KEEP", "EXIT"}


def _enum(path, name):
    """The members of a C enum with their numbers: the codec's tables, from the codec itself."""
    with open(f"{TREE}/{path}", encoding="utf-8") as source:
        body = re.search(r"enum %s \{(.*?)\}" % name, source.read(), re.S)[1]
    out, number = {}, 0
    for member in re.sub(r"/\*.*?\*/", "", body, flags=re.S).split(","):
        label, _, value = (part.strip() for part in member.partition("="))
        if label:
            number = int(value) if value else number
            out[label.partition("_")[2]] = number
            number += 1
    return out


TYPES = _enum("lib/wire.h", "wire_type")
TAGS = _enum("lib/wire_fields.h", "tag")
TYPE_NAMES = {number: name for name, number in TYPES.items()}
TAG_NAMES = {number: name for name, number in TAGS.items()}


def _field(name, value):
    if isinstance(value, int):
        value = struct.pack(">Q", value)
    elif isinstance(value, str):
        value = value.encode()
    return struct.pack(">BI", TAGS[name], len(value)) + value


def frame(kind, args=(), **fields):
    """Octets of one frame; a field is octets, text, or a number; an argument may be None, too."""
    body = b"".join(_field(name, value) for name, value in fields.items())
    for arg in args:
        body += _field("NIL_ARG", b"") if arg is None else _field("ARG", arg)
    return struct.pack(">IBB", len(body) + 2, 1, TYPES[kind]) + body


class Frame:
    """A frame as it was read: its type's name, and its fields by name."""

    def __init__(self, body, connection=None):
        self.connection = connection
        version, kind = body[0], body[1]
        assert version == 1, version
        self.type = TYPE_NAMES[kind]
        self.fields = {}
        self.args = []
        self.row = {}           # the named values of an admin row
        self.column = None
        at = 2
        while at < len(body):
            tag, size = struct.unpack_from(">BI", body, at)
            value = body[at + 5:at + 5 + size]
            assert len(value) == size, "a field that is cut"
            at += 5 + size
            self._take(TAG_NAMES[tag], value)

    def _take(self, name, value):
        if name == "ARG":
            self.args.append(value)
        elif name == "NIL_ARG":
            self.args.append(None)
        elif name == "COLUMN":
            self.column = value.decode()
            self.row[self.column] = None
        elif name in ("CELL", "NUMBER"):
            self.row[self.column] = (value.decode() if name == "CELL" else
                                     struct.unpack(">q", value)[0])
        elif name in INTEGERS:
            self.fields[name] = struct.unpack(">Q", value)[0]
        else:
            self.fields[name] = value

    def __getattr__(self, name):
        """f.uid, f.mailbox: octets or a number; None where it is not there."""
        return self.fields.get(name.upper())

    def __repr__(self):
        return f"{self.type} {self.fields} {self.args}"


def read_frame(stream):
    """The next frame of a buffered stream; EOFError where it has ended."""
    head = stream.read(4)
    if len(head) < 4:
        raise EOFError("the connection ended")
    return Frame(stream.read(struct.unpack(">I", head)[0]))
