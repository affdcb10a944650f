"""SILWEBPUSH: what is silent, until when, and what is owed afterwards."""

import os
import signal

import pytest

from lab.dovecot import hibernation
from lab.imapclient import Closed
from lab.wait import until

UNTIL_END = "2147483647"        # silent until the connection that asked for it ends


def test_timed_silence(lab, imap, user, phone):
    """A number silences for so many seconds, 0 ends it; what was held back becomes one SYNC."""
    reply = imap.command(f"SILWEBPUSH {phone.id} 3600")
    assert reply.ok
    assert reply.lines("WEBPUSH") == [f"* WEBPUSH {phone.id} {phone.endpoint} 3600"]
    for _ in range(2):
        lab.deliver(user)
    assert 3500 < int(phone.third(imap)) <= 3600
    assert imap.command(f"SILWEBPUSH {phone.id} 0").lines("WEBPUSH")[0].endswith(" 0")
    push = phone.next()
    assert push.mails == [] and len(push.syncs) == 1
    assert push.urgency == "low" and push.topic
    lab.deliver(user)
    assert [uid for _, uid, _ in phone.next().mails] == [3]


def test_silence_ends_by_itself(lab, imap, user, phone):
    """After its seconds a silence is over, with one SYNC for what it held back."""
    assert imap.command(f"SILWEBPUSH {phone.id} 2").ok
    lab.deliver(user)
    assert phone.next(20).syncs
    assert phone.third(imap) == "0"


def test_silence_without_news(lab, imap, user, phone):
    """A silence that held nothing back owes nothing."""
    assert imap.command(f"SILWEBPUSH {phone.id} 3600").ok
    assert imap.command(f"SILWEBPUSH {phone.id} 0").ok
    lab.deliver(user)
    assert phone.next().mails


@pytest.mark.parametrize("seconds", ["99999999", str(2**31), str(2**63), 300 * "9"])
def test_silence_is_cut_to_30_days(imap, phone, seconds):
    """More than 30 days is cut, and the answer shows it."""
    reply = imap.command(f"SILWEBPUSH {phone.id} {seconds}")
    assert reply.lines("WEBPUSH")[0].endswith(f" {30 * 86400}")


def test_silence_of_unknown(imap):
    """An unknown id: NO [NONEXISTENT]."""
    for time_field in ("5", "NIL", "0"):
        assert imap.command(f"SILWEBPUSH nobody {time_field}").code == "NONEXISTENT"


def test_silence_before_the_acknowledgement(lab, imap):
    """A silence is stored for an unacknowledged subscription, which shows NIL; then it holds."""
    device = lab.device()
    assert device.webpush(imap).ok
    assert imap.command(f"SILWEBPUSH {device.id} 3600").lines("WEBPUSH")[0].endswith(" NIL")
    reply = imap.command(f"ACKWEBPUSH {device.next().token}")
    assert 3500 < int(reply.lines("WEBPUSH")[0].split()[-1]) <= 3600


@pytest.mark.parametrize("end", ["logout", "drop", "kill"])
def test_silence_until_the_connection_ends(lab, user, phone, end):
    """Bound to the connection, however it ends; only a LOGOUT owes no SYNC."""
    holder = lab.imap(user)
    reply = holder.command(f"SILWEBPUSH {phone.id} NIL")
    assert reply.lines("WEBPUSH") == [f"* WEBPUSH {phone.id} {phone.endpoint} {UNTIL_END}"]
    lab.deliver(user)
    if end == "logout":
        holder.logout()
    elif end == "drop":
        holder.drop()
    else:
        kill_imap(lab, user)
        with pytest.raises((Closed, ConnectionError)):
            holder.command("NOOP")
            holder.read_line()
    with lab.imap(user) as imap:
        until(lambda: phone.third(imap) == "0", 10, "the silence has ended")
    if end != "logout":
        assert phone.next().syncs
    lab.deliver(user)
    assert [uid for _, uid, _ in phone.next().mails] == [2]


def kill_imap(lab, user):
    """kill -9 of the imap processes that serve this user."""
    listed = lab.dovecot.doveadm("who", "-1", user).decode()
    pids = {int(line.split()[2]) for line in listed.splitlines()[1:]}
    assert pids, listed
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_two_connections_hold_a_silence(lab, user, phone):
    """The silence lasts until the last of the connections has ended."""
    first, second = lab.imap(user), lab.imap(user)
    for holder in (first, second):
        assert holder.command(f"SILWEBPUSH {phone.id} NIL").ok
    first.logout()
    assert phone.third(second) == UNTIL_END
    second.logout()
    with lab.imap(user) as imap:
        until(lambda: phone.third(imap) == "0", 10, "the silence has ended")


@pytest.fixture
def hibernating(lab):
    """Clients hibernate that idle for a second."""
    lab.dovecot.restart(hibernation())
    yield
    lab.dovecot.restart()


def says(lab, user, what):
    """Whether Dovecot's log has a line on that user's IMAP session."""
    with open(lab.dovecot.log, encoding="utf-8", errors="replace") as log:
        return any(what in line and f"({user})" in line for line in log)


def idle(client, tag):
    client.send(f"{tag} IDLE\r\n".encode())
    client.wait_plus(tag)


@pytest.mark.parametrize("end", ["logout", "drop"])
def test_silence_of_a_client_that_hibernates(lab, hibernating, user, phone, end):
    """Its process ends, the connection stays, pushes go on; with a silence bound to it, it stays whole."""
    holder = lab.imap(user)
    idle(holder, "i1")
    until(lambda: says(lab, user, "Successfully hibernated"), 15, "it hibernates")
    lab.deliver(user)
    assert phone.next().mails
    holder.send(b"DONE\r\n")
    assert holder.finish("i1").ok
    assert holder.command(f"SILWEBPUSH {phone.id} NIL").ok
    idle(holder, "i2")
    until(lambda: says(lab, user, "a silence lasts until this connection ends"), 15, "it does not now")
    lab.deliver(user)
    with lab.imap(user) as imap:
        assert phone.third(imap) == UNTIL_END
    holder.send(b"DONE\r\n")
    assert holder.finish("i2").ok
    holder.logout() if end == "logout" else holder.drop()
    with lab.imap(user) as imap:
        until(lambda: phone.third(imap) == "0", 10, "the silence has ended")
    if end == "drop":
        assert phone.next().syncs
    lab.deliver(user)
    assert [uid for _, uid, _ in phone.next().mails] == [3]
