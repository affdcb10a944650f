"""The units: their sandboxes by systemd's own measure, and what mailbelld does when it is started by one."""

import glob
import os
import re
import shutil
import socket
import subprocess

import pytest

from lab import accounts
from lab.alone import Alone
from lab.lab import TREE

UNITS = f"{TREE}/contrib/systemd"
# docs/trust.md: hooks have no network, the daemon has to have it.
MOST = {"mailbelld.service": 1.6, "mailbell-lmtp.service": 1.0, "mailbell-milter.service": 1.0}

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None,
                                   reason="systemd-analyze is not installed")


@pytest.fixture
def units(tmp_path):
    """The units as they are installed, with programs that are there."""
    for path in glob.glob(f"{UNITS}/mailbell*"):
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"@SBINDIR@/[a-z-]+", "/bin/true", file.read())
        (tmp_path / os.path.basename(path)).write_text(text)
    return tmp_path


@needs_systemd
@pytest.mark.parametrize("name", MOST)
def test_exposure(units, name):
    """systemd-analyze security gives each unit what it may have at most."""
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", f"./{name}"],
                          cwd=units, capture_output=True, text=True, check=False)
    level = float(re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)[1])
    assert level <= MOST[name], done.stdout


@needs_systemd
def test_units_are_understood(units):
    """systemd finds no fault in any unit."""
    names = sorted(f"./{path.name}" for path in units.iterdir())
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], cwd=units, text=True,
                          capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def notify():
    """A socket as systemd has it, in a folder that the daemon's user can enter."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0mailbell-test-{os.getpid()}")
        listener.settimeout(20)
        yield listener


def start(notify, **env):
    """mailbelld as its unit starts it: as its own user, in the groups of its sockets, no rights of root."""
    uid, gid = accounts.ids(accounts.DAEMON)
    groups = ",".join(str(accounts.ids(name)[1]) for name in (accounts.HOOK, accounts.MAIL))
    groups += "," + subprocess.run(["getent", "group", accounts.ADMIN], check=True, text=True,
                                   capture_output=True).stdout.split(":")[2]
    within = ["setpriv", f"--reuid={uid}", f"--regid={gid}", f"--groups={groups}", "--bounding-set=-all"]
    return Alone(within=within, env={"NOTIFY_SOCKET": f"@mailbell-test-{os.getpid()}", **env})


@pytest.fixture
def users():
    taken = accounts.Accounts()
    taken.take()
    yield
    taken.release()


def test_ready_and_rights(notify, users):
    """Without rights of root it says that it is ready, and its sockets have the groups of ever."""
    with start(notify) as alone:
        assert notify.recv(100) == b"READY=1"
        rights = {}
        for name in ("arrival", "saved", "command", "admin"):
            shown = subprocess.run(["stat", "-c", "%U %G %a", f"{alone.mailbell.run_dir}/{name}"],
                                   check=True, capture_output=True, text=True)
            rights[name] = shown.stdout.strip()
        assert rights == {
            "arrival": f"{accounts.DAEMON} {accounts.HOOK} 660",
            "saved": f"{accounts.DAEMON} {accounts.MAIL} 660",
            "command": f"{accounts.DAEMON} {accounts.MAIL} 660",
            "admin": f"{accounts.DAEMON} {accounts.ADMIN} 660"}
        alone.mail(alone.phone())       # and it serves Dovecot's users and root as ever
    assert notify.recv(100) == b"STOPPING=1"


def test_watchdog(notify, users):
    """With a watchdog it shows its life three times in that time."""
    with start(notify, WATCHDOG_USEC="900000"):
        assert notify.recv(100) == b"READY=1"
        assert [notify.recv(100) for _ in range(4)] == 4 * [b"WATCHDOG=1"]
