"""Goal: the ENVELOPE of any message has, string for string, the values that Dovecot gives for it.

Standalone: needs doveadm (as oracle) and the tool tests/tools/envelope.c, no running server.  The
messages are tests/corpus/envelope/*.eml and seeded mutations of them; MAILBELL_SEED and
MAILBELL_MUTATIONS choose others, and more.
"""

import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile

import pytest

from lab.dovecot import version as dovecot_version

TOP = pathlib.Path(__file__).resolve().parents[2]
CORPUS = TOP / "tests/corpus/envelope"
TEXT_MAX, ADDRESSES_MAX, HEADER_MAX = 3900, 100, 65536
OK, HEADER_TOO_BIG, TOO_MANY, TOO_LONG = range(4)
NOBODY = 65534
MUTATIONS = int(os.environ.get("MAILBELL_MUTATIONS", 3000))

# What a message must hold for a difference between an older Dovecot (the oracle may be one) and 2.4,
# whose values ours are.
KNOWN_DIFFERENCES = {
    # 2.4 leaves the LF before a continuation line of one blank away when it puts the lines of a value
    # together, so that a backslash at the end of a line quotes that blank.  So does Debian's 2.3.19.1,
    # where it came with a security fix (a limit on header sizes), but no 2.3 before 2.3.21.1.
    "2.3": [re.compile(rb"\\\r*\n[ \t]\r?(\n|$)")],
}

# By the version of Dovecot.
CONFIGURATION = {"2.3": """\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
mail_location = maildir:{maildir}:INDEX=MEMORY
protocols =
ssl = no
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
""", "2.4": """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
mail_driver = maildir
mail_path = {maildir}
mail_index_path = MEMORY
ssl = no
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
"""}

pytestmark = pytest.mark.skipif(shutil.which("doveadm") is None, reason="no doveadm")


# --- the two parsers under comparison -------------------------------------------------------------

class List:
    """Reads the members of an ENVELOPE: None, bytes, or lists of them."""

    def __init__(self, data, pos=0):
        self.data, self.pos = data, pos

    def value(self):
        data, pos = self.data, self.pos
        if data[pos:pos + 3] == b"NIL":
            self.pos += 3
            return None
        if data[pos:pos + 1] == b"(":
            self.pos += 1
            return self.members(b")")
        if data[pos:pos + 1] == b'"':
            end = pos + 1
            while data[end:end + 1] != b'"':
                end += 2 if data[end:end + 1] == b"\\" else 1
            self.pos = end + 1
            return re.sub(rb"\\(.)", rb"\1", data[pos + 1:end], flags=re.S)
        literal = re.compile(rb"\{(\d+)\}\r\n").match(data, pos)
        assert literal, (pos, data[pos:pos + 40], data)
        self.pos = literal.end() + int(literal[1])
        return data[literal.end():self.pos]

    def members(self, end):
        found = []
        while self.data[self.pos:self.pos + 1] != end:
            if self.data[self.pos:self.pos + 1] == b" ":
                self.pos += 1
            found.append(self.value())
        self.pos += 1
        return found


def ours(tool, paths):
    """What the tool says: (reason, members or None) for each path."""
    out = subprocess.run([tool], input="".join(f"{p}\n" for p in paths).encode(),
                         stdout=subprocess.PIPE, check=True).stdout
    answers, pos = [], 0
    for _ in paths:
        eol = out.index(b"\n", pos)
        reason, length = map(int, out[pos:eol].split())
        text = out[eol + 1:eol + 1 + length]
        pos = eol + 1 + length + 1
        if reason == OK:
            reader = List(text, 1)
            members = reader.members(b")")
            assert reader.pos == length and length <= TEXT_MAX
            answers.append((reason, members))
        else:
            assert length == 0
            answers.append((reason, None))
    assert pos == len(out)
    return answers


def dovecots(conf, count):
    """What Dovecot gives: the members for each message, by the number in its file name."""
    nobody = {"2.3": [], "2.4": ["--no-userdb-lookup"]}[dovecot_version()]
    out = subprocess.run(["doveadm", "-c", conf, "fetch", *nobody, "guid imap.envelope", "all"],
                         cwd=conf.parent,
                         env={"PATH": os.environ["PATH"], "USER": "root"},
                         stdout=subprocess.PIPE, check=True).stdout
    answers, pos = {}, 0
    head = re.compile(rb"(?:\f\n)?guid: (\d+)\.m\nimap\.envelope: ")
    while pos < len(out):
        start = head.match(out, pos)
        assert start, out[pos:pos + 200]
        reader = List(out, start.end())
        answers[int(start[1])] = reader.members(b"\n")
        pos = reader.pos
    assert sorted(answers) == list(range(count))
    return [answers[i] for i in range(count)]


# --- when there must be no ENVELOPE -----------------------------------------------------------------

def quoted(value):
    """The octets of a value as mailbell writes it."""
    if value is None:
        return 3
    if isinstance(value, list):
        inner = sum(map(quoted, value)) + 2
        return inner + len(value) - 1 if not value or not isinstance(value[0], list) else inner
    if re.search(rb"[\r\n\x80-\xff]", value):
        return len(value) + len(b"{%d}\r\n" % len(value))
    return len(value) + value.count(b'"') + value.count(b"\\") + 2


