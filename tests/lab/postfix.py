"""A private Postfix whose only way out is the LMTP transport that it is given."""

import os
import re
import shutil
import signal
import smtplib
import subprocess
import time
from dataclasses import dataclass

from .process import accepts, children, comm, process_state, tail
from .wait import until

MAIN = """
compatibility_level = 3.6
queue_directory = @dir@/queue
data_directory = @dir@/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = @dir@/mail.log
maillog_file_prefixes = @dir@
enable_long_queue_ids = yes
myhostname = mx.lab.test
mydomain = lab.test
myorigin = lab.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
recipient_delimiter = +
virtual_mailbox_domains = lab.test
virtual_mailbox_maps = static:here
virtual_alias_maps = regexp:@dir@/aliases
virtual_transport = @transport@
alias_maps =
alias_database =
notify_classes =
non_smtpd_milters = $smtpd_milters
in_flow_delay = 0
# Nothing leaves loopback: whatever is not for lab.test fails at once.
default_transport = error:no mail leaves the laboratory
relay_transport = error:no mail leaves the laboratory
disable_dns_lookups = yes
"""

# pair.A.B@ and trio.A.B.C@ reach the users that they name, so that each test may use its own.
ALIASES = """
/^both@lab\\.test$/ alice@lab.test, bob@lab.test
/^team@lab\\.test$/ carol@lab.test, dave@lab.test, erin@lab.test
/^pair\\.(\\w+)\\.(\\w+)@lab\\.test$/ $1@lab.test, $2@lab.test
/^trio\\.(\\w+)\\.(\\w+)\\.(\\w+)@lab\\.test$/ $1@lab.test, $2@lab.test, $3@lab.test
/^a\\.(\\w+)@lab\\.test$/ $1@lab.test
"""

STOCK_MASTER = "/usr/share/postfix/master.cf.dist"


@dataclass
class Outcome:
    """One recipient's line in Postfix's log."""
    to: str
    orig_to: str
    relay: str
    dsn: str
    status: str
    text: str


class Postfix:
    def __init__(self, folder, port, transport):
        self.dir = folder
        self.port = port
        self.log = f"{folder}/mail.log"
        self.config = f"{folder}/conf"
        for name in ("conf", "queue", "data"):
            os.makedirs(f"{folder}/{name}")
        shutil.chown(f"{folder}/data", "postfix")
        self._write("conf/main.cf", MAIN.replace("@dir@", folder).replace("@transport@", transport))
        self._write("conf/master.cf", self._master())
        self._write("aliases", ALIASES)
        self._cool()

    def _write(self, name, text):
        with open(f"{self.dir}/{name}", "w", encoding="ascii") as out:
            out.write(text)

    def _cool(self):
        """Whoever reads a main.cf of this moment waits two seconds, lest it be half written: ours is whole,
        and looks older."""
        then = time.time() - 60
        os.utime(f"{self.config}/main.cf", (then, then))

    def _master(self):
        """The stock services without chroot and without pipes to other programs."""
        with open(STOCK_MASTER, encoding="ascii") as stock:
            lines = [line for line in stock if line[0] not in "# \t\n"]
        out = [f"127.0.0.1:{self.port} inet n - n - - smtpd"]
        for fields in map(str.split, lines):
            if fields[1] != "inet" and fields[7] != "pipe":
                out.append(" ".join([*fields[:4], "n", *fields[5:]]))
        return "\n".join(out) + "\n"

    def command(self, name, *argv, check=True):
        return subprocess.run([name, "-c", self.config, *argv], check=check, capture_output=True,
                              text=True, timeout=60)

    @property
    def pid(self):
        try:
            with open(f"{self.dir}/queue/pid/master.pid", encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    def start(self):
        started = self.command("postfix", "start", check=False)
        assert started.returncode == 0, f"Postfix: {started.stderr}{tail(self.log)}"
        until(lambda: accepts(("127.0.0.1", self.port)), 20, "Postfix listens")

    def stop(self):
        """All of its processes have gone when this returns."""
        pid = self.pid
        if pid is None or process_state(pid) is None:
            return
        self.command("postfix", "stop", check=False)
        until(lambda: process_state(pid) is None, 20, "Postfix stopped")

    def transport(self, transport, milters=""):
        """Sends all mail that comes from now on another way, and shows it to these milters."""
        self.configure(virtual_transport=transport, smtpd_milters=milters)

    def configure(self, **settings):
        """main.cf says this from now on; what still ran with what it said before has ended."""
        old = [pid for name in ("smtpd", "cleanup", "qmgr", "trivial-rewrite")
               for pid in self.processes(name)]
        self.command("postconf", *(f"{key}={value}" for key, value in settings.items()))
        self._cool()
        # What `postfix reload` does, without its walk through the queue.
        os.kill(self.pid, signal.SIGHUP)
        until(lambda: all(process_state(pid) in (None, "Z") for pid in old), 20, "Postfix has reloaded")

    def processes(self, name):
        """The process ids of one kind of its programs."""
        return [pid for pid in children(self.pid) if comm(pid) == name]

    def flush(self):
        """Tries what is deferred again, now."""
        self.command("postqueue", "-f")

    # Mail.

    def send(self, recipients, message, sender="fred@example.org", options=()):
        """One SMTP transaction: the queue id."""
        with smtplib.SMTP("127.0.0.1", self.port, "client.lab.test", timeout=30) as smtp:
            smtp.ehlo()
            return send_in(smtp, recipients, message, sender, options)

    def outcomes(self, queue_id, text=None):
        """What became of each recipient so far, in the order of the log, or of a piece of it."""
        pattern = (rf"{queue_id}: to=<([^>]*)>(?:, orig_to=<([^>]*)>)?, relay=([^,]*), .*?"
                   r"dsn=([^,]*), status=(\w+) \((.*)\)")
        return [Outcome(m[1], m[2] or m[1], m[3], m[4], m[5], m[6])
                for m in re.finditer(pattern, text if text is not None else self._text())]

    def done(self, queue_id, timeout=30):
        """Waits until a message has left the queue: the outcome for each recipient."""
        until(lambda: f"{queue_id}: removed" in self._text(), timeout, f"{queue_id} left the queue")
        return self.outcomes(queue_id)

    def deferred(self, queue_id, timeout=30):
        """Waits until a recipient of a message was deferred: the first such outcome."""
        return until(lambda: next((outcome for outcome in self.outcomes(queue_id)
                                   if outcome.status == "deferred"), None),
                     timeout, f"{queue_id} was deferred")

    def _text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()


def send_in(smtp, recipients, message, sender="fred@example.org", options=()):
    """One transaction in an open SMTP session: the queue id."""
    if isinstance(recipients, str):
        recipients = [recipients]
    for code, reply in (smtp.mail(sender, options), *(smtp.rcpt(r) for r in recipients)):
        assert code == 250, (code, reply)
    code, reply = smtp.data(message)
    assert code == 250, (code, reply)
    return re.search(rb"queued as (\S+)", reply)[1].decode()
