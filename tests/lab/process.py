"""A program in the foreground, known by its process id, with its output in a log file."""

import fcntl
import os
import random
import signal
import socket
import subprocess

from .wait import until

_given = set()        # by free_ports


class Process:
    def __init__(self, name, argv, log, env=None):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.log = log
        self.env = env or {}
        self.listening = []     # sockets that it is handed over as systemd does
        self.child = None

    @property
    def pid(self):
        return self.child.pid

    @property
    def running(self):
        return self.child is not None and self.child.poll() is None

    def start(self):
        assert not self.running, f"{self.name} runs already"
        # Numbers beyond those that they get.
        passed = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100) for s in self.listening]
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(
                [*handing_over(passed), *self.argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **self.env}, start_new_session=True, pass_fds=passed)
        for fd in passed:
            os.close(fd)

    def signal(self, number):
        self.child.send_signal(number)

    def stop(self, timeout=30):
        """SIGTERM, and the exit status that follows; None where it did not run."""
        if not self.running:
            return None
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        """kill -9; no other process of its session is touched."""
        if self.running:
            self.signal(signal.SIGKILL)
            self.child.wait(10)

    def pause(self):
        """SIGSTOP, and returns when the kernel has stopped it."""
        self.signal(signal.SIGSTOP)
        until(lambda: process_state(self.pid) == "T", 5, f"{self.name} stopped")

    def resume(self):
        self.signal(signal.SIGCONT)

    def tail(self, lines=15):
        return tail(self.log, lines)


def handing_over(passed):
    """The start of a command line that gives these descriptors to a program as systemd does."""
    if not passed:
        return []
    moves = " ".join(f"{to}<&{fd} {fd}<&-" for to, fd in enumerate(passed, 3))
    # exec keeps the pid, so the shell's is the program's.
    return ["/bin/bash", "-c", f'exec {moves}; LISTEN_PID=$$ LISTEN_FDS={len(passed)} exec "$@"', "sh"]


def process_state(pid):
    """The letter of /proc/PID/stat, or None where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except OSError:
        return None


def cpu_s(pid):
    """Seconds of CPU that it has had, its threads' among them."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def comm(pid):
    """The name of a process's program, or None where there is no such process."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as name:
            return name.read().rstrip("\n")
    except OSError:
        return None


def children(pid):
    """The process ids of pid's living children."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                state, parent = stat.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(entry))
    return sorted(found)


def tail(path, lines=15):
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])
    except OSError as error:
        return f"({error})\n"


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens on, all different, and below those that the kernel gives to
    whoever connects or binds to 0: until a server listens there, nobody gets one by chance."""
    found = []
    while len(found) < count:
        port = random.SystemRandom().randrange(10000, 32768)
        if port not in _given and _is_free(port):
            _given.add(port)
            found.append(port)
    return found


def _is_free(port):
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def accepts(address):
    """Whether something listens: a path, or a (host, port)."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(2)
        try:
            s.connect(address)
        except OSError:
            return False
    return True
