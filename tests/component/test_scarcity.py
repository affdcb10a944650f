"""Our programs where descriptors, processes and threads, or room for files have run out."""

import contextlib
import os
import signal
import subprocess
import time

import pytest

from lab.alone import Alone, Talk
from lab.process import cpu_s
from lab.wait import until
from lmtp_peers import Proxy
from milter_peers import Milter


@contextlib.contextmanager
def limited(pid, name, limit):
    """That process has no more of something than this.  Only its own user may say so."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        ids = dict(line.split()[:2] for line in status if line.startswith(("Uid:", "Gid:")))
    tool = ["setpriv", "--reuid", ids["Uid:"], "--regid", ids["Gid:"], "--clear-groups",
            "prlimit", "--pid", str(pid)]
    before = subprocess.check_output([*tool, f"--{name}", "--output", "SOFT,HARD", "--noheadings"], text=True)
    soft, hard = before.split()
    subprocess.check_call([*tool, f"--{name}={limit}:{hard}"])
    try:
        yield
    finally:
        subprocess.check_call([*tool, f"--{name}={soft}:{hard}"])


def no_more_processes(pid):
    """That process can make neither processes nor threads."""
    return limited(pid, "nproc", 1)


def test_no_processor_left():
    """Where no CPU is idle, the daemon waits for the end of the slice of who runs."""
    with Alone() as alone:
        assert os.sched_getscheduler(alone.daemon.pid) == os.SCHED_BATCH


def test_processor_as_the_operator_has_it():
    """A policy that the daemon was started with stays."""
    with Alone(within=("chrt", "--idle", "0")) as alone:
        assert os.sched_getscheduler(alone.daemon.pid) == os.SCHED_IDLE


def test_no_descriptor_left():
    """Who connects waits, the daemon does not turn in circles, and goes on when there is one again."""
    with Alone(within=("prlimit", "--nofile=32")) as alone:
        path = f"{alone.mailbell.run_dir}/command"
        crowd = [Talk(path) for _ in range(30)]
        until(lambda: alone.descriptors() >= 31, 10, "its descriptors are used up")
        began = cpu_s(alone.daemon.pid)
        time.sleep(1)           # what is measured is what it does meanwhile
        assert cpu_s(alone.daemon.pid) - began < 0.3
        for talk in crowd:
            talk.close()
        with Talk(path) as talk:
            assert talk.read().type == "OK"
        assert alone.daemon.running


def test_no_room_in_the_log_of_the_store():
    """An arrival is acknowledged when what it became is written: until then the hook is to send it again."""
    with Alone(hook="lmtp", locate="none", within=("env", "--ignore-signal=XFSZ")) as alone:
        phone = alone.phone()
        alone.idle(phone)
        path = f"{alone.mailbell.run_dir}/arrival"

        def arrives(hook):
            assert hook.read().type == "OK"
            hook.send("ARRIVAL", SEQ=1, TIME=int(time.time() * 1000), QUEUE_ID="Q1", REASON=1, KIND=0,
                      RECIPIENT=phone.user, TOKEN="T1")
            return hook.read().type

        # The store's log is beyond that already, the daemon's is not.
        with Talk(path, HOOK="lmtp") as hook, limited(alone.daemon.pid, "fsize", 4096), \
                pytest.raises((EOFError, ConnectionResetError)):
            arrives(hook)
        assert "the store cannot be written" in alone.log
        with Talk(path, HOOK="lmtp") as hook:
            assert arrives(hook) == "ACK"
        assert phone.next().syncs


def test_no_worker_of_the_proxy():
    """Who connects waits until a worker can be made."""
    with Proxy() as proxy:
        backend = proxy.with_backend()
        proxy.start()
        worker, = proxy.workers()
        with no_more_processes(proxy.process.pid):
            os.kill(worker, signal.SIGKILL)
            until(lambda: "a worker cannot be started" in proxy.log(), 20, "that is said")
            assert proxy.process.running
            front = proxy.front()
            assert front.nothing()
        back = backend.accept()
        back.send(b"220 backend ready\r\n")
        assert front.line() == b"220 backend ready"


def test_no_thread_of_the_milter():
    """MTAs share the threads that there are, and what they sent is told."""
    with Milter() as milter:
        daemon = milter.with_daemon()
        milter.start()
        with no_more_processes(milter.worker):
            for n in range(20):
                mta = milter.mta()
                mta.message(f"Q{n}")
                mta.close()
        peer = daemon.accept()
        assert [peer.arrival().queue_id for _ in range(20)] == [b"Q%d" % n for n in range(20)]


def test_no_thread_of_the_resolver():
    """A name that no thread can look up fails its own pushes; all others go out."""
    with Alone() as alone:
        phone = alone.phone()
        with no_more_processes(alone.daemon.pid):
            named = alone.device(endpoint="https://push.invalid/x")
            alone.ask(named)
            alone.until_show(named, last_answer="dns")
            alone.mail(phone)
            assert phone.next().mails
