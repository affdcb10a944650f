"""Arrival and saved event: who is told what, in which mailbox, under which UID."""

import smtplib

import pytest

from lab.imapclient import Literal
from lab.postfix import send_in
from lab.wait import until


def settled(lab, phone):
    """Waits until the daemon has decided all that it knows of, and sent it to this device."""
    lab.decided()
    until(lambda: lab.waiting(phone) == 0, 30, "nothing waits for the device")


def all_new(lab, phone):
    settled(lab, phone)
    return phone.new()


def mails(pushes):
    return sorted((mailbox, uid) for push in pushes for mailbox, uid, _ in push.mails)


def syncs(pushes):
    return [mailbox for push in pushes for mailbox in push.syncs]


def check_envelopes(lab, user, pushes):
    """Every ENVELOPE is what FETCH gives for its UID."""
    with lab.imap(user) as imap:
        for push in pushes:
            for mailbox, uid, envelope in push.mails:
                assert envelope == imap.envelope(uid, mailbox)


CASES = {
    "inbox": ("", [("INBOX", 1)]),
    "fileinto": ('require ["fileinto","mailbox"]; fileinto :create "New Messages";',
                 [("New Messages", 1)]),
    "not ASCII": ('require ["fileinto","mailbox"]; fileinto :create "Entwürfe & mehr";',
                  [("Entwürfe & mehr", 1)]),
    "copy": ('require ["fileinto","mailbox","copy"]; fileinto :create :copy "Work";',
             [("INBOX", 1), ("Work", 1)]),
    "discard": ("discard;", []),
    "reject": ('require "reject"; reject "no";', []),
    "redirect": ('redirect "frank@lab.test";', []),
    "seen": ('require "imap4flags"; addflag "\\\\Seen"; keep;', []),
    "junk": ('require "fileinto"; fileinto "Junk";', []),
    "trash": ('require "fileinto"; fileinto "Trash";', []),
    "broken script": ("this is no Sieve", [("INBOX", 1)]),
}


@pytest.mark.parametrize("case", CASES)
def test_sieve(lab, way, user, case):
    """The true folders after Sieve ring, and only they."""
    script, expected = CASES[case]
    lab.dovecot.sieve(user, script)
    phone = lab.phone(user)
    lab.deliver(user, subject=case)
    pushes = all_new(lab, phone)
    assert (mails(pushes), syncs(pushes)) == (expected, [])
    check_envelopes(lab, user, pushes)


def test_quiet_mailbox(lab, way, user, settings):
    """quiet_mailboxes rings nobody."""
    settings(quiet_mailboxes=["Lists/*", "Archive"])
    lab.dovecot.sieve(user, 'require ["fileinto","mailbox"]; if header "Subject" "quiet" '
                            '{ fileinto :create "Archive"; }')
    phone = lab.phone(user)
    lab.deliver(user, subject="quiet")
    lab.deliver(user, subject="loud")
    assert mails(all_new(lab, phone)) == [("INBOX", 1)]


def test_several_recipients(lab, way):
    """One transaction with three users: each hears of its own message, by its own UID."""
    users = [lab.user() for _ in range(3)]
    phones = [lab.phone(user) for user in users]
    lab.deliver(users[1], subject="earlier")
    lab.dovecot.sieve(users[2], 'require ["fileinto","mailbox"]; fileinto :create "Work";')
    phones[1].next()
    lab.deliver(users)
    pushes = [all_new(lab, phone) for phone in phones]
    assert [mails(one) for one in pushes] == [[("INBOX", 1)], [("INBOX", 2)], [("Work", 1)]]
    for user, one in zip(users, pushes):
        check_envelopes(lab, user, one)


def test_alias(lab, way):
    """An alias with two users rings both."""
    users = [lab.user() for _ in range(2)]
    phones = [lab.phone(user) for user in users]
    lab.deliver("pair.{}.{}@lab.test".format(*(user.split("@")[0] for user in users)))
    for user, phone in zip(users, phones):
        pushes = all_new(lab, phone)
        assert mails(pushes) == [("INBOX", 1)]
        check_envelopes(lab, user, pushes)


@pytest.mark.parametrize("form", ["{0}+lists@lab.test", "{1}@LAB.test", "{1}+Detail@lab.TEST",
                                  "a.{0}@lab.test"])
