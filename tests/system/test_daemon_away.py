"""Dovecot with mailbelld stopped, dead, or without a key: mail first."""

import os
import time

from lab import accounts
from lab.wait import until


def test_stopped_daemon_does_not_block(lab, user):
    """While a verb waits, a pipelined NOOP is answered; the verb gets NO [UNAVAILABLE] after 5 s."""
    with lab.imap(user) as imap:
        lab.mailbell.daemon.pause()
        try:
            start = time.monotonic()
            verb, noop = imap.start("GETVAPID"), imap.start("NOOP")
            assert imap.finish(noop).ok
            assert time.monotonic() - start < 2
            assert verb not in imap.finished
            reply = imap.finish(verb)
            assert (reply.status, reply.code) == ("NO", "UNAVAILABLE")
            assert 4 < time.monotonic() - start < 8
        finally:
            lab.mailbell.daemon.resume()
        until(lambda: imap.command("GETVAPID").ok, 10, "the daemon answers again")


def test_login_while_the_daemon_is_stopped(lab, user):
    """A stopped daemon does not delay a login."""
    lab.mailbell.daemon.pause()
    try:
        start = time.monotonic()
        with lab.imap(user) as imap:
            imap.select()
        assert time.monotonic() - start < 3
    finally:
        lab.mailbell.daemon.resume()


def test_client_gone_while_a_verb_waits(lab, user):
    """A client that disconnects in mid-verb leaves nothing behind; Dovecot does not panic."""
    lab.mailbell.daemon.pause()
    try:
        with lab.imap(user) as imap:
            imap.start("GETVAPID")
            imap.start("NOOP")
    finally:
        lab.mailbell.daemon.resume()
    with lab.imap(user) as imap:
        assert imap.command("GETVAPID").ok
    with open(lab.dovecot.log, encoding="utf-8", errors="replace") as log:
        assert "Panic" not in log.read()


def test_dead_daemon(lab, user):
    """Without a daemon: login, mail and reading as ever; WEBPUSH is not advertised."""
    lab.mailbell.daemon.kill()
    lab.deliver(user)
    with lab.imap(user) as imap:
        assert "WEBPUSH" not in imap.capabilities()
        assert imap.uids() == [1]
        reply = imap.command("GETVAPID")
        assert reply.status in ("NO", "BAD") and reply.untagged == []


def test_daemon_dies_under_a_session(lab, imap):
    """A session that saw WEBPUSH gets NO [UNAVAILABLE] when the daemon has gone, at once."""
    lab.mailbell.daemon.stop()
    reply = imap.command("GETVAPID")
    assert (reply.status, reply.code) == ("NO", "UNAVAILABLE")
    lab.mailbell.start_daemon()
    assert imap.command("GETVAPID").ok


def test_no_key(lab, imap):
    """GETVAPID without a key: NO [UNAVAILABLE], and the key is not made anew."""
    vapid = f"{lab.mailbell.state_dir}/vapid"
    before = imap.command("GETVAPID").lines("VAPID")
    lab.mailbell.daemon.stop()
    os.rename(vapid, vapid + ".away")
    os.mkdir(vapid)
    os.chown(vapid, *accounts.ids(accounts.DAEMON))
    try:
        lab.mailbell.start_daemon()
        assert imap.command("GETVAPID").code == "UNAVAILABLE"
    finally:
        lab.mailbell.daemon.stop()
        os.rmdir(vapid)
        os.rename(vapid + ".away", vapid)
        lab.mailbell.start_daemon()
    assert imap.command("GETVAPID").lines("VAPID") == before
