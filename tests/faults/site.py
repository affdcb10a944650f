"""The mail server that all rows share: one Postfix, one Dovecot, and mailbell where it is not plain."""

import contextlib
import os
import re
import time

from lab.lab import Lab
from lab.wait import Overdue, until

from .ledger import Copy, Person

# Deferred mail is tried again by hand; a device is told of every mail, however many come.
POSTFIX = {"minimal_backoff_time": "300s", "queue_run_delay": "300s", "default_process_limit": "50"}
MAILBELL = {"burst": 1000, "burst_interval": "1s", "unseen_max": 1000000, "arrival_timeout": "5s"}

UIDLIST = re.compile(rb"^(\d+) (?:.*? )?:([^:\n]+)$", re.M)


class Site:
    def __init__(self, plain=False):
        self.plain = plain
        self.lab = Lab(with_mailbell=not plain)
        # Between the clock of the push service's records and that of the mailboxes.
        self.epoch = time.time() - time.monotonic()

    def __enter__(self):
        self.lab.__enter__()
        try:
            self.lab.postfix.configure(**POSTFIX)
            if not self.plain:
                self.lab.mailbell.settings.update(MAILBELL)
                self.whole()
        except BaseException:
            self.lab.stop()
            raise
        return self

    def __exit__(self, *_):
        self.lab.stop()

    def whole(self):
        """Puts back everything that a row may have left broken."""
        if self.plain:
            return
        self.lab.whole()
        self.lab.use("lmtp")
        self.lab.mailbell.write()
        self.lab.mailbell.reload()
        self.lab.mailbell.reload_proxy()

    def people(self, count, devices=1):
        """Users whom nobody else uses; the first `devices` of them have a subscribed device each."""
        found = [Person(self.lab.user()) for _ in range(count)]
        for person in found[:0 if self.plain else devices]:
            person.device = self.lab.phone(person.address)
        return found

    # After a fault.

    def drain(self, timeout=60):
        """Waits until no mail is under way; what was deferred is tried again as often as it takes."""
        flushed = time.monotonic()

        def empty():
            nonlocal flushed
            left = self.queued()
            if left and time.monotonic() > flushed + 1:
                self.lab.postfix.flush()
                flushed = time.monotonic()
            return not left
        until(empty, timeout, "Postfix's queue is empty")

    def queued(self):
        """The files in Postfix's queue."""
        queue = f"{self.lab.postfix.dir}/queue"
        return [name for part in ("maildrop", "incoming", "active", "deferred")
                for _, _, names in os.walk(f"{queue}/{part}") for name in names]

    def quiet(self, timeout=60):
        """Waits until mailbelld has nothing to join and nothing to send."""
        def nothing():
            status = self.lab.mailbell.admin("status")
            return not any(status[name] for name in ("waiting_arrivals", "waiting_saved", "outbox"))
        until(nothing, timeout, "mailbelld has nothing left to do")

    def reckon(self, ledger, patience=15):
        """The tally of a ledger, when nothing is under way."""
        self.drain()
        tally = None

        def complete():
            nonlocal tally
            if not self.plain:
                self.quiet()
                self.listen(ledger)
            tally = ledger.reckon(self.copies(ledger))
            # What a hook holds for the daemon comes with its next connection.
            return not tally.silent
        with contextlib.suppress(Overdue):
            until(complete, patience, "every mail has rung")
        return tally

    # What came out.

    def copies(self, ledger):
        """Every message in the mailboxes of a ledger's people."""
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
