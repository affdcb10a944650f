"""F7, F9, F25 and F28: the store and the clock of mailbelld."""

import os
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

from lab import accounts, clock, storetool
from lab.alone import Verbs
from lab.frames import frame
from lab.smalldisk import SmallDisk
from lab.wait import until

from .daemon import daemon, exists, show, status, subscribers
from .row import row

DAY, YEAR = 86400, 365 * 86400


@row("F7", "disk of state_dir full, also at start")
def full_disk(site, this):
    """Inserts are refused and counted, mail is unaffected, and it heals when there is room."""
    people = this.people(4, devices=2)
    for fault in ("fill", "fill_inodes"):
        site.lab.mailbell.daemon.stop()
        with SmallDisk(site.lab.mailbell.state_dir, size="64m", nr_inodes=200) as disk:
            try:
                site.lab.mailbell.start_daemon()
                with this.traffic(people, rate=20) as traffic:
                    while_full(site, this, traffic, lambda: getattr(disk, fault)())
                    disk.free()
                heals(site, this)
                site.reckon(this.ledger)
            finally:
                site.lab.mailbell.daemon.stop()
        site.lab.mailbell.start_daemon()


def while_full(site, this, traffic, fill):
    """Mail goes on, clients are told the truth, and a daemon that is killed starts or says why not."""
    user, device = site.lab.user(), site.lab.device()
    with Verbs(site.lab.mailbell.run_dir, user) as verbs:
        assert device.webpush(verbs).ok
        traffic.more(5)
        fill()
        # What the store has still to itself is used up first.
        reply = until(lambda: write_on(verbs, device), 60, "SILWEBPUSH is refused")
        for _ in range(5):
            write_on(verbs, device)
    this.check(reply.startswith(b"NO [UNAVAILABLE]"), f"a full disk: {reply}")
    with site.lab.imap(user) as imap:
        reply = site.lab.device().webpush(imap)
        this.check((reply.status, reply.code) == ("NO", "UNAVAILABLE"), f"a full disk: {reply}")
        this.check(imap.command("LWEBPUSH *").ok, "nothing can be read, either")
    this.check(status(site)["store_errors"] > 0, "status counts nothing of a full disk")
    traffic.more(10)
    site.lab.mailbell.daemon.kill()
    # What was sent since the disk is full could not be noted as sent.
    this.killed(repeats=len(this.ledger.mails))
    starts_or_says_why(site, this)
    traffic.more(10)


def write_on(verbs, device, count=200):
    """So many changes at once: what was said to the first that was refused."""
    for n in range(count):
        verbs.send("VERB", [device.id, str(1000 + n % 2)], USER=verbs.user, SESSION="session",
                   NAME="SILWEBPUSH")
    said = [verbs.read().tagged for _ in range(count)]
    return next((one for one in said if not one.startswith(b"OK")), None)


def starts_or_says_why(site, this):
    """A start on a full disk works, or ends with a sentence."""
    process = site.lab.mailbell.daemon
    ready = process.tail(10000).count("is ready")
    process.start()
    until(lambda: not process.running or process.tail(10000).count("is ready") > ready, 20,
          "it starts, or it does not")
    if not process.running:
        this.check(process.child.returncode > 0, f"it ended by signal {-process.child.returncode}")
        this.check("space" in process.tail(3), f"no word of the disk: {process.tail(3)}")


def heals(site, this):
    if not site.lab.mailbell.daemon.running:
        site.lab.mailbell.start_daemon()
    with site.lab.imap(site.lab.user()) as imap:
        this.check(site.lab.device().webpush(imap).ok, "there is room again, and WEBPUSH is refused")


# A call, and how many of it a short life of mailbelld makes.
CALLS = (("pwrite64", 30), ("write", 60), ("fdatasync", 8), ("rename", 3))


@row("F9", "EIO, ENOSPC at the Nth write, fdatasync, rename", share=2)
def failing_calls(site, this):
    """A clean end or a refusal, never a false acknowledgement."""
    people = this.people(4, devices=2)
    acknowledged, failed, ends = [], 0, 0
    with this.traffic(people, rate=20) as traffic:
        for _ in this.turns(200):
            call, most = this.random.choice(CALLS)
            when = f"{this.random.randrange(1, most)}{this.random.choice(('', '+'))}"
            error = this.random.choice(("EIO", "ENOSPC"))
            trace = f"{site.lab.dir}/trace"
            site.lab.mailbell.daemon.stop()
            ended = traced(site, this, traffic, acknowledged,
                           inject(site, trace, f"{call}:error={error}:when={when}"))
            with open(trace, encoding="utf-8", errors="replace") as text:
                failed += "(INJECTED)" in text.read()
            ends += ended is not None
            this.check(ended is None or ended >= 0, f"{call} {error} {when}: it ended by signal {ended}")
            site.lab.mailbell.start_daemon()
            for address, device in acknowledged:
                this.check(any(one["id"] == device.id for one in site.lab.mailbell.admin("list", address)),
                           f"{call} {error} {when}: an OK was forgotten")
    this.check(failed > 0, "no call has failed")
    # The end of a daemon that saw EIO is a kill to what it had in flight.
    this.repeats_allowed += 20 * (ends + failed)
    this.note(f"{failed} runs in which a call failed, {ends} clean ends, {len(acknowledged)} OKs kept")


