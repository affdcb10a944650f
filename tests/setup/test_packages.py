"""mailbell's Debian packages from the first installation to the purge, with mail all the while:
contrib/check-deb."""

import os

import pytest

from lab.device import Device
from lab.httpserver import Answer
from lab.imapclient import ImapClient
from lab.wait import until
from stock import has_mail, mail, plugins, ready, snapshot, start, stop

OURS = ("mailbell", "mailbell-milter", "mailbell-dovecot")
# What apt, dpkg and the loader write for any package, and what mail itself leaves.
PASSING = ("/dev", "/proc", "/sys", "/tmp", "/run", "/root", "/var/cache", "/var/log", "/var/mail",
           "/var/lib/apt", "/var/lib/dpkg", "/var/lib/dovecot", "/var/lib/postfix", "/var/lib/systemd",
           "/var/spool/postfix", "/home", "/etc/ld.so.cache", "/etc/passwd-", "/etc/group-", "/etc/shadow-",
           "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-", "/etc/.pwd.lock", "/etc/systemd/system",
           "/etc/mailname")
# What may not be left in there, either.
WORD = "mailbell"


def everything(host):
    """Each file: its mode and owner, and what is in it where that is configuration."""
    found = {}
    for folder, folders, names in os.walk(host.folder):
        inside = folder[len(host.folder):]
        folders[:] = [name for name in folders if f"{inside}/{name}" not in PASSING]
        for name in folders + names:
            path = f"{inside}/{name}"
            stat = os.lstat(host.path(path))
            octets = None
            if path.startswith("/etc/") and os.path.isfile(host.path(path)) and path not in PASSING:
                with open(host.path(path), "rb") as file:
                    octets = file.read()
            if path not in PASSING:
                found[path] = (stat.st_mode, stat.st_uid, stat.st_gid, octets)
    return found


def named(host):
    """Whatever bears our name anywhere, but for the logs of apt and dpkg and the books of purged packages."""
    shown = host.good("find", "/", "-xdev", "-name", f"*{WORD}*", "-not", "-path", "/proc/*")
    return [path for path in shown.split() if not path.startswith(("/var/log/", "/var/cache/"))]


def apt(host, *words, good=True):
    done = host.run("apt-get", "-q", "-y", *words, timeout=600)
    assert (done.returncode == 0) == good, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def packages_of(host):
    return set(host.good("dpkg-query", "-W", "-f", "${Package}\n").split())


def status(host, package):
    """installed, config-files (removed), not-installed (purged)."""
    return host.run("dpkg-query", "-W", "-f", "${db:Status-Status}", package).stdout or "not-installed"


def start_daemon(host):
    host.shell("setsid mailbelld </dev/null >>/var/log/mailbell.log 2>&1 &")
    ready(host)


def restart(host):
    """What the packages do by systemd."""
    stop(host, "mailbelld")
    proxy = host.good("pgrep", "-o", "-x", "mailbell-lmtp").strip()
    host.good("kill", "-HUP", proxy)
    until(lambda: host.good("readlink", f"/proc/{proxy}/exe").strip() == "/usr/sbin/mailbell-lmtp", 20,
          "the proxy is the new program")
    start_daemon(host)


@pytest.fixture(scope="module")
def clean(machine, packages):
    """Everything on the machine before the first package of ours, but with users that have mail."""
    machine.good("useradd", "-m", "alice")
    machine.good("chpasswd", stdin="alice:secret\n")
    return everything(machine), packages_of(machine)


@pytest.fixture(scope="module")
def host(machine, clean, packages):
    """The packages, behind a look at what was there without them."""
    assert not named(machine)
    machine.install(packages[0])
    return machine


@pytest.fixture(scope="module")
def before(host):
    return snapshot(host)


@pytest.fixture(scope="module")
def phone(push):
    with ImapClient(143, "alice", "secret") as imap:
        return Device(push).subscribe(imap)


def pushed(phone, subject):
    """The next push is this mail's."""
    (_, _, envelope), = phone.until_mails(1)[0].mails
    assert subject.encode() in repr(envelope).encode(), envelope


def test_installation_changes_no_server(host, before):
    """Packages change nothing of Postfix and Dovecot and start nothing; users are there."""
    assert {status(host, name) for name in OURS} == {"installed"}
    assert not [path for path, (octets, *_) in before.items() if WORD.encode() in octets]
    for user in ("mailbell", "mailbell-hook"):
        host.good("id", user)
    assert host.run("pgrep", "mailbell").returncode == 1
    host.good("dpkg", "--verify", *OURS)


