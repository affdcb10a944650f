"""Lab: a whole mail server on loopback in one throwaway folder.

    with Lab() as lab:
        phone = lab.phone("alice")
        lab.send("alice@lab.test", subject="Hello")
        print(phone.next().text)

One Postfix and one Dovecot run from start to stop.  `use` and `configure` change how mail travels
and what mailbell.conf says, without starting those two again.
"""

import itertools
import os
import shutil

from . import imapclient
from .authority import Authority
from .device import Device
from .dovecot import DOMAIN, OUR_MODULES, Dovecot
from .mailbell import Mailbell
from .place import Place
from .postfix import Postfix
from .process import free_ports, tail
from .pushd import PushService
from .wait import until

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PROGRAMS = ("mailbelld", "mailbell-lmtp", "mailbell-milter", "mailbell")
MODULES = tuple(f"modules/{name}" for name in OUR_MODULES)

# How mail travels: its transport and milter in Postfix, and the hook.
WAYS = ("lmtp", "lmtp-tcp", "milter", "dovecot")

MESSAGE = """\
From: {sender}
To: {to}
Subject: {subject}
Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)
Message-ID: <{serial}.lab@example.org>
{headers}
{text}
"""


def build_folder():
    return os.path.abspath(os.environ.get("MAILBELL_BUILD") or f"{TREE}/build/cc")