def inject(site, trace, fault):
    """The start of a command line: only what goes to the store's files fails, and any rename."""
    store = f"{site.lab.mailbell.state_dir}/store"
    paths = [] if fault.startswith("rename") else [
        word for name in os.listdir(store) for word in ("-P", f"{store}/{name}")]
    return ["strace", "-D", "-f", "-qq", "-o", trace, *paths, "-e", f"inject={fault}"]


def traced(site, this, traffic, acknowledged, prefix):
    """One life of mailbelld with a call that fails: its exit status where it has ended by itself."""
    process = site.lab.mailbell.daemon
    argv = process.argv
    process.argv = [*prefix, *argv]
    said = process.tail(10000).count("is ready")
    process.start()
    process.argv = argv
    until(lambda: not process.running or process.tail(10000).count("is ready") > said, 30,
          "it starts, or it does not")
    traffic.more(5)
    if process.running:
        user, device = site.lab.user(), site.lab.device()
        with site.lab.imap(user) as imap:
            if device.webpush(imap).ok:
                acknowledged.append((user, device))
    traffic.more(5)
    if process.running:
        process.stop()
        return None
    this.check("fatal" in process.tail(10), "it ended without a word")
    return process.child.returncode


@row("F25", "wall clock +1 d, -1 d, +20 y")
def jumping_clock(site, this):
    """No subscription is removed, and what comes rings."""
    people = this.people(3, devices=3)
    moved = clock.Clock(site.lab.dir, true=False)
    moved.follow(site.lab.push, lambda: status(site))
    with daemon(site, env=moved.env):
        for jump in (DAY, -DAY, 20 * YEAR, -20 * YEAR):
            this.mail(people, count=6)
            # A push on its way would be signed at one time and judged at another: 403, and later.
            site.drain()
            site.quiet()
            moved.move(jump)
            this.mail(people, count=6)
            site.reckon(this.ledger)
            for person in people:
                person.phone = person.device
                this.check(exists(site, person) and show(site, person)["state"] == "active",
                           f"{jump:+d} s: a subscription is gone")
    moved.set(0)


class FromTheFuture:
    """A daemon of a later version of the protocol on the sockets of ours."""

    def __init__(self, run_dir):
        self.listeners = []
        for name in ("arrival", "saved", "command"):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(f"{run_dir}/{name}")
            os.chmod(f"{run_dir}/{name}", 0o666)
            listener.listen(64)
            self.listeners.append(listener)
            threading.Thread(target=self._run, args=(listener,), daemon=True).start()

    @staticmethod
    def _run(listener):
        try:
            while True:
                peer, _ = listener.accept()
                with peer:
                    peer.settimeout(5)
                    peer.recv(4096)
                    peer.sendall(future(frame("OK")))
        except OSError:
            pass

    def close(self, run_dir):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for name in ("arrival", "saved", "command"):
            os.unlink(f"{run_dir}/{name}")


def future(octets):
    """A frame of the next version."""
    return octets[:4] + bytes([octets[4] + 1]) + octets[5:]


@row("F28", "new module with old daemon, unknown record")
def versions(site, this):
    """A polite NO, a record that is kept, and mail as ever."""
    with ThreadPoolExecutor(1) as beside:
        tool = beside.submit(storetool.build, "newer", site.lab.dir)
        other_frames(site, this)
    unknown_record(site, this, tool.result())


def other_frames(site, this):
    """From a newer program, and to one."""
    people = this.people(3, devices=2)
    run_dir = site.lab.mailbell.run_dir
    for name in ("arrival", "saved", "command", "admin"):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(10)
            peer.connect(f"{run_dir}/{name}")
            peer.sendall(future(frame("HELLO", PROGRAM="new", VERSION="9", LOST=0)))
            this.check(not peer.recv(100), f"{name}: a frame of another version was answered")
    site.lab.mailbell.daemon.stop()
    newer = FromTheFuture(run_dir)
    this.mail(people, count=5)
    with site.lab.imap(people[0].address) as imap:
        reply = imap.command("LWEBPUSH *")
        this.check((reply.status, reply.code) == ("NO", "UNAVAILABLE"), f"a newer daemon: {reply}")
        this.check(imap.command("NOOP").ok, "the session has ended")
    newer.close(run_dir)
    site.lab.mailbell.start_daemon()
    this.mail(people, count=5)


def unknown_record(site, this, tool):
    """Written by a newer mailbelld: it starts, names the record, and keeps it."""
    person, = subscribers(site, this, site.lab.push, ["127.0.0.1"], owed=False)
    mailbell = site.lab.mailbell
    mailbell.daemon.stop()
    subprocess.run(["setpriv", f"--reuid={accounts.DAEMON}", f"--regid={accounts.DAEMON}", "--clear-groups",
                    tool, mailbell.state_dir, person.address, person.phone.id], check=True)
    mailbell.start_daemon()
    with site.lab.imap(person.address) as imap:
        for command in (f"WEBPUSH {person.phone.id} NIL", f"SILWEBPUSH {person.phone.id} 10"):
            reply = imap.command(command)
            this.check(reply.status == "NO", f"a record of the future: {reply}")
        reply = person.phone.webpush(imap)
        this.check(reply.status == "NO", f"a record of the future: {reply}")
    this.mail([person], count=2)
    mailbell.restart_daemon()
    this.check(show(site, person)["state"] == "newer format", f"it is shown as {show(site, person)}")
