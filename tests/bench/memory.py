"""Resident memory (G17): the daemon idle and under load, and the proxy with many sessions.

RSS, shared libraries included.  The proxy is several processes, which share most of what they have: the
sum counts that again for each, so it is too high, but it is the same whatever else runs on the machine.
"""

import contextlib
import socket
import subprocess

from bench import measure
from bench.sinks import Pusher, Sink, device_keys
from lab import accounts
from lab.authority import Authority
from lab.mailbell import Mailbell
from lab.process import accepts, children
from lab.wait import until

SUBSCRIPTIONS = 100_000
PUSHES, ROUNDS = 5000, 4
SESSIONS = 100


def megabytes(octets):
    return octets / (1 << 20)


def forget_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as f:
        f.write("5")


def peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM:"))


def daemon(bench, folder):
    authority = Authority(folder)
    with Sink(bench, authority) as sink:
        bench.progress(f"importing {SUBSCRIPTIONS:,} subscriptions")
        with Pusher(bench, authority, sink, device_keys(), SUBSCRIPTIONS) as pusher:
            bench.figure("daemon behind the import", megabytes(measure.rss(pusher.pid)), "MB")
            pusher.alone.mailbell.restart_daemon()
            pusher.pid = pusher.alone.daemon.pid
            bench.goal("G17-idle", megabytes(measure.rss(pusher.pid)), unit="MB")
            forget_peak(pusher.pid)
            for i in range(ROUNDS):
                bench.progress(f"pushes, {i + 1} of {ROUNDS}")
                pusher.accounts = pusher.accounts[PUSHES:] + pusher.accounts[:PUSHES]
                pusher.push(PUSHES)
            bench.goal("G17-load", megabytes(peak(pusher.pid)), unit="MB")
            bench.figure("daemon behind the load", megabytes(measure.rss(pusher.pid)), "MB")


def session(stack, path):
    """One that has said LHLO and has nothing more to say."""
    sock = stack.enter_context(socket.socket(socket.AF_UNIX))
    sock.settimeout(20)
    sock.connect(path)
    reader = stack.enter_context(sock.makefile("rb"))
    assert reader.readline().startswith(b"220")
    sock.sendall(b"LHLO bench.example.org\r\n")
    while (line := reader.readline())[3:4] == b"-":
        pass
    assert line.startswith(b"250"), line


def backend(stack, path):
    child = subprocess.Popen(["smtp-sink", "-u", "postfix", "-L", f"unix:{path}", "256"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    stack.callback(child.wait, 10)
    stack.callback(child.terminate)
    until(lambda: accepts(path), 20, "the backend listens")


def proxy(bench, folder):
    with contextlib.ExitStack() as stack:
        users = accounts.Accounts()
        users.take()
        stack.callback(users.release)
        subprocess.run(["install", "-d", "-o", "postfix", f"{folder}/b"], check=True)
        subprocess.run(["cp", bench.program("mailbell-lmtp"), bench.program("mailbelld"), folder], check=True)
        backend(stack, f"{folder}/b/s")
        mailbell = Mailbell(f"{folder}/mb", folder, {
            "lmtp_listen": f"unix:{folder}/mb/lmtp", "lmtp_backend": f"unix:{folder}/b/s", "hook": "lmtp"})
        mailbell.init()
        stack.callback(mailbell.proxy.stop)
        mailbell.start_proxy(f"{folder}/mb/lmtp")
        until(mailbell.workers, 20, "the workers run")
        pids = [mailbell.proxy.pid, *children(mailbell.proxy.pid)]
        bench.figure(f"proxy, no session, {len(pids)} processes", megabytes(sum(map(measure.rss, pids))), "MB")
        for _ in range(SESSIONS):
            session(stack, f"{folder}/mb/lmtp")
        bench.goal("G17-proxy", megabytes(sum(map(measure.rss, pids))), unit="MB")
        bench.figure("proxy, what is shared counted once (PSS)", megabytes(measure.pss(*pids)), "MB")


def run(bench):
    with bench.folder() as folder:
        daemon(bench, folder)
    with bench.folder() as folder:
        proxy(bench, folder)
