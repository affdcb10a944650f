"""What is done on a fresh Debian with stock Postfix and Dovecot: start it as its administrator would,
send mail, look at its files."""

import contextlib
import os
import re
import shutil
import smtplib
import subprocess
import tempfile

import fresh
from lab.process import accepts
from lab.wait import until

CONTACT = "mailto:postmaster@example.org"
CONFIG = "/etc/mailbell/mailbell.conf"
PROGRAMS = ("mailbelld", "mailbell-lmtp", "mailbell-milter")


@contextlib.contextmanager
def unpacked(tarball_path, kind=fresh.Host):
    """A new machine of a tarball, for as long as it is used."""
    folder = tempfile.mkdtemp(prefix="mbroot.", dir="/tmp")
    subprocess.run(["tar", "-C", folder, "-xpf", tarball_path], check=True)
    os.chmod(folder, 0o755)
    host = kind(folder)
    host.mount()
    try:
        yield host
    finally:
        until(host.halt, 20, "all that ran in it has ended")
        host.unmount()
        shutil.rmtree(folder)


def snapshot(host):
    """Every file of Postfix's and Dovecot's configuration: octets, mode and owner."""
    found = {}
    for top in ("/etc/postfix", "/etc/dovecot"):
        for folder, _, names in os.walk(host.path(top)):
            for name in names:
                path = f"{folder}/{name}"
                if os.path.isfile(path) and not os.path.islink(path):
                    stat = os.stat(path)
                    with open(path, "rb") as file:
                        found[path] = (file.read(), stat.st_mode, stat.st_uid, stat.st_gid)
    return found


def start(host):
    """mailbell setup, and the start commands that it prints: what it printed."""
    shown = host.good("mailbell", "setup", "--yes", "--contact", CONTACT)
    for line in re.findall(r"^    (\S.*)$", shown, re.M):
        host.shell(line)
    ready(host)
    return shown


def ready(host, hook="/var/spool/postfix/private/mailbell-lmtp"):
    """hook: where Postfix reaches it."""
    for name in ("admin", "saved", "command", "arrival"):
        until(lambda name=name: accepts(host.path(f"/run/mailbell/{name}")), 20, f"mailbelld listens on {name}")
    until(lambda: accepts(("127.0.0.1", 25)) and accepts(("127.0.0.1", 143)), 30, "the servers listen")
    until(lambda: accepts(host.path(hook)), 20, "the hook listens")


def stop(host, *programs):
    """SIGTERM to the programs, as a service manager sends it, and none is left."""
    for name in programs or PROGRAMS:
        host.run("pkill", "-TERM", "-x", name)
    for name in programs or PROGRAMS:
        until(lambda name=name: host.run("pgrep", "-x", name).returncode, 50, f"{name} has ended")


def mail(recipient, subject="Hello"):
    with smtplib.SMTP("127.0.0.1", 25, "client.example.org", timeout=30) as smtp:
        smtp.sendmail("fred@example.org", [recipient],
                      f"From: Fred <fred@example.org>\r\nTo: {recipient}\r\nSubject: {subject}\r\n"
                      "Message-ID: <1@example.org>\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\nHi.\r\n")


def has_mail(host, user, subject):
    """Waits until it lies in the user's mailbox."""
    until(lambda: os.path.exists(host.path(f"/var/mail/{user}")), 30, f"{user} has mail")
    until(lambda: f"Subject: {subject}" in host.read(f"/var/mail/{user}"), 30, f"{user} has that mail")


def plugins(host, *names):
    """Lines that load modules, in the grammar of this Dovecot."""
    if host.good("dovecot", "--version").startswith("2.3"):
        return f"  mail_plugins = $mail_plugins {' '.join(names)}\n"
    return "  mail_plugins {\n" + "".join(f"    {name} = yes\n" for name in names) + "  }\n"


def usual_notices(host):
    """What doctor says of a stock system: the placeholder of a contact, and bare newlines where Postfix still
    takes them by default."""
    takes = host.good("postconf", "-h", "smtpd_forbid_bare_newline").strip() == "no"
    return {"contact", "postfix"} if takes else {"contact"}
