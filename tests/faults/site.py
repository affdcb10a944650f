"""The mail server that all rows share: one Postfix, one Dovecot, and mailbell where it is not plain."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

from lab.lab import Lab
from lab.process import accepts, children, comm, process_state
from lab.relay import Relay, Wire
from lab.wait import Overdue, until

from .ledger import Copy, Person

# Postfix tries again soon, and a device is told of every mail, however many come.  With a second less
# the queue manager may come upon a message that its own delivery agent still holds, and leaves it
# alone then until it is restarted ("skipped, still being delivered").
POSTFIX = {"minimal_backoff_time": "3s", "maximal_backoff_time": "4s", "queue_run_delay": "1s",
           "message_size_limit": 200 << 20, "mailbox_size_limit": 0,
           "default_destination_recipient_limit": 1000, "smtpd_recipient_limit": 2000}
MAILBELL = {"burst": 1000, "burst_interval": "1s", "unseen_max": 1000000, "arrival_timeout": "2s"}

UIDLIST = re.compile(rb"^(\d+) (?:.*? )?:([^:\n]+)$", re.M)


class Site:
    def __init__(self, plain=False):
        self.plain = plain
        self.transport = None
        self.lab = Lab(with_mailbell=not plain)
        # Between the clock of the push service's records and that of the mailboxes.
        self.epoch = time.time() - time.monotonic()

    def __enter__(self):
        self.lab.__enter__()
        try:
            self.lab.postfix.configure(**POSTFIX)
            if not self.plain:
                self.lab.mailbell.settings.update(MAILBELL)
                self._hand_over()
                self.lab.mailbell.write()
                self.lab.mailbell.reload()
        except BaseException:
            self.lab.stop()
            raise
        return self

    def __exit__(self, *_):
        self.lab.stop()

    def _hand_over(self):
        """From now on it is we who hold the proxy's sockets, as systemd does."""
        proxy = self.lab.mailbell.proxy
        proxy.stop()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.lab.proxy_socket)
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(self.lab.proxy_socket)
        os.chmod(self.lab.proxy_socket, 0o666)
        unix.listen(1024)
        tcp = socket.create_server(("127.0.0.1", self.lab.proxy_port), backlog=1024)
        for one in (unix, tcp):
            self.lab.closing.callback(one.close)
        proxy.listening = [unix, tcp]
        self.start_proxy()

    @contextlib.contextmanager
    def few_descriptors(self, process, count, start):
        """A program that start() starts has so many at most as long as the block lasts."""
        argv = process.argv
        process.argv = ["/bin/sh", "-c", f'ulimit -n {count}; exec "$@"', "sh", *argv]
        try:
            process.stop()
            start()
            yield
        finally:
            process.argv = argv
            process.stop()
            start()

    def whole(self):
        """Puts back everything that a row may have left broken."""
        if self.plain:
            return self.backend(None)
        self.lab.whole()
        return self.lab.use("lmtp")

    # What stands behind us.

    def backend(self, path):
        """Mail is delivered to that LMTP socket from now on; None: Dovecot's."""
        path = path or self.lab.dovecot.socket
        if not self.plain:
            self.lab.configure(lmtp_backend=f"unix:{path}")
        elif self.transport != path:
            self.lab.postfix.transport(f"lmtp:unix:{path}")
            self.transport = path

    @contextlib.contextmanager
    def behind(self, wire=Wire):
        """A relay stands between us and Dovecot."""
        with Relay(f"{self.lab.dir}/relay", self.lab.dovecot.socket, wire) as relay:
            with self._backend(relay.path):
                yield relay

    @contextlib.contextmanager
    def instead(self, server):
        """Another LMTP server, not started yet, stands there instead of Dovecot."""
        with server:
            with self._backend(server.path):
                yield server

    @contextlib.contextmanager
    def _backend(self, path):
        try:
            self.backend(path)
            yield
            # Else what is open would be cut.
            self.drain()
        finally:
            self.backend(None)

    @contextlib.contextmanager
    def postfix(self, **settings):
        """main.cf says this as long as the block lasts."""
        configured = self.lab.postfix
        before = {name: configured.command("postconf", "-h", name).stdout.strip() for name in settings}
        configured.configure(**settings)
        try:
            yield
        finally:
            configured.configure(**before)

    # Kills.

    def kill(self, pid):
        """kill -9, and the process has ended when this returns."""
        os.kill(pid, signal.SIGKILL)
        until(lambda: process_state(pid) in (None, "Z"), 10, f"{pid} is dead")

    def kill_worker(self, dice):
        """kill -9 of one of the proxy's workers; one of before a SIGHUP may end by itself meanwhile."""
        while True:
            with contextlib.suppress(ProcessLookupError):
                return self.kill(dice.choice(self.workers()))

    def workers(self, timeout=30):
        """The proxy's workers, when all are there; those of before a SIGHUP may still be, too."""
        count = self.lab.mailbell.settings["lmtp_workers"]
        return until(lambda: len(found := self.lab.mailbell.workers()) >= count and found, timeout,
                     "all workers are there")

    def kill_proxy(self):
        """kill -9 of the proxy's parent; another is started at once, as systemd does."""
        self.lab.mailbell.proxy.kill()
        self.start_proxy()

    def start_proxy(self):
        """It is ready when its workers are: its sockets listen all the time."""
        self.lab.mailbell.start_proxy(self.lab.proxy_socket)
        self.workers()

    def kill_daemon(self):
        """kill -9 of mailbelld, and a new one: the seconds until it serves again."""
        start = time.monotonic()
        self.lab.mailbell.daemon.kill()
        self.lab.mailbell.start_daemon()
        return time.monotonic() - start

    def kill_milter(self, dice):
        """kill -9 of the milter's worker, or of its parent, which is started again when its worker has ended, too:
        systemd sees to that."""
        socket = self.lab.mailbell.settings["milter_listen"].removeprefix("unix:")
        milter = self.lab.mailbell.milter
        found = children(milter.pid)
        if found and dice.random() < 0.7:
            return self.kill(found[0])
        milter.kill()
        until(lambda: not accepts(socket), 20, "its worker has ended")
        return self.lab.mailbell.start_milter()

    def dovecot_lmtp(self):
        """Dovecot's LMTP processes."""
        return [pid for pid in children(self.lab.dovecot.process.pid) if comm(pid) == "lmtp"]

    # Disks.

    @contextlib.contextmanager
    def small_disk(self, folder, size, owner):
        """A file system of so many octets is mounted on a folder of (uid, gid); nobody outside sees it.
        Gives a function that changes its size."""
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700,uid={owner[0]},gid={owner[1]}",
                        "none", folder], check=True)
        try:
            yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)

    def people(self, count, devices=1):
        """Users whom nobody else uses; the first `devices` of them have a subscribed device each."""
        found = [Person(self.lab.user()) for _ in range(count)]
        for person in found[:0 if self.plain else devices]:
            person.device = self.lab.phone(person.address)
        return found

    # After a fault.

    def drain(self, timeout=60):
        """Waits until no mail is under way; Postfix tries again by itself."""
        with contextlib.suppress(Overdue):
            until(lambda: not self.queued(), timeout / 5, "Postfix's queue is empty")
            return
        # Another queue manager, which looks at all there is: the first has set a message aside that the
        # agent of one before it still held ("skipped, still being delivered").
        self.lab.postfix.command("postfix", "reload")
        self.lab.postfix.flush()
        try:
            until(lambda: not self.queued(), timeout, "Postfix's queue is empty")
        except Overdue as overdue:
            raise Overdue(f"{overdue}: {self.queued()}") from None

    def queued(self):
        """The files in Postfix's queue."""
        queue = f"{self.lab.postfix.dir}/queue"
        return [f"{part}/{name}" for part in ("maildrop", "incoming", "active", "deferred")
                for _, _, names in os.walk(f"{queue}/{part}") for name in names]

    def quiet(self, timeout=60):
        """Waits until mailbelld has nothing to join and nothing to send."""
        def nothing():
            status = self.lab.mailbell.admin("status")
            return not any(status[name] for name in ("waiting_arrivals", "waiting_saved", "outbox"))
        until(nothing, timeout, "mailbelld has nothing left to do", every=0.1)

    def drop(self):
        """What still waits for devices is gone."""
        if not self.plain:
            self.lab.mailbell.run("queue", "drop", "--all")

    def reckon(self, ledger, patience=15):
        """The tally of a ledger, when nothing is under way."""
        self.drain()
        tally = None

        def complete():
            nonlocal tally
            if not self.plain:
                self.quiet(4 * patience)
                self.listen(ledger)
            tally = ledger.reckon(self.copies(ledger))
            # What a hook holds for the daemon comes with its next connection.
            return not tally.silent
        with contextlib.suppress(Overdue):
            until(complete, patience, "every mail has rung", every=0.2)
        return tally

    # Postfix's log.

    def mark(self):
        """Where its log is now."""
        return os.path.getsize(self.lab.postfix.log)

    def log(self, mark):
        """What it has said since."""
        with open(self.lab.postfix.log, "rb") as log:
            log.seek(mark)
            return log.read().decode("utf-8", "replace")

    def deferred(self, mark):
        """{(queue id, recipient)} of all deliveries that failed for now."""
        return set(re.findall(r"(\w+): to=<([^>]*)>,.* status=deferred", self.log(mark)))

    def history(self, queue_id, user, mark):
        """Postfix's own account of one delivery: how often it tried, how long each step took."""
        tries = re.findall(rf"{queue_id}: to=<{re.escape(user)}>,.* delays=([^,]*), dsn=[^,]*, status=(\w+)",
                           self.log(mark))
        return (f"the slowest mail ({queue_id}), seconds before the queue manager/in it/to connect/to send: "
                + ", ".join(f"{delays} {status}" for delays, status in tries))

    # What came out.

    def copies(self, ledger):
        """Every message in the mailboxes of a ledger's people."""
        yield from ledger.copies
        for address in ledger.people:
            yield from self.mailbox(address)

    def mailbox(self, address):
        """The messages of one user, from Dovecot's own files."""
        home = f"{self.lab.dovecot.home(address)}/Maildir"
        if not os.path.isdir(home):
            return
        folders = [(".", "INBOX")] + [(name, name[1:].replace(".", "/")) for name in os.listdir(home)
                                      if name[0] == "." and os.path.isdir(f"{home}/{name}/cur")]
        for folder, mailbox in folders:
            uids = _uids(f"{home}/{folder}/dovecot-uidlist")
            for part in ("new", "cur"):
                for name in os.listdir(f"{home}/{folder}/{part}"):
                    base = name.partition(":")[0]
                    with open(f"{home}/{folder}/{part}/{name}", "rb") as file:
                        yield Copy(address, mailbox, uids.get(base), _saved(base), file.read())

    def listen(self, ledger):
        """Has the devices decrypt what has come since, and was taken."""
        for person in ledger.people.values():
            if person.device is not None:
                for push in person.device.new():
                    push.at = push.post.when + self.epoch
                    if push.post.status // 100 == 2:
                        person.pushes.append(push)


def _uids(path):
    """UID by file name, from a dovecot-uidlist."""
    try:
        with open(path, "rb") as file:
            return {name.decode().partition(":")[0]: int(uid) for uid, name in UIDLIST.findall(file.read())}
    except FileNotFoundError:
        return {}


def _saved(name):
    """When Dovecot made a file of that name: its seconds and microseconds."""
    found = re.match(r"(\d+)\.M(\d+)P", name)
    return int(found[1]) + int(found[2]) / 1e6
