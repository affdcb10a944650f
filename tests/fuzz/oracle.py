#!/usr/bin/python3
"""Dovecot as oracle of the ENVELOPE fuzzers, offline: every input that was kept or found for a header, an
address list or a whole message is put into a Maildir, and what a private Dovecot gives as its ENVELOPE
is compared with ours, value for value.

    oracle.py FOLDER...     folders that hold one folder for each fuzz target, as tests/fuzz/corpus does
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/system"), str(TOP / "tests")]

import test_envelope as envelope    # noqa: E402

BATCH = 5000
FIELDS = (b"From", b"To", b"Reply-To", b"Cc")


def as_value(data, field):
    """An address list as the field of a header: what would end the field goes on instead."""
    return field + b": " + re.sub(rb"\n(?![ \t])", b"\n ", data) + b"\n\n"


def pieces(data):
    """The input of a target whose first octet is no part of the message."""
    return data[1:]


# What becomes a message of the inputs of each target.
READERS = {
    "envelope": lambda data: data,
    "header": lambda data: data,
    "msgfacts": lambda data: data,
    "lmtp_content": pieces,
    "address": lambda data: as_value(data, FIELDS[len(data) % len(FIELDS)]),
}


def inputs(folders):
    """(name, message) of each input, no message twice."""
    seen = set()
    for folder in map(pathlib.Path, folders):
        for target, message in READERS.items():
            for path in sorted(p for name in (target, f"fuzz_{target}")
                               for p in (folder / name).glob("*")):
                data = message(path.read_bytes())
                if data not in seen:
                    seen.add(data)
                    yield f"{target}/{path.name}", data


def build(folder):
    tool = folder / "envelope"
    sources = ["tests/tools/envelope.c"] + \
        [f"lib/{name}.c" for name in ("buf", "header", "lexer", "address", "imapstr", "envelope")]
    subprocess.run(["cc", "-std=c11", "-I.", "-D_GNU_SOURCE", "-O2", "-o", tool, *sources], cwd=TOP,
                   check=True)
    return tool


def compare(tool, folder, version, batch):
    """The names of those that differ, and how many have an ENVELOPE."""
    conf, paths = envelope.store(folder, batch)
    mine, theirs = envelope.ours(tool, paths), envelope.dovecots(conf, len(batch))
    wrong, written = [], 0
    for (name, data), (reason, members), oracle in zip(batch, mine, theirs):
        written += reason == envelope.OK
        agree = reason in envelope.expected_reasons(data, oracle) and \
            (reason != envelope.OK or members == oracle)
        if not agree and not envelope.is_known(version, data):
            wrong.append(name)
            print(f"{name} differs: {data[:300]!r}\n  ours     {reason} {members}\n  Dovecot  {oracle}")
    return wrong, written


def main(folders):
    version = subprocess.run(["dovecot", "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout[:3]
    found = list(inputs(folders))
    wrong, written = [], 0
    with tempfile.TemporaryDirectory(prefix="mailbell-oracle-") as name:
        top = pathlib.Path(name)
        top.chmod(0o755)
        tool = build(top)
        for start in range(0, len(found), BATCH):
            folder = top / str(start)
            folder.mkdir()
            more, n = compare(tool, folder, version, found[start:start + BATCH])
            wrong += more
            written += n
            shutil.rmtree(folder)
    print(f"{len(found)} inputs, {written} with ENVELOPE, Dovecot {version}: {len(wrong)} differ")
    return 1 if wrong or not written else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
