"""The ledger: every mail that went in, by its id and SHA-256, and what became of it in the mailboxes
and on the devices.

A message is compared as it was injected: the trace lines that servers put on top of it are left out,
and line ends are counted as one (Dovecot stores LF).
"""

import hashlib
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

TRACE = re.compile(rb"\A(?:(?:Return-Path|Delivered-To|Received|X-Original-To):.*\n(?:[ \t].*\n)*)+", re.I)
ID = re.compile(rb"^Message-ID: <([^>]*)@faults\.example>\r?$", re.M | re.I)


def digest(octets):
    """The SHA-256 of a message without its line ends' kind and without trace lines."""
    return hashlib.sha256(TRACE.sub(b"", octets.replace(b"\r\n", b"\n"))).digest()


@dataclass
class Person:
    """A user of one row."""
    address: str
    device: object = None
    pushes: list = field(default_factory=list)      # what her device has decrypted


@dataclass
class Mail:
    """A message that somebody tried to send."""
    id: str
    sha: bytes
    recipients: tuple           # addresses
    sent: float                 # wall clock: when Postfix was asked to take it
    queue_id: str = None        # Postfix has said 250
    taken: bool = False         # somebody has
    refused: frozenset = frozenset()    # recipients that the row expects to be refused for good


@dataclass
class Copy:
    """A message in a mailbox."""
    user: str
    mailbox: str
    uid: int                    # None where the server has given it none
    saved: float                # wall clock
    octets: bytes


@dataclass
class Tally:
    """Mails are counted for each recipient."""
    tried: int = 0
    lost: list = field(default_factory=list)        # (id, user)
    altered: list = field(default_factory=list)     # (id or None, user): None where nobody sent it
    doubled: list = field(default_factory=list)     # (queue id, user), for each copy beyond the first
    silent: list = field(default_factory=list)      # (id, user, when saved): no push told of it
    repeated: int = 0                               # pushes of a mail beyond the first
    rings: int = 0                                  # mails that had to ring
    delays: list = field(default_factory=list)      # (seconds from sent to saved, queue id, user)

    @property
    def worst(self):
        """Seconds."""
        return max((seconds for seconds, *_ in self.delays), default=0)

    @property
    def slowest(self):
        """(queue id, user)"""
        return max(self.delays, key=lambda one: one[0])[1:]


class Ledger:
    def __init__(self, name):
        self.name = name
        self.serial = 0
        self.people = {}        # by address
        self.mails = {}         # by id
        self.copies = []        # what was in mailboxes that are not there any more
        self.lock = threading.Lock()

    def add(self, people):
        self.people.update((one.address, one) for one in people)
        return people

    def new_id(self):
        with self.lock:
            self.serial += 1
            return f"{self.serial}.{self.name}"

    def enter(self, id, message, recipients):
        """A message is about to be sent: its Mail.  Its Message-ID is <id@faults.example>."""
        mail = Mail(id, digest(message), tuple(recipients), time.time())
        with self.lock:
            self.mails[id] = mail
        return mail

    def reckon(self, copies):
        """The tally, from all copies in the mailboxes of all people."""
        tally = Tally()
        found = Counter()
        where = {}
        for copy in copies:
            self._file(tally, found, where, copy)
        for mail in self.mails.values():
            self._settle(tally, found, mail)
        self._listen(tally, where)
        return tally

    def _file(self, tally, found, where, copy):
        """One copy: known and whole, or altered."""
        name = ID.search(copy.octets)
        mail = self.mails.get(name[1].decode()) if name else None
        if mail is None or copy.user not in mail.recipients:
            tally.altered.append((None, copy.user))
            return
        if digest(copy.octets) != mail.sha:
            tally.altered.append((mail.id, copy.user))
        if not found[mail.id, copy.user]:
            tally.delays.append((copy.saved - mail.sent, mail.queue_id, copy.user))
        found[mail.id, copy.user] += 1
        where.setdefault(copy.user, []).append((mail.id, copy.mailbox, copy.uid, copy.saved))

    def _settle(self, tally, found, mail):
        """One message: whom it had to reach."""
        for user in mail.recipients:
            count = found[mail.id, user]
            tally.tried += mail.taken
            if user in mail.refused:
                if count:
                    tally.altered.append((mail.id, user))
            elif mail.taken and not count:
                tally.lost.append((mail.id, user))
            tally.doubled += [(mail.queue_id, user)] * (count - 1)

    def _listen(self, tally, where):
        """Every copy in a mailbox has to have rung, by its own push or by a later SYNC."""
        for user, copies in where.items():
            person = self.people[user]
            if person.device is None:
                continue
            told, synced = heard(person.pushes)
            tally.rings += len(copies)
            for id, mailbox, uid, saved in copies:
                if (mailbox, uid) not in told and max(synced.get(mailbox, 0), synced.get(None, 0)) < saved:
                    tally.silent.append((id, user, saved))
            tally.repeated += sum(count - 1 for count in told.values())


def heard(pushes):
    """How often (mailbox, UID) was told; when each mailbox was last to be synced (None: all)."""
    told, synced = Counter(), {}
    for push in pushes:
        told.update((mailbox, uid) for mailbox, uid, _ in push.mails)
        for mailbox in push.syncs:
            synced[mailbox] = max(synced.get(mailbox, 0), push.at)
    return told, synced
