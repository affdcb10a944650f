"""mailbell, the operator's tool, with a scripted daemon: what it asks, prints and exits with."""

import json
import os
import pty
import socket
import struct
import subprocess
import threading

import pytest

from lab.frames import TAGS, TYPES, Frame, frame
from lab.lab import build_folder

TOOL = f"{build_folder()}/mailbell"


def field(name, value):
    octets = struct.pack(">q", value) if isinstance(value, int) else value
    return struct.pack(">BI", TAGS[name], len(octets)) + octets


def row(**values):
    body = b"".join(
        field("COLUMN", name.encode()) +
        (b"" if value is None else field("NUMBER" if isinstance(value, int) else "CELL", value))
        for name, value in values.items())
    return struct.pack(">IBB", len(body) + 2, 1, TYPES["ROW"]) + body


def done(code=0, text=None):
    return frame("DONE", EXIT=code, **({} if text is None else {"TEXT": text}))


class Daemon:
    """Listens on run_dir/admin; the answer to a question is octets, sent as they are."""

    def __init__(self, folder):
        self.folder = folder
        self.config = f"{folder}/mailbell.conf"
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(f"run_dir = {folder}\n")
        self.answer = b""
        self.questions = []
        self.listener = None

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(f"{self.folder}/admin")
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as stream:
                for _ in range(2):
                    size, = struct.unpack(">I", stream.read(4))
                    self.questions.append(Frame(stream.read(size), peer))
                peer.sendall(self.answer)

    def run(self, *argv, **more):
        more = {"stdin": subprocess.DEVNULL, **more}
        return subprocess.run([TOOL, "-c", self.config, *argv], capture_output=True, timeout=30,
                              check=False, text=True, env={**os.environ, "TZ": "UTC"}, **more)


@pytest.fixture
def quiet(tmp_path):
    """A daemon that does not listen yet."""
    daemon = Daemon(tmp_path)
    yield daemon
    if daemon.listener is not None:
        daemon.listener.close()


@pytest.fixture
def daemon(quiet):
    quiet.listen()
    return quiet


OK = frame("OK")
ROWS = (row(account=b"alice@example.org", host=b"push\x1b[2J.example", last_time=0, waiting=7) +
        row(account=b"bob", host=None, last_time=1700000000, waiting=12345))


def test_table(daemon):
    """Rows become an aligned table, with times as people read them and nothing for the terminal."""
    daemon.answer = OK + ROWS + done()
    out = daemon.run("list", "alice@example.org")
    assert (out.returncode, out.stderr) == (0, "")
    assert out.stdout == (
        "account            host              last_time            waiting\n"
        "alice@example.org  push?[2J.example  never                      7\n"
        "bob                -                 2023-11-14 22:13:20    12345\n")
    hello, request = daemon.questions
    assert (hello.type, hello.program) == ("HELLO", b"mailbell")
    assert (request.type, request.name, request.args) == ("REQUEST", b"list", [b"alice@example.org"])


def test_json(daemon):
    """--json gives an array of objects, with numbers as numbers and null for what is not there."""
    daemon.answer = OK + ROWS + done(text="said to people only")
    out = daemon.run("list", "--json")
    assert out.returncode == 0
    assert json.loads(out.stdout) == [
        {"account": "alice@example.org", "host": "push\x1b[2J.example", "last_time": 0, "waiting": 7},
        {"account": "bob", "host": None, "last_time": 1700000000, "waiting": 12345}]


def test_single(daemon):
    """show is lines for people and one object for programs."""
    daemon.answer = OK + row(id=b"a", waiting=1) + done()
    assert daemon.run("show", "alice", "a").stdout == "id:      a\nwaiting: 1\n"
    assert json.loads(daemon.run("--json", "show", "alice", "a").stdout) == {"id": "a", "waiting": 1}


def test_nothing(daemon):
    """An answer without rows is an empty table, or an empty array."""
    daemon.answer = OK + done()
    assert daemon.run("list").stdout == ""
    assert json.loads(daemon.run("list", "--json").stdout) == []


def test_many_rows(daemon):
    """A long answer comes through whole, in order."""
    count = 5000
    daemon.answer = OK + b"".join(row(n=n, text=b"x" * 100) for n in range(count)) + done()
    assert [r["n"] for r in json.loads(daemon.run("list", "--json").stdout)] == list(range(count))
    lines = daemon.run("list").stdout.splitlines()[1:]
    assert [int(line.split()[0]) for line in lines] == list(range(count))


