"""docs/containers.md: Dovecot in one system; mailbelld and mailbell-lmtp in another, each the first of
its processes.  They share the folders that the page names and nothing else: contrib/check-deb."""

import contextlib
import glob
import os
import re
import shutil
import smtplib
import socket
import subprocess
import tempfile

import pytest

import fresh
import stock
from lab.authority import Authority
from lab.device import Device
from lab.imapclient import ImapClient
from lab.process import Process, accepts
from lab.pushd import PushService
from lab.wait import until

INSIDE, OUTSIDE = "192.0.2.2", "192.0.2.1"      # Dovecot's address, and ours
USER = "alice@example.org"
PROXY = ("127.0.0.1", 24)
VMAIL = ("groupadd -g 5000 vmail && "
         "useradd -u 5000 -g 5000 -M -d /nonexistent -s /usr/sbin/nologin vmail")

# The Dovecot that is there already, with a uid for all mail.
SITE = {"2.3": """
protocols = imap lmtp
ssl = no
disable_plaintext_auth = no
log_path = /dev/stderr
mail_location = maildir:~/Maildir
mail_home = /srv/mail/%u
mail_uid = vmail
mail_gid = vmail
passdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
userdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
""", "2.4": """
dovecot_config_version = @version@
dovecot_storage_version = @version@
protocols {
  imap = yes
  lmtp = yes
}
ssl = no
auth_allow_cleartext = yes
log_path = /dev/stderr
mail_driver = maildir
mail_path = ~/Maildir
mail_home = /srv/mail/%{user}
mail_uid = vmail
mail_gid = vmail
passdb passwd-file {
  passwd_file_path = /etc/dovecot/users
}
userdb passwd-file {
  passwd_file_path = /etc/dovecot/users
}
"""}


def shown(before):
    """The settings that docs/containers.md shows behind a line that begins so."""
    with open(f"{fresh.TREE}/docs/containers.md", encoding="utf-8") as page:
        text = page.read().partition(f"\n{before}")[2]
    block = re.search(r"\n\n((?:    .*\n)+)", text)
    return re.sub(r"^    ", "", block[1], flags=re.M)


class Container:
    """A system behind walls: mounts, processes and, where it is wanted, network of its own."""

    def __init__(self, host, name, argv, shared, log, network=False):
        walls = ["unshare", "-m", "-p", "-i", "-u", *(["-n"] if network else []), "--fork", "--kill-child"]
        mounts = "".join(f"mkdir -p {host.folder}{at} && mount --bind {folder} {host.folder}{at} && "
                         f"mount -o remount,bind,{mode} {host.folder}{at} && " for folder, at, mode in shared)
        script = (f"{mounts}mount -t proc proc {host.folder}/proc && "
                  f"exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot {host.folder} {argv}")
        self.process = Process(name, [*walls, "sh", "-c", script], f"{log}/{name}.log")
        self.host = host

    def start(self):
        self.process.start()
        return self

    @property
    def first(self):
        """Its first process, as we see it."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            found = file.read().split()
        return int(found[0]) if found else None

    def run(self, *argv):
        """A command in it, as `exec` of a container's tool."""
        return subprocess.run(["nsenter", "-t", str(self.first), "-m", "-p", "-i", "-u", "-n",
                               "chroot", self.host.folder, *argv],
                              check=False, capture_output=True, text=True, timeout=60)

    def signal(self, name):
        subprocess.run(["kill", f"-{name}", str(self.first)], check=True)

    def stop(self):
        """SIGTERM to its first process, and the exit status of that."""
        if self.process.running:
            self.signal("TERM")
            return self.process.child.wait(50)
        return None