def test_mail_is_pushed(host, phone):
    """mailbell setup, a subscription by IMAP, a mail, and the push of it."""
    mail("alice@localhost", "First")
    pushed(phone, "First")
    has_mail(host, "alice", "First")


def test_upgrade_with_a_live_queue(host, push, phone, packages):
    """A push that waits while the packages are upgraded is sent by the new daemon; subscriptions stay."""
    push.always(phone.endpoint, Answer(503))
    mail("alice@localhost", "Waits")
    until(lambda: len(push.of(phone.endpoint)) > 2, 20, "the service refuses it")
    old = host.good("mailbelld", "--version")
    host.install(packages[1])
    assert host.good("mailbelld", "--version") != old
    restart(host)
    push.always(phone.endpoint)

    def taken():
        """What the service has taken since, of all that it was asked to."""
        return [phone.open(post) for post in push.of(phone.endpoint) if post.status == 201]
    # The longer the upgrade took, the longer the next try waits.
    until(lambda: "Waits" in repr([one.mails for one in taken()]), 400, "what waited is pushed")
    phone.taken = len(push.of(phone.endpoint))
    assert host.good("mailbelld", "--version").split()[1] in host.good("mailbell", "status")


def test_mail_during_an_upgrade(host, phone):
    """Mail that comes while the daemon is started anew is delivered, and rings: a SYNC at least."""
    stop(host, "mailbelld")
    mail("alice@localhost", "Meanwhile")
    has_mail(host, "alice", "Meanwhile")
    start_daemon(host)
    told = phone.next(60)
    assert "Meanwhile" in repr(told.mails) or told.syncs, told.text


def test_maintainer_scripts_twice(host):
    """Configuring what is configured changes nothing and fails nowhere."""
    text = host.read("/etc/mailbell/mailbell.conf")
    for name in OURS:
        host.good("dpkg-reconfigure", "-fnoninteractive", name)
    assert host.read("/etc/mailbell/mailbell.conf") == text


def test_removed_modules(host, before):
    """Without the modules' package Dovecot is what it was: mail is delivered, people log in."""
    apt(host, "remove", "mailbell-dovecot")
    stop(host)                                  # as setup does by systemd
    assert snapshot(host) == before
    mail("alice@localhost", "No module")
    has_mail(host, "alice", "No module")
    with ImapClient(143, "alice", "secret") as imap:
        assert "WEBPUSH" not in imap.capabilities()


def refused(host, name):
    """Removing it is refused, with what to do, and it stays."""
    assert f"{name} is not removed" in apt(host, "remove", name, good=False)
    assert status(host, name) == "installed"


def test_by_hand(host, before, packages):
    """What an administrator wrote by hand is not touched: the package that it needs stays."""
    host.install(packages[1])
    for name, key, value in (("mailbell-milter", "smtpd_milters", "unix:mailbell/milter"),
                             ("mailbell", "mailbox_transport", "lmtp:unix:private/mailbell-lmtp")):
        host.good("postconf", "-e", f"{key} = {value}")
        refused(host, name)
        host.good("postconf", "-X", key)
    own = host.path("/etc/dovecot/conf.d/98-own.conf")
    with open(own, "w", encoding="ascii") as file:
        file.write("protocol imap {\n" + plugins(host, "imap_mailbell") + "}\n")
    refused(host, "mailbell-dovecot")
    os.unlink(own)
    assert snapshot(host) == before


def test_remove(host, before):
    """Removing puts Postfix and Dovecot back, mail flows, and the store is still there."""
    start(host)
    assert snapshot(host) != before
    apt(host, "remove", *OURS)
    assert {status(host, name) for name in OURS} <= {"config-files", "not-installed"}
    stop(host)
    assert snapshot(host) == before
    assert os.path.islink(host.path("/var/lib/mailbell/vapid/current"))
    mail("alice@localhost", "Removed")
    has_mail(host, "alice", "Removed")


def test_purge(host, clean):
    """Nothing is left: no file, no user, no group."""
    was, had = clean
    apt(host, "purge", *OURS)
    apt(host, "purge", *(packages_of(host) - had))      # the libraries that came along
    now = everything(host)
    differs = {path for path in was.keys() | now.keys() if was.get(path) != now.get(path)}
    assert differs == set(), sorted(differs)
    assert named(host) == []
    for what in ("passwd", "group"):
        assert WORD not in host.good("getent", what)


def test_reinstall_after_purge(host, packages):
    """It begins anew, and mail is pushed again."""
    host.install(packages[1])
    start(host)
    mail("alice@localhost", "Again")
    has_mail(host, "alice", "Again")
    with ImapClient(143, "alice", "secret") as imap:
        assert "WEBPUSH" in imap.capabilities()