def test_content(daemon):
    """--content is handed on behind the account, and belongs to account alone."""
    daemon.answer = OK + done()
    assert daemon.run("account", "alice", "--content", "sync").returncode == 0
    assert daemon.questions[-1].args == [b"alice", b"content", b"sync"]
    assert daemon.run("list", "alice", "--content", "sync").returncode == 64


def test_failure(daemon):
    """What the daemon could not do is said on stderr, with its exit code."""
    daemon.answer = OK + done(67, "alice has no subscription x\x1b[0m")
    out = daemon.run("show", "alice", "x")
    assert (out.returncode, out.stdout) == (67, "")
    assert out.stderr == "mailbell: alice has no subscription x?[0m\n"


def test_refused(daemon):
    """A refusal is told as it was given, also where it came before the question was read."""
    daemon.answer = frame("REFUSED", TEXT="not you")
    out = daemon.run("list")
    assert out.returncode == 77
    assert "not you" in out.stderr


@pytest.mark.parametrize("answer, code", [
    (b"", 75), (OK, 75), (OK + ROWS, 75), (OK + ROWS[:-3], 75),
    (b"\0\0\0\2\2\1", 76), (OK + b"\xff\xff\xff\xff", 76), (OK + frame("ACK", SEQ=1), 76),
    (OK + struct.pack(">IBB", 4, 1, TYPES["ROW"]) + b"\1\1", 76),
    (OK + frame("DONE"), 76),
])
def test_broken_answers(daemon, answer, code):
    """An answer that ends early, or is none, is never taken for a whole one."""
    daemon.answer = answer
    for options in ([], ["--json"]):
        out = daemon.run("list", *options)
        assert out.returncode == code, out.stderr
        assert out.stderr.startswith("mailbell: mailbelld") or "mailbelld's answer" in out.stderr


def test_no_daemon(quiet):
    """Without a daemon it says so, and how to start it; so it does with a stale socket."""
    with open(f"{quiet.folder}/lock", "w", encoding="ascii"):
        pass
    with open(quiet.config, "a", encoding="utf-8") as out:
        out.write(f"state_dir = {quiet.folder}\n")
    for _ in range(2):
        out = quiet.run("status")
        assert out.returncode == 69
        assert "mailbelld does not run" in out.stderr and f"{quiet.folder}/admin" in out.stderr
        if quiet.listener is None:
            quiet.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            quiet.listener.bind(f"{quiet.folder}/admin")


@pytest.mark.parametrize("argv", [
    [], ["nonsense"], ["list", "a", "b"], ["show", "alice"], ["revoke"], ["--nonsense"],
    ["status", "x"],
])
def test_usage(daemon, argv):
    """A call of the wrong form never reaches the daemon."""
    out = daemon.run(*argv)
    assert (out.returncode, out.stdout) == (64, "")
    assert out.stderr
    assert not daemon.questions


def test_bad_configuration(daemon):
    """A fault in the configuration is told with file and line."""
    with open(daemon.config, "a", encoding="utf-8") as out:
        out.write("hooks = lmtp\n")
    out = daemon.run("list")
    assert out.returncode == 78
    assert f"{daemon.config}:2: " in out.stderr


@pytest.mark.parametrize("typed, options, removed", [
    (b"n\n", [], False), (b"\n", [], False), (b"y\n", [], True), (b"", ["--yes"], True),
])
def test_asks_on_a_terminal(daemon, typed, options, removed):
    """What removes asks first where somebody can answer, and --yes is an answer."""
    daemon.answer = OK + done(text="1 subscription removed")
    master, slave = pty.openpty()
    os.write(master, typed)
    out = daemon.run("remove", "alice", "a", *options, stdin=slave)
    os.close(master)
    os.close(slave)
    assert bool(daemon.questions) == removed
    assert (out.returncode == 0) == removed
    assert ("[y/N]" in out.stderr) == (not options)
    assert out.stdout == ("1 subscription removed\n" if removed else "")


def test_does_not_ask_a_script(daemon):
    """Without a terminal nothing is asked."""
    daemon.answer = OK + done(text="3 subscriptions removed")
    out = daemon.run("revoke", "alice")
    assert (out.returncode, out.stdout, out.stderr) == (0, "3 subscriptions removed\n", "")


def test_output_that_fails(daemon):
    """A full disk behind stdout is an error."""
    daemon.answer = OK + ROWS + done()
    with open("/dev/full", "wb") as full:
        out = subprocess.run([TOOL, "-c", daemon.config, "list"], stdout=full,
                             stderr=subprocess.PIPE, timeout=30, check=False)
    assert out.returncode == 74