def expected_reasons(message, members):
    """Which reasons are right for a message with these values."""
    end = re.search(rb"(?:^|\n)\r?\n", message)
    if (end.end() if end else len(message)) > HEADER_MAX:
        return {HEADER_TOO_BIG}
    reasons = set()
    if any(isinstance(m, list) and len(m) > ADDRESSES_MAX for m in members):
        reasons.add(TOO_MANY)
    if quoted(members) > TEXT_MAX:
        reasons.add(TOO_LONG)
    return reasons or {OK}


# --- mutations ---------------------------------------------------------------------------------------

PIECES = [b"\r\n ", b"\n\t", b"\n \n ", b"\r", b"\r\r\n ", b"\0", b'"', b"\\", b"(", b")", b"<", b">", b"@",
          b",", b";", b":", b".", b"[", b"]", b" ", b"  ", b"\t", b"\xe4", b"\xc3\xa4", b"{5}", b"NIL",
          b"a", b"b@c", b"(c)", b'"q"', b"<a@b>", b"<@r:a@b>", b"g:", b"=?utf-8?Q?=0D=0A?=", b"\r\n", b"\n",
          b"\\\n ", b"\\\r\n ", b"(\\) x", b'"\\"', b"@[", b"..", b"\x7f", b"\x01", b"\\\n \n x", b"\\\r\n\t\r\n y"]
NAMES = [b"Date", b"Subject", b"From", b"Sender", b"Reply-To", b"To", b"Cc", b"Bcc", b"In-Reply-To",
         b"Message-ID"]


def mutate(rng, message, other):
    data = bytearray(message)
    for _ in range(rng.choice([1, 1, 2, 3, 5, 8, 20])):
        at = rng.randrange(len(data) + 1)
        to = min(len(data), at + rng.choice([0, 1, 1, 2, 5, 20]))
        kind = rng.randrange(8)
        if kind <= 3:
            data[at:to if kind == 0 else at] = rng.choice(PIECES)
        elif kind == 4:
            del data[at:to]
        elif kind == 5:
            data[at:at] = data[at:to] * rng.choice([1, 2, 10])
        elif kind == 6:
            start = rng.randrange(len(other) + 1)
            data[at:to] = other[start:start + rng.randrange(60)]
        else:
            data[at:at] = b"\n" + rng.choice(NAMES) + rng.choice([b":", b": ", b" :", b":\n ", b": \t"])
    return bytes(data)


def generated(rng):
    """A header of random pieces alone."""
    lines = []
    for _ in range(rng.randrange(1, 8)):
        value = b"".join(rng.choice(PIECES) for _ in range(rng.randrange(14)))
        lines.append(rng.choice(NAMES) + b": " + value)
    return b"\n".join(lines) + b"\n\n"


def messages(seed, count):
    """(name, octets) of the corpus and of count mutations."""
    rng = random.Random(seed)
    corpus = [(p.name, p.read_bytes()) for p in sorted(CORPUS.glob("*.eml"))]
    small = [data for _, data in corpus if len(data) < 4000]
    found = list(corpus)
    for i in range(count):
        if i % 4 == 0:
            data = generated(rng)
        else:
            data = mutate(rng, rng.choice(small), rng.choice(small))
        found.append((f"mutation {i} of seed {seed}", data))
    return found


# --- the comparison -------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    program = tmp_path_factory.mktemp("tool") / "envelope"
    sources = ["tests/tools/envelope.c"] + \
        [f"lib/{name}.c" for name in ("buf", "header", "lexer", "address", "imapstr", "envelope")]
    subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-I.", "-D_GNU_SOURCE", "-g", "-O1",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-o", program, *sources],
                   cwd=TOP, check=True)
    return program


@pytest.fixture
def folder():
    """A folder that another user can get into, unlike pytest's own."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="mailbell-envelope-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def store(folder, found):
    """Writes the messages as a Maildir and returns a dovecot.conf that shows it, and the paths."""
    maildir = folder / "Maildir"
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
    paths = []
    for i, (_, data) in enumerate(found):
        paths.append(maildir / "cur" / f"{i}.m:2,S")
        paths[-1].write_bytes(data)
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:    # Dovecot opens no mailbox as root
        uid = gid = NOBODY
        for path in [maildir, *maildir.iterdir()]:
            os.chown(path, uid, gid)
    conf = folder / "dovecot.conf"
    conf.write_text(CONFIGURATION[dovecot_version()].format(folder=folder, maildir=maildir, uid=uid, gid=gid))
    return conf, paths


def is_known(version, data):
    return any(pattern.search(data) for pattern in KNOWN_DIFFERENCES.get(version, []))


def test_values_are_dovecots(tool, folder):
    """Goal: no value differs between mailbell and Dovecot, but where a known difference explains it."""
    version = dovecot_version()
    seed = int(os.environ.get("MAILBELL_SEED", random.SystemRandom().randrange(10 ** 9)))
    print(f"seed {seed}, {MUTATIONS} mutations, Dovecot {version}")
    found = messages(seed, MUTATIONS)
    conf, paths = store(folder, found)
    differences, known, written = [], 0, 0
    for (name, data), mine, theirs in zip(found, ours(tool, paths), dovecots(conf, len(found))):
        reason, members = mine
        written += reason == OK
        if reason in expected_reasons(data, theirs) and (reason != OK or members == theirs):
            continue
        if is_known(version, data):
            known += 1
            continue
        differences.append((name, data[:2000], mine, theirs))
    print(f"{len(found)} messages, {written} with ENVELOPE, {known} known differences")
    assert written > len(found) * 0.9
    assert not differences, f"{len(differences)} differ, the first of them: {differences[0]}"
