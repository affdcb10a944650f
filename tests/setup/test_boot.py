"""The packages' units under a systemd that runs, sandbox and all: contrib/check-deb."""

import os

import pytest

import stock
from booted import Booted
from lab.device import Device
from lab.imapclient import ImapClient
from lab.wait import until

OF_MAIL = ("mailbell*", "postfix*", "dovecot*")
DAEMON, PROXY, MILTER = (f"{name}.service" for name in ("mailbelld", "mailbell-lmtp", "mailbell-milter"))


@pytest.fixture(scope="module")
def machine(base, packages):
    """A Debian with stock Postfix and Dovecot that has booted."""
    with stock.unpacked(base, Booted) as machine:
        os.unlink(machine.path("/usr/sbin/policy-rc.d"))
        machine.boot()
        yield machine


@pytest.fixture(scope="module")
def phone(push):
    with ImapClient(143, "alice", "secret") as imap:
        return Device(push).subscribe(imap)


def main_pid(host, unit):
    return host.good("systemctl", "show", "-P", "MainPID", unit).strip()


def active(host, *units):
    return all(host.run("systemctl", "is-active", unit).stdout == "active\n" for unit in units)


def rings(host, phone, subject):
    """A mail is delivered and pushed with its ENVELOPE."""
    stock.mail("alice@localhost", subject)
    stock.has_mail(host, "alice", subject)
    # Behind a restart there may be a SYNC of what came before.
    until(lambda: subject in repr(phone.next(30).mails), 60, f"{subject} rings")


def whole(host):
    """No unit of mail's has failed, and none of ours had something forbidden to it by its sandbox."""
    assert host.good("systemctl", "list-units", "--state=failed", "--no-legend", "--plain", *OF_MAIL) == ""
    said = host.good("journalctl", "--no-pager", "-q", "-u", "mailbell*")
    assert "not permitted" not in said and "denied" not in said, said


def test_setup_starts_the_units(host, installed):
    """mailbell setup enables and starts what the hook needs, and no more; the sandbox is closed."""
    assert active(host, DAEMON, PROXY, "mailbell-lmtp.socket", "mailbell.target")
    assert not active(host, MILTER)
    for unit in (DAEMON, PROXY):
        status = host.good("cat", f"/proc/{main_pid(host, unit)}/status")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert (fields["Seccomp"], fields["NoNewPrivs"], int(fields["CapEff"], 16)) == ("2", "1", 0), unit
    for name in ("mailbelld", "mailbell-lmtp"):
        assert "B" in host.good("ps", "-C", name, "-o", "cls="), f"{name} is SCHED_BATCH"
    assert host.good("systemctl", "show", "-P", "CPUWeight", DAEMON).strip() == "10"
    whole(host)


def test_mail_is_pushed(host, phone):
    """From a stock Postfix to the device."""
    rings(host, phone, "First")
    whole(host)


@pytest.mark.parametrize("unit", (DAEMON, PROXY))
def test_reload(host, phone, unit):
    """systemctl reload: the same process, with the settings read anew."""
    before = main_pid(host, unit)
    host.good("systemctl", "reload", unit)
    assert main_pid(host, unit) == before
    rings(host, phone, f"Reloaded {unit}")
    whole(host)


@pytest.mark.parametrize("unit", (DAEMON, PROXY))
def test_killed(host, phone, unit):
    """kill -9: systemd starts it again, and mail rings."""
    before = main_pid(host, unit)
    host.good("systemctl", "kill", "-s", "KILL", unit)
    until(lambda: active(host, unit) and main_pid(host, unit) not in ("0", before), 30, f"{unit} runs again")
    stock.ready(host)
    rings(host, phone, f"Killed {unit}")
    whole(host)


def test_upgrade(host, phone, packages):
    """An upgrade starts the new programs; nothing else is to be done."""
    old = host.good("mailbelld", "--version").split()[1]
    host.install(packages[1])
    new = host.good("mailbelld", "--version").split()[1]
    assert new != old
    stock.ready(host)
    assert new in host.good("mailbell", "status")
    rings(host, phone, "Upgraded")
    whole(host)


def test_reboot(host, phone):
    """Switched off and on: what was started is started again, and who has subscribed is rung."""
    host.power_off()
    host.boot()
    stock.ready(host)
    assert active(host, DAEMON, PROXY)
    rings(host, phone, "Booted")
    whole(host)


def test_milter(host, phone):
    """The other hook: its unit runs instead of the proxy's, and what is pushed is the same."""
    host.good("mailbell", "setup", "--yes", "--hook", "milter", "--contact", stock.CONTACT)
    assert active(host, DAEMON, MILTER)
    assert not active(host, PROXY)
    stock.ready(host, hook="/var/spool/postfix/mailbell/milter")
    rings(host, phone, "By the milter")
    assert "B" in host.good("ps", "-C", "mailbell-milter", "-o", "cls=")
    whole(host)


def test_undo(host, before):
    """What setup wrote and started is as before, and mail flows."""
    host.good("mailbell", "setup", "--undo", "--yes")
    assert stock.snapshot(host) == before
    assert not active(host, DAEMON) and not active(host, MILTER)
    stock.mail("alice@localhost", "Undone")
    stock.has_mail(host, "alice", "Undone")
    whole(host)


def test_purge(host):
    """No unit of ours is left, and none has failed."""
    host.good("apt-get", "-q", "-y", "purge", "mailbell", "mailbell-milter", "mailbell-dovecot", timeout=600)
    assert host.good("systemctl", "list-units", "--all", "--no-legend", "--plain", "mailbell*") == ""
    whole(host)