class Site:
    def __init__(self, folder, base, packages, closing):
        self.log = folder
        self.shared = {name: f"{folder}/{name}" for name in ("run", "lmtp", "store", "etc")}
        for path in self.shared.values():
            os.mkdir(path)
        self.dovecot_host = closing.enter_context(stock.unpacked(base))
        self.bell_host = closing.enter_context(stock.unpacked(base))
        self._install(packages)
        self.push = PushService(Authority(self.shared["etc"])).start()
        closing.callback(self.push.stop)
        self._configure()
        run, lmtp, store, etc = self.shared.values()
        self.daemon_mounts = [(run, "/run/mailbell", "rw"), (store, "/var/lib/mailbell", "rw"),
                              (etc, "/etc/mailbell", "ro")]
        self.daemon = Container(self.bell_host, "mailbelld", "mailbelld", self.daemon_mounts, folder)
        self.proxy = Container(self.bell_host, "mailbell-lmtp", "mailbell-lmtp", [
            (run, "/run/mailbell", "ro"), (lmtp, "/run/dovecot-lmtp", "ro"), (etc, "/etc/mailbell", "ro")],
            folder)
        self.dovecot = Container(self.dovecot_host, "dovecot", "dovecot -F", [
            (run, "/run/mailbell", "ro"), (lmtp, "/run/dovecot-lmtp", "rw")],
            folder, network=True)
        for part in (self.daemon, self.proxy, self.dovecot):
            closing.callback(part.stop)

    def _install(self, packages):
        """Each system gets its own package, and the user of all mail."""
        for host, name in ((self.dovecot_host, "mailbell-dovecot"), (self.bell_host, "mailbell")):
            with tempfile.TemporaryDirectory() as folder:
                shutil.copy(glob.glob(f"{packages}/{name}_*.deb")[0], folder)
                host.install(folder)
            host.good("sh", "-c", VMAIL)

    def _configure(self):
        with open(f"{self.shared['etc']}/mailbell.conf", "w", encoding="ascii") as file:
            file.write(shown("`/etc/mailbell/mailbell.conf`") +
                       f"endpoint_allow = {self.push.prefix}\npush_ca_file = /etc/mailbell/ca.pem\n")
        version = re.match(r"[0-9.]+", self.dovecot_host.good("dovecot", "--version"))[0]
        minor = version[:3]
        site = SITE[minor].replace("@version@", version)
        for path, text in (("dovecot.conf", site + shown(f"Dovecot {minor}")),
                           ("users", f"{USER}:{{PLAIN}}secret::::::\n")):
            with open(self.dovecot_host.path(f"/etc/dovecot/{path}"), "w", encoding="ascii") as file:
                file.write(text)
        self.dovecot_host.good("install", "-d", "-o", "vmail", "-g", "vmail", "/srv/mail")

    def init(self):
        """The first start: the store and the key, into the volume."""
        once = Container(self.bell_host, "init", "mailbelld --init", self.daemon_mounts, self.log)
        return once.start().process.child.wait(60)

    def join_network(self):
        """A wire to Dovecot's container."""
        first = until(lambda: self.dovecot.first, 20, "the container runs")
        until(lambda: subprocess.run(["ip", "link", "show", "wire"], check=False, capture_output=True).returncode, 20,
              "that of an earlier container has gone with it")
        for argv in (["ip", "link", "add", "wire", "type", "veth", "peer", "name", "eth0", "netns", str(first)],
                     ["ip", "addr", "add", f"{OUTSIDE}/24", "dev", "wire"], ["ip", "link", "set", "wire", "up"],
                     ["nsenter", "-t", str(first), "-n", "ip", "addr", "add", f"{INSIDE}/24", "dev", "eth0"],
                     ["nsenter", "-t", str(first), "-n", "ip", "link", "set", "eth0", "up"]):
            subprocess.run(argv, check=True)
        until(lambda: accepts((INSIDE, 143)), 60, "Dovecot's container listens")

    def imap(self):
        return ImapClient(143, USER, "secret", host=INSIDE)

    def healthy(self):
        return self.daemon.run("mailbell", "status").returncode == 0


@pytest.fixture(scope="module")
def site(base, packages):
    with contextlib.ExitStack() as closing:
        folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="mbside.", dir="/tmp"))
        os.chmod(folder, 0o755)
        yield Site(folder, base, packages[0], closing)


def greets():
    """The proxy's health: it has found Dovecot."""
    with socket.create_connection(PROXY, 10) as proxy:
        return proxy.recv(100).startswith(b"220")


def deliver(subject):
    """As Postfix in its own container: LMTP to the proxy's port."""
    with smtplib.LMTP(*PROXY) as lmtp:
        refused = lmtp.sendmail("fred@example.org", [USER],
                                f"From: Fred <fred@example.org>\r\nTo: {USER}\r\nSubject: {subject}\r\n"
                                "Message-ID: <2@example.org>\r\n\r\nHi.\r\n")
    assert not refused


def test_no_store_no_daemon(site):
    """Without a store the daemon does not start, and makes none by itself; --init does, once."""
    assert site.daemon.start().process.child.wait(30) != 0
    assert os.listdir(site.shared["store"]) == []
    assert site.init() == 0
    assert site.init() != 0


def test_starting(site):
    """The order of the page: the daemon, the proxy, Dovecot; healthy by the exit code."""
    site.daemon.start()
    until(lambda: site.daemon.first and site.healthy(), 30, "mailbell status ends with 0")
    site.proxy.start()
    until(lambda: accepts(PROXY), 30, "the proxy listens")
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        deliver("Too early")
    assert refused.value.smtp_code == 421
    site.dovecot.start()
    site.join_network()
    until(greets, 20, "the proxy greets")


@pytest.fixture(scope="module")
def phone(site):
    with site.imap() as imap:
        return Device(site.push).subscribe(imap)


def test_mail_is_pushed(site, phone):
    """A mail through all walls: folder, UID and ENVELOPE."""
    deliver("Over the wall")
    (mailbox, uid, envelope), = phone.until_mails(1)[0].mails
    assert (mailbox, uid) == ("INBOX", 1) and "Over the wall" in repr(envelope)


def test_the_daemon_anew(site, phone):
    """The daemon's container is replaced: mail meanwhile, IMAP NO, and a push afterwards,
    a SYNC at least."""
    assert site.daemon.stop() == 0
    deliver("Meanwhile")
    with site.imap() as imap:
        assert imap.command("GETVAPID").status == "NO"
    site.daemon.start()
    push = phone.next(60)
    assert "Meanwhile" in repr(push.mails) or push.syncs, push.text
    until(lambda: site.daemon.first and site.healthy(), 20, "mailbell status ends with 0")


def test_dovecot_anew(site, phone):
    """Dovecot's container is replaced; the others go on."""
    site.dovecot.stop()
    site.dovecot.start()
    site.join_network()
    until(greets, 20, "the proxy greets")
    deliver("After Dovecot")
    assert "After Dovecot" in repr(phone.until_mails(1, 60)[0].mails)


def test_signals_and_log(site, phone):
    """SIGHUP is taken by the first process, SIGTERM ends it with 0, and the log is on stderr."""
    site.daemon.signal("HUP")
    until(lambda: "status=sent" in site.daemon.process.tail(50), 20, "outcomes are logged")
    assert all(secret not in site.daemon.process.tail(500) for secret in phone.secrets)
    until(site.healthy, 20, "it goes on")
    assert site.proxy.stop() == 0
    assert site.daemon.stop() == 0
