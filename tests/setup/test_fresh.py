"""A fresh Debian with stock Postfix and Dovecot: install, find nothing wrong, get a push, go back."""

import json
import os
import re
import smtplib
import subprocess

import pytest

from lab.authority import Authority
from lab.device import Device
from lab.imapclient import ImapClient
from lab.process import accepts
from lab.pushd import PushService
from lab.wait import until

CONTACT = "mailto:postmaster@example.org"
CONFIG = "/etc/mailbell/mailbell.conf"


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


def findings(host, *argv):
    """mailbell doctor --json: the findings, and the exit code."""
    done = host.run("mailbell", "doctor", "--json", *argv)
    return json.loads(done.stdout), done.returncode


@pytest.fixture(scope="module")
def before(host):
    host.good("useradd", "-m", "alice")
    host.good("chpasswd", stdin="alice:secret\n")
    return snapshot(host)


@pytest.fixture(scope="module")
def installed(host, before):
    """mailbell setup, and the start commands that it prints."""
    shown = host.good("mailbell", "setup", "--yes", "--contact", CONTACT)
    for line in re.findall(r"^    (\S.*)$", shown, re.M):
        host.shell(line)
    run = "/run/mailbell"
    for name in ("admin", "saved", "command", "arrival"):
        until(lambda name=name: accepts(host.path(f"{run}/{name}")), 20, f"mailbelld listens on {name}")
    until(lambda: accepts(("127.0.0.1", 25)) and accepts(("127.0.0.1", 143)), 30, "the servers listen")
    until(lambda: accepts(host.path("/var/spool/postfix/private/mailbell-lmtp")), 20, "the proxy listens")
    return shown


@pytest.fixture(scope="module")
def push(host, installed):
    """A push service that mailbelld trusts."""
    folder = host.path("/etc/mailbell/test-ca")
    os.mkdir(folder)
    authority = Authority(folder)
    service = PushService(authority).start()
    with open(host.path(CONFIG), "a", encoding="ascii") as file:
        file.write(f"endpoint_allow = {service.prefix}\n"
                   f"push_ca_file = {authority.path[len(host.folder):]}\n")
    module = os.stat(host.path("/run/mailbell/module")).st_ino
    host.good("pkill", "-HUP", "-x", "mailbelld")
    until(lambda: os.stat(host.path("/run/mailbell/module")).st_ino != module, 20, "mailbelld has read it")
    yield service
    service.stop()


def mail(recipient, subject="Hello"):
    with smtplib.SMTP("127.0.0.1", 25, "client.example.org", timeout=30) as smtp:
        smtp.sendmail("fred@example.org", [recipient],
                      f"From: Fred <fred@example.org>\r\nTo: {recipient}\r\nSubject: {subject}\r\n"
                      "Message-ID: <1@example.org>\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\nHi.\r\n")


def test_dry_run_does_nothing(host, before):
    """--dry-run shows all three differences and changes nothing."""
    shown = host.good("mailbell", "setup", "--dry-run", "--contact", CONTACT)
    assert "+mailbox_transport_maps = " in shown
    assert "+  mail_plugins = $mail_plugins notify mailbell" in shown
    assert f"+vapid_contact = {CONTACT}" in shown
    assert snapshot(host) == before
    assert host.run("id", "mailbell").returncode != 0


def test_a_contact_nobody_takes(host, before):
    """A contact that Apple refuses ends it before anything is done."""
    done = host.run("mailbell", "setup", "--yes", "--contact", "mailto:root@localhost")
    assert done.returncode == 78 and "vapid_contact" in done.stderr
    assert snapshot(host) == before


def test_doctor_finds_nothing_of_weight(host, installed):
    """What setup leaves is whole: no problem, only notices about the placeholder and bare newlines."""
    found, code = findings(host)
    assert code == 1, found
    assert {one["topic"] for one in found} == {"contact", "postfix"}, found
    assert all(one["level"] == "notice" and one["why"] and one["remedy"] for one in found)