def test_forms_of_an_address(lab, way, user, phone, form):
    """+detail, upper case and an alias reach the subscription of the account."""
    local = user.split("@")[0]
    lab.deliver(form.format(local, local.upper()))
    assert mails(all_new(lab, phone)) == [("INBOX", 1)]


def test_same_recipient_twice(lab, way, user, phone):
    """The same user twice in one transaction: one message, one push."""
    lab.deliver([user, f"a.{user}"])
    pushes = all_new(lab, phone)
    assert (mails(pushes), syncs(pushes)) == ([("INBOX", 1)], [])


def test_refused_and_accepted(lab, way, user, phone):
    """Refused recipients change nothing for the accepted one."""
    queue_id = lab.send(["nobody@lab.test", user, "full@lab.test"])
    outcomes = {one.to: one.status for one in lab.postfix.done(queue_id)}
    assert outcomes == {"nobody@lab.test": "bounced", user: "sent", "full@lab.test": "bounced"}
    pushes = all_new(lab, phone)
    assert (mails(pushes), syncs(pushes)) == ([("INBOX", 1)], [])


def test_over_quota_rings_nobody(lab, way):
    """Mail that is refused after its data never rings."""
    phone = lab.phone("full@lab.test")
    lab.postfix.done(lab.send("full@lab.test"))
    assert all_new(lab, phone) == []


def test_several_transactions(lab, way, user, phone):
    """Many messages over one SMTP connection, by smtplib's own RSET in between."""
    with smtplib.SMTP("127.0.0.1", lab.postfix.port, timeout=30) as smtp:
        smtp.ehlo()
        ids = []
        for number in range(5):
            ids.append(send_in(smtp, user, lab.compose(user, subject=f"number {number}")))
            smtp.rset()
    for queue_id in ids:
        lab.postfix.done(queue_id)
    pushes = all_new(lab, phone)
    assert mails(pushes) == [("INBOX", uid) for uid in range(1, 6)]
    check_envelopes(lab, user, pushes)


def test_lda(lab, user, phone, settings):
    """dovecot-lda delivers past the proxy: a SYNC of its mailbox."""
    lab.dovecot.lda(user, lab.compose(user))
    push = phone.next(15)
    assert (push.syncs, push.mails) == (["INBOX"], [])


def test_lda_with_the_module_alone(lab, user, phone):
    """With hook = dovecot a delivery by dovecot-lda has its ENVELOPE."""
    lab.use("dovecot")
    lab.dovecot.lda(user, lab.compose(user))
    pushes = [phone.next()]
    assert mails(pushes) == [("INBOX", 1)]
    check_envelopes(lab, user, pushes)


def test_past_the_proxy(lab, user, settings):
    """LMTP straight to Dovecot with hook = lmtp: a SYNC of its mailbox, after arrival_timeout."""
    settings(arrival_timeout="2s")
    phone = lab.phone(user)
    send_direct(lab, user)
    push = phone.next(15)
    assert (push.syncs, push.mails) == (["INBOX"], [])


def send_direct(lab, user):
    with smtplib.LMTP("127.0.0.1", lab.dovecot.lmtp_port) as lmtp:
        lmtp.sendmail("fred@example.org", [user], lab.compose(user))


def test_daemon_restarted_in_between(lab, user, phone, settings):
    """SIGTERM writes what waits for its arrival as a SYNC; it is sent after the start."""
    settings(arrival_timeout="1h")
    send_direct(lab, user)
    until(lambda: lab.mailbell.admin("status")["waiting_saved"] == 1, 10, "the saved event waits")
    lab.mailbell.restart_daemon()
    push = phone.next()
    assert (push.syncs, push.mails) == (["INBOX"], [])


def test_daemon_away_during_the_delivery(lab, user, phone):
    """The proxy keeps the arrival, the saved event is lost: a SYNC when the daemon is back."""
    lab.mailbell.daemon.stop()
    lab.deliver(user)
    lab.mailbell.start_daemon()
    push = phone.next(30)
    assert (push.syncs, push.mails) == ([None], [])


def test_imap_append_is_silent(lab, way, user, phone):
    """APPEND, COPY and doveadm do not ring: they are no deliveries."""
    with lab.imap(user) as imap:
        assert imap.command("APPEND INBOX ", Literal(lab.compose(user))).ok
        imap.select()
        assert imap.command("UID COPY 1 Trash").ok
    lab.deliver(user)
    assert mails(all_new(lab, phone)) == [("INBOX", 2)]
