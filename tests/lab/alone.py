"""mailbelld alone: no Postfix, no Dovecot.  What the modules would say to it is said here, and the
push services are the tests' own.

    with Alone(push) as alone:
        phone = alone.phone()
        alone.mail(phone)
        print(phone.next().text)
"""

import itertools
import os
import shutil
import socket
import time

from .authority import Authority
from .device import Device
from .frames import frame, read_frame
from .imapclient import Reply
from .lab import build_folder
from .mailbell import Mailbell
from .place import Place
from .pushd import PushService
from .wait import until

BULK = 1                            # KIND_BULK
ENVELOPE = ('("Mon, 7 Feb 1994 21:52:25 -0800 (PST)" "{subject}" (("Canary" NIL "canary" '
            '"correspondent.example")) NIL NIL (("Fred" NIL "fred" "lab.test")) NIL NIL NIL '
            '"<{serial}.alone@example.org>")')


class Talk:
    """One connection to a socket of the daemon.  hello: more that is said there."""

    def __init__(self, path, timeout=30, **hello):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")
        self.send("HELLO", PROGRAM="test", VERSION="0.1", LOST=0, **hello)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def send(self, kind, args=(), **fields):
        self.socket.sendall(frame(kind, args, **fields))

    def read(self):
        return read_frame(self.stream)


class Verbs(Talk):
    """What the IMAP module is to a client: command() as ImapClient has it."""

    def __init__(self, run_dir, user):
        super().__init__(f"{run_dir}/command")
        self.user = user
        assert self.read().type == "OK"

    def command(self, line):
        name, *args = line.split()
        self.send("VERB", [None if arg == "NIL" else arg for arg in args], USER=self.user,
                  SESSION="session", NAME=name)
        answer = self.read()
        status, _, text = answer.tagged.decode().partition(" ")
        code = text[1:].partition("]")[0] if text.startswith("[") else ""
        untagged = (answer.untagged or b"").split(b"\r\n")[:-1]
        return Reply(status, code, text, untagged)

    def logout(self):
        """The client said LOGOUT on a connection that a silence hangs on."""
        self.send("RELEASE")
        self.close()

    def seen(self):
        """An IMAP session of the user begins."""
        self.send("SESSION", USER=self.user, SESSION="session", BEGIN=1)


class Alone(Place):
    """push: a running PushService, or None where the test makes its own."""

    def __init__(self, push=None, authority=None, within=(), env=None, **settings):
        """within: the start of the daemon's command line, such as one that enters a namespace."""
        super().__init__()
        self.push = push
        self.authority = authority
        self.within = within
        self.env = env or {}
        self.settings = settings
        self.users = itertools.count()
        self.serial = itertools.count(1)
        self.devices = []

    def _start(self):
        self._settle()
        shutil.copy(f"{build_folder()}/mailbelld", self.dir)
        self.authority = self.authority or Authority(self.dir)
        if self.push is None:
            self.push = PushService(self.authority).start()
            self.closing.callback(self.push.stop)
        self.mailbell = Mailbell(f"{self.dir}/mb", self.dir, {
            "hook": "dovecot", "push_ca_file": self.authority.path,
            "endpoint_allow": self.push.prefix, **self.settings})
        self.daemon = self.mailbell.daemon
        self.daemon.argv[:0] = self.within
        self.daemon.env.update(self.env)
        self.mailbell.init()
        self.closing.callback(self.daemon.stop)
        self.mailbell.start_daemon()

    @property
    def log(self):
        with open(self.daemon.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def leaks(self):
        """Secrets of any device, and subjects and correspondents, that the log holds."""
        secrets = [one for device in self.devices for one in device.secrets]
        log = self.log
        return [one for one in [*secrets, "canary", "correspondent.example"] if one in log]

    # The operator.

    def restart(self):
        """kill -9, and a new start."""
        self.daemon.kill()
        self.mailbell.start_daemon()

    def configure(self, **changes):
        """mailbell.conf says this beside what it always says, from now on."""
        if changes != self.mailbell.changes:
            self.mailbell.changes = changes
            self.mailbell.write()
            self.mailbell.reload()

    def admin(self, verb, *args):
        """The rows of an admin verb."""
        with Talk(f"{self.mailbell.run_dir}/admin") as talk:
            talk.send("REQUEST", args, NAME=verb)
            rows = []
            while (got := talk.read()).type != "DONE":
                if got.type == "ROW":
                    rows.append(got.row)
            assert got.exit == 0, (verb, got.exit, got.text)
            return rows

    def status(self):
        return self.admin("status")[0]

    def show(self, device):
        return self.admin("show", device.user, device.id)[0]

    def exists(self, device):
        return any(row["id"] == device.id for row in self.admin("list", device.user))

    def wait_in_s(self, device):
        """Seconds until the next try of what waits for a device."""
        row = self.show(device)
        return row["next_try_time"] - time.time() if row["next_try_time"] else None

    def until_show(self, device, timeout=20, **values):
        """Waits until `show` says so of a device: the row."""
        row = {}

        def good():
            row.update(self.show(device))
            return all(row[name] == value for name, value in values.items())
        try:
            until(good, timeout, f"show says {values}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {row}\n{self.daemon.tail(5)}") from None
        return row

    def idle(self, device, timeout=20):
        """Waits until nothing waits for a device."""
        return self.until_show(device, timeout, waiting=0)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    # Accounts and devices.

    def user(self):
        return f"user{next(self.users):05}@lab.test"

    def verbs(self, user):
        return Verbs(self.mailbell.run_dir, user)

    def device(self, user=None, push=None, endpoint=None):
        """A device that no one has subscribed yet; it knows its user."""
        device = Device(push or self.push)
        device.user = user or self.user()
        device.endpoint = endpoint or device.endpoint
        self.devices.append(device)
        return device

    def phone(self, user=None, **where):
        """A device, subscribed and acknowledged."""
        device = self.device(user, **where)
        try:
            with self.verbs(device.user) as verbs:
                return device.subscribe(verbs)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.show(device)}\n{self.daemon.tail(5)}") from None

    def ask(self, device):
        """WEBPUSH alone: the reply."""
        with self.verbs(device.user) as verbs:
            return device.webpush(verbs)

    def say(self, device, line):
        """One verb of the device's user: the reply."""
        with self.verbs(device.user) as verbs:
            reply = verbs.command(line)
            assert reply.ok, reply
            return reply

    # Mail.

    def mail(self, device, uid=1, count=1, **content):
        """count messages for the device's user arrive, with UIDs from uid on."""
        self.deliver([(device.user, uid + i) for i in range(count)], **content)

    def deliver(self, mails, mailbox="INBOX", kind=0, subject="canary"):
        """mails: (user, uid) of each.  All of them go over one connection of their own."""
        with Talk(f"{self.mailbell.run_dir}/saved") as talk:
            for user, uid in mails:
                serial = next(self.serial)
                talk.send("SAVED", TIME=int(time.time() * 1000), TOKEN=f"token{serial}",
                          SERVICE="lmtp", USER=user, MAILBOX=mailbox, UIDVALIDITY=7, UID=uid,
                          QUEUE_ID=f"4j{serial:09}", MESSAGE_ID=f"<{serial}.alone@example.org>",
                          ENVELOPE=ENVELOPE.format(subject=subject, serial=serial), REASON=0,
                          KIND=kind)