def test_mail_is_pushed(host, push):
    """A mail to a user of the system, who logs in by the same name, reaches the device with its folder."""
    with ImapClient(143, "alice", "secret") as imap:
        phone = Device(push).subscribe(imap)
    mail("alice@localhost", "To the phone")
    (mailbox, uid, envelope), = phone.until_mails(1)[0].mails
    assert (mailbox, uid) == ("INBOX", 1)
    assert b"To the phone" in repr(envelope).encode()
    assert "Subject: To the phone" in host.read("/var/mail/alice"), "mail is stored where it was before"

    def way():
        return host.run("mailbell", "trace", "<1@example.org>").stdout
    until(lambda: "sent (201)" in way(), 20, "the trace has the whole way")
    assert "saved" in way() and "alice" in way()
    found, code = findings(host, "alice@localhost")
    assert code == 1 and {one["topic"] for one in found} == {"contact", "postfix"}, found


def test_system_users_as_ever(host, installed):
    """Dovecot takes no mail for root: it goes where it went before."""
    mail("root@localhost", "To root")
    until(lambda: os.path.exists(host.path("/var/mail/root")), 20, "root has mail")
    until(lambda: "Subject: To root" in host.read("/var/mail/root"), 10, "it is this one")


def test_doctor_of_a_broken_host(host, installed):
    """What somebody broke is named, with a remedy, and the exit code is 2."""
    os.chmod(host.path("/run/mailbell/admin"), 0o666)
    key = host.good("sh", "-c", "ls /var/lib/mailbell/vapid/*.pem").strip()
    os.chmod(host.path(key), 0o444)
    try:
        found, code = findings(host, "nosuch@nowhere.example")
    finally:
        os.chmod(host.path("/run/mailbell/admin"), 0o660)
        os.chmod(host.path(key), 0o400)
    problems = [one for one in found if one["level"] == "problem"]
    assert code == 2
    assert [one["topic"] for one in problems] == ["rights", "rights", "account"], problems


def test_another_hook_and_back(host, installed):
    """Changing the hook is undo and setup in one; the same again changes nothing."""
    lmtp = snapshot(host)
    shown = host.good("mailbell", "setup", "--yes", "--hook", "milter")
    assert "+smtpd_milters = { unix:mailbell/milter, default_action=accept," in shown
    assert os.stat(host.path("/var/spool/postfix/mailbell")).st_mode & 0o7777 == 0o2750
    host.good("mailbell", "setup", "--yes", "--hook", "lmtp")
    assert snapshot(host) == lmtp


def test_undo(host, before, installed):
    """Postfix's and Dovecot's files are what they were, octet for octet; users stay."""
    shown = host.good("mailbell", "setup", "--undo", "--yes")
    assert "-mailbox_transport_maps" in shown
    assert snapshot(host) == before
    assert host.run("id", "mailbell").returncode == 0
    assert "There is nothing to undo." in host.good("mailbell", "setup", "--undo", "--yes")
    mail("alice@localhost", "After all")
    until(lambda: "Subject: After all" in host.read("/var/mail/alice"), 20, "mail goes on")


def test_undo_after_edits(host, before):
    """Where somebody edited since, only what setup wrote goes."""
    host.good("mailbell", "setup", "--yes", "--contact", CONTACT)
    host.good("postconf", "-e", "message_size_limit = 12345678", "biff = yes")
    shown = host.good("mailbell", "setup", "--undo", "--yes")
    assert "it was edited since" in shown
    changed = [path for path, value in snapshot(host).items() if before.get(path) != value]
    assert changed == [host.path("/etc/postfix/main.cf")]
    assert host.good("postconf", "-n", "mailbox_transport_maps", "message_size_limit", "biff") == \
        "message_size_limit = 12345678\nbiff = yes\n"


def test_uninstall(host):
    """make uninstall leaves none of what make install put."""
    subprocess.run(["make", "-s", "-C", os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
                    f"DESTDIR={host.folder}", "uninstall"], check=True)
    left = host.good("find", "/usr", "-name", "*mailbell*").split()
    assert left == [], left