class Lab(Place):
    def __init__(self, build=None, with_mailbell=True):
        """with_mailbell=False: Postfix and Dovecot as if mailbell did not exist."""
        super().__init__()
        self.source = build or build_folder()
        self.with_mailbell = with_mailbell
        self.way = None
        self.dovecot = self.postfix = self.mailbell = None
        self.serial = itertools.count(1)
        self.users = itertools.count()
        self.devices = []

    # Start and stop.

    def _start(self):
        self.start()

    def start(self, way="lmtp"):
        self._settle()
        self._copy_build()
        self._make()
        for part in (self.push, self.dovecot, self.postfix):
            self.closing.callback(part.stop)
            part.start()
        if self.with_mailbell:
            self._start_mailbell(way)

    def _copy_build(self):
        """The programs' users may not be able to walk the tree; and it may be built anew meanwhile."""
        self.build = f"{self.dir}/build"
        os.makedirs(f"{self.build}/modules")
        for name in (*PROGRAMS, *MODULES) if self.with_mailbell else ():
            shutil.copy(f"{self.source}/{name}", f"{self.build}/{name}")

    def _make(self):
        self.authority = authority = Authority(self.dir)
        smtp, imap, imaps, lmtp, proxy = free_ports(5)
        self.push = PushService(authority)
        self.push.port = free_ports(1)[0]
        self.dovecot = Dovecot(f"{self.dir}/dc", (smtp, imap, imaps, lmtp), authority,
                               f"{self.dir}/mb/run", self.build if self.with_mailbell else None)
        self.proxy_socket = f"{self.dir}/mb/lmtp"
        self.proxy_port = proxy
        self.transports = {"lmtp": f"lmtp:unix:{self.proxy_socket}",
                           "lmtp-tcp": f"lmtp:inet:127.0.0.1:{proxy}",
                           "milter": f"lmtp:unix:{self.dovecot.socket}",
                           "dovecot": f"lmtp:unix:{self.dovecot.socket}"}
        self.milter_socket = f"{self.dir}/mb/milter"
        self.postfix = Postfix(f"{self.dir}/pf", smtp, self.transports["dovecot"])
        if self.with_mailbell:
            self.mailbell = Mailbell(f"{self.dir}/mb", self.build, {
                "lmtp_listen": [f"unix:{self.proxy_socket}", f"127.0.0.1:{proxy}"],
                "lmtp_backend": f"unix:{self.dovecot.socket}",
                "milter_listen": f"unix:{self.milter_socket}",
                "endpoint_allow": self.push.prefix,
                "push_ca_file": authority.path,
                "lmtp_workers": 2})

    def _start_mailbell(self, way):
        self.mailbell.init()
        self.closing.callback(self.mailbell.daemon.stop)
        self.closing.callback(self.mailbell.proxy.stop)
        self.closing.callback(self.mailbell.milter.stop)
        self.mailbell.changes["hook"] = _hook(way)
        self.mailbell.write()
        self.mailbell.start_daemon()
        self.mailbell.start_proxy(self.proxy_socket)
        self.use(way)

    def stop(self):
        self.closing.close()

    # Changing it while it runs.

    def use(self, way):
        """Lets mail travel that way from now on: one of WAYS."""
        if way == self.way:
            return
        if way == "milter":
            self.mailbell.start_milter()
        self.postfix.transport(self.transports[way], self.milters() if way == "milter" else "")
        if self.mailbell.changes.get("hook") != _hook(way):
            self.configure(**{**self.mailbell.changes, "hook": _hook(way)})
        self.way = way

    def milters(self, **settings):
        """smtpd_milters, as the manual page of mailbell-milter shows it."""
        settings = {"default_action": "accept", "connect_timeout": "2s", "command_timeout": "2s",
                    "content_timeout": "5s", **settings}
        return "{{ unix:{}, {} }}".format(
            self.milter_socket, ", ".join(f"{key}={value}" for key, value in settings.items()))

    def configure(self, **changes):
        """mailbell.conf says this beside what it always says, and both programs have read it."""
        changes.setdefault("hook", _hook(self.way or "lmtp"))
        if changes == self.mailbell.changes:
            return
        self.mailbell.changes = changes
        self.mailbell.write()
        self.mailbell.reload()
        self.mailbell.reload_proxy()
        self.mailbell.reload_milter()

    def whole(self):
        """Puts everything back as a test expects to find it: both programs run, usual settings."""
        if not self.mailbell.daemon.running:
            self.mailbell.start_daemon()
        if not self.mailbell.proxy.running:
            self.mailbell.start_proxy(self.proxy_socket)
        if self.way == "milter":
            self.mailbell.start_milter()
        self.configure()

    # Mail and its readers.

    def user(self):
        """The name of a user whom nobody else uses."""
        return f"user{next(self.users):03}@{DOMAIN}"

    def imap(self, user):
        """An IMAP connection of user, logged in."""
        return imapclient.ImapClient(self.dovecot.imap_port, _address(user))

    def device(self, **keys):
        """A device that no one has subscribed yet."""
        self.devices.append(Device(self.push, **keys))
        return self.devices[-1]

    def phone(self, user, **keys):
        """A device of user, subscribed and acknowledged."""
        with self.imap(user) as imap:
            return self.device(**keys).subscribe(imap)

    def decided(self, timeout=30):
        """Waits until the daemon has no arrival and no saved event without the other half."""
        def nothing_waits():
            status = self.mailbell.admin("status")
            return status["waiting_arrivals"] == status["waiting_saved"] == 0
        until(nothing_waits, timeout, "every arrival and every saved event is decided")

    def waiting(self, device):
        """How many messages wait in the outbox for a device."""
        return sum(row["waiting"] for row in self.mailbell.admin("list") if row["id"] == device.id)

    def compose(self, to, subject="Hello", text="Good morning.", sender="Fred <fred@example.org>",
                headers=""):
        """A message, as octets with CRLF."""
        text = MESSAGE.format(to=to, subject=subject, text=text, sender=sender,
                              serial=f"{next(self.serial)}.{os.getpid()}", headers=headers)
        return text.replace("\n", "\r\n").encode()

    def send(self, to, message=None, **compose):
        """Sends a message by SMTP: its queue id.  compose is for compose()."""
        recipients = [_address(to)] if isinstance(to, str) else [_address(one) for one in to]
        return self.postfix.send(recipients, message or self.compose(recipients[0], **compose))

    def deliver(self, to, message=None, **compose):
        """The same, and waits until all of it was delivered: the queue id."""
        queue_id = self.send(to, message, **compose)
        outcomes = self.postfix.done(queue_id)
        assert outcomes and all(one.status == "sent" for one in outcomes), outcomes
        return queue_id

    def tails(self):
        """The ends of all logs, for whoever looks into a failure."""
        programs = ((self.mailbell.daemon, self.mailbell.proxy, self.mailbell.milter)
                    if self.mailbell else ())
        out = [f"--- {program.name}\n{program.tail()}" for program in programs]
        if self.postfix:
            out.append(f"--- postfix\n{tail(self.postfix.log)}")
        if self.dovecot:
            out.append(f"--- dovecot\n{self.dovecot.tail(30)}")
        return "".join(out)


def _hook(way):
    return way if way in ("milter", "dovecot") else "lmtp"


def _address(user):
    return user if "@" in user else f"{user}@{DOMAIN}"
