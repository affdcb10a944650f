"""A fresh Debian with stock Postfix and Dovecot: install, find nothing wrong, get a push, go back."""

import json
import os
import re
import subprocess

import fresh
from lab.device import Device
from lab.imapclient import ImapClient
from lab.wait import until
from stock import CONTACT, has_mail, mail, plugins, snapshot, usual_notices

def findings(host, *argv):
    """mailbell doctor --json: the findings, and the exit code."""
    done = host.run("mailbell", "doctor", "--json", *argv)
    return json.loads(done.stdout), done.returncode


def test_dry_run_does_nothing(host, before):
    """--dry-run shows all three differences and changes nothing."""
    users = host.read("/etc/passwd")
    shown = host.good("mailbell", "setup", "--dry-run", "--contact", CONTACT)
    assert "+mailbox_transport_maps = " in shown
    assert re.sub("^", "+", plugins(host, "notify", "mailbell").rstrip(), flags=re.M) in shown
    assert f"+vapid_contact = {CONTACT}" in shown
    assert snapshot(host) == before
    assert host.read("/etc/passwd") == users


def test_a_contact_nobody_takes(host, before):
    """A contact that Apple refuses ends it before anything is done."""
    done = host.run("mailbell", "setup", "--yes", "--contact", "mailto:root@localhost")
    assert done.returncode == 78 and "vapid_contact" in done.stderr
    assert snapshot(host) == before


def test_doctor_finds_nothing_of_weight(host, installed):
    """What setup leaves is whole: no problem, only notices about the placeholder and bare newlines."""
    until(lambda: "was here" in host.run("mailbell", "doctor").stdout, 20, "the proxy's workers have come")
    found, code = findings(host)
    assert code == 1, found
    assert {one["topic"] for one in found} == usual_notices(host), found
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
    assert code == 1 and {one["topic"] for one in found} == usual_notices(host), found


def test_system_users_as_ever(host, installed):
    """Dovecot takes no mail for root: it goes where it went before."""
    mail("root@localhost", "To root")
    has_mail(host, "root", "To root")


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
    has_mail(host, "alice", "After all")


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
    subprocess.run(["make", "-s", "-C", fresh.TREE, f"DESTDIR={host.folder}", "uninstall"], check=True)
    left = host.good("find", "/usr", "-name", "*mailbell*").split()
    assert left == [], left
