"""The store under kill -9, full disks and failing system calls, by the writer tests/tools/storekill.c."""

import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

from lab import storetool

KILLS = int(os.environ.get("MAILBELL_KILLS", 25))


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    return storetool.build("storekill", tmp_path_factory.mktemp("tool"))


@pytest.fixture
def seeded():
    seed = int(os.environ.get("MAILBELL_SEED", random.SystemRandom().randrange(10 ** 9)))
    print(f"MAILBELL_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def store(tool, tmp_path):
    folder = str(tmp_path / "state")
    subprocess.run([tool, "init", folder], check=True)
    return folder


def check(tool, folder):
    """Recovers, looks at everything, returns the last group that is there."""
    done = subprocess.run([tool, "check", folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def acknowledged(output, before):
    """The last group whose line is whole."""
    lines = output.split(b"\n")[:-1]
    assert not lines or lines[0] == b"open", output[:100]
    return int(lines[-1]) if len(lines) > 1 else before


def traced(tool, folder, *options, verb="flush", more=()):
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = f"{folder}.trace"
    done = subprocess.run(["strace", "-f", "-y", "-o", log, *options, tool, verb, folder, *more],
                          capture_output=True, timeout=120)
    if not os.path.exists(log) or b"ptrace" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr.decode()}")
    with open(log, encoding="ascii", errors="replace") as trace:
        return done, trace.read()


def test_kill(tool, store, seeded):
    """Nothing that was acknowledged is missing, nothing is there by half, after each of many kills."""
    last = total = 0
    for _ in range(KILLS):
        with subprocess.Popen([tool, "write", store], stdout=subprocess.PIPE) as writer:
            time.sleep(seeded.uniform(0.02, 0.35))     # the fault itself, not a wait for something
            writer.send_signal(signal.SIGKILL)
            said = acknowledged(writer.stdout.read(), last)
        found = check(tool, store)
        # One more may be there: committed, and killed before it was said.
        assert said <= found <= said + 1
        total += found - last
        last = found
    print(f"{KILLS} kills, {total} groups")
    assert total > KILLS


def test_kill_in_recovery(tool, store, seeded):
    """A recovery that is killed itself is followed by one that works."""
    for _ in range(5):
        with subprocess.Popen([tool, "write", store], stdout=subprocess.PIPE) as writer:
            time.sleep(seeded.uniform(0.1, 0.3))
            writer.send_signal(signal.SIGKILL)
            said = acknowledged(writer.stdout.read(), 0)
        for _ in range(3):
            with subprocess.Popen([tool, "check", store], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as checker:
                time.sleep(seeded.uniform(0, 0.03))
                checker.send_signal(signal.SIGKILL)
        assert check(tool, store) >= said


def test_flush_reaches_the_disk(tool, store):
    """A commit does not wait for the disk; a flush syncs the log before it returns."""
    done, trace = traced(tool, store, "-e", "trace=write,fdatasync,fsync")
    assert done.returncode == 0, done.stderr
    commit, rest = trace.split('"commit\\n"')[1].split('"flush\\n"')
    flush = rest.split('"done\\n"')[0]
    assert "sync(" not in commit
    assert re.search(r"f(data)?sync\(\d+<[^>]*/store/log\.\d+>\) += 0", flush), flush


def test_flush_that_fails_says_so(tool, store):
    """A sync that gives EIO is never taken for a success."""
    for _ in range(2):      # the second and the third begin with the same recovery
        _, trace = traced(tool, store, "-e", "trace=write,fdatasync")
    before = trace.split('"flush\\n"')[0].count("fdatasync(")
    done, _ = traced(tool, store, "-e", f"inject=fdatasync:error=EIO:when={before + 1}+")
    assert done.returncode == 1
    assert done.stdout == b"commit\nflush\n"
    assert b"Input/output error" in done.stderr, done.stderr


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("call, calls", [("pwrite64", 40), ("write", 80), ("fdatasync", 6)])
def test_nth_call_fails(tool, store, seeded, call, calls, error):
    """Whichever write or sync fails: no crash, and what was acknowledged is there afterwards."""
    last = failed = 0
    for nth in seeded.choices(range(1, calls), k=8):
        # Only what goes to the store's files: what the writer says is to come out.
        paths = [option for name in os.listdir(f"{store}/store")
                 for option in ("-P", f"{store}/store/{name}")]
        done, trace = traced(tool, store, *paths, "-e", f"inject={call}:error={error}:when={nth}",
                             verb="write", more=("60",))
        failed += "(INJECTED)" in trace
        assert done.returncode in (0, 1), done.stderr
        if done.stdout:
            last = acknowledged(done.stdout, last)
        found = check(tool, store)
        assert last <= found <= last + 1
        last = found
    assert failed > 0


def test_full_disk(tool, tmp_path):
    """Refused with a remedy, nothing broken, and the same process goes on when there is space."""
    folder = str(tmp_path / "small")
    os.mkdir(folder)
    script = 'mount -t tmpfs -o size=32m none "$1" || exit 99; exec "$2" full "$1"'
    command = ["unshare", "-m"] + ([] if os.geteuid() == 0 else ["-r"])
    done = subprocess.run([*command, "sh", "-c", script, "sh", folder, tool],
                          capture_output=True, text=True, timeout=120)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"no mount namespace of our own here: {done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"full at \d+: .*free space", done.stdout), done.stdout
    assert re.search(r"start on a full disk: (goes|.*free space)", done.stdout), done.stdout


def test_second_process(tool, store):
    """Two processes never have one store open."""
    with subprocess.Popen([tool, "write", store], stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"open\n"
        done = subprocess.run([tool, "check", store], capture_output=True, text=True, timeout=60)
        writer.kill()
    assert done.returncode == 1
    assert f"another mailbelld (pid {writer.pid})" in done.stderr
    check(tool, store)
