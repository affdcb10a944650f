"""The storage module in a real Dovecot: what it tells of deliveries, and that it never hurts one."""

import pytest

from lab import imaplist
from lab.wait import until
from module_daemon import Daemon
from module_lab import ONE_PROCESS, STORAGE, MailServer, message, token

DOVECOT_HOOK = "hook = dovecot\nquiet_header = X-Spam-Flag: YES\n"
HEADER_TOO_BIG, TOO_LONG = 1, 3     # enum envelope_reason
BULK, QUIET = 1, 2                  # KIND_*


@pytest.fixture(scope="module", params=["maildir", "sdbox"])
def mail(request):
    with MailServer(STORAGE.format(driver=request.param) + ONE_PROCESS) as server:
        yield server


@pytest.fixture
def daemon(mail):
    mail.settings()
    scripted = Daemon(mail.run_dir)
    yield scripted
    scripted.stop()


def panics(mail):
    return [line for line in mail.log().splitlines()
            if "Panic" in line or "killed with signal" in line or "mailbell" in line.lower()
            and "Error" in line]


def test_inbox(mail, daemon):
    """One delivery is one saved and one end, before the reply, with the token of the reply."""
    user = mail.user()
    reply, = mail.deliver(user)
    (saved,), (end,) = daemon.delivery(user)
    assert saved.token == end.token == token(reply)
    assert (saved.service, saved.mailbox, end.n) == (b"lmtp", b"INBOX", 1)
    assert saved.uid == 1 and saved.uidvalidity > 0
    assert saved.queue_id == b"4jYSd65W3Gz1b" and saved.message_id == b"<B27397@blurdybloop.example>"
    assert not saved.seen and saved.special_use is None
    assert saved.reason is None and saved.envelope is None, "content without hook = dovecot"
    with mail.imap(user) as imap:
        assert imap.uids() == [1]
        assert b"UIDVALIDITY %d" % saved.uidvalidity in b" ".join(imap.select().untagged)
    hello = daemon.hellos("saved")[0]
    assert (hello.program, hello.lost, hello.hook) == (b"dovecot-lmtp", 0, None)
    assert hello.version == b"0.1" and hello.abi.startswith(b"2.")
    assert not panics(mail)


def test_frames_come_before_the_reply(mail, daemon):
    """When the 250 is read, saved and end lie in the daemon's socket already."""
    user = mail.user()
    mail.deliver(user)
    # The scripted daemon is another thread: all it may need is the time to read what is there.
    daemon.wait("END", user, timeout=1)


@pytest.mark.parametrize("script, boxes", [
    ('require ["fileinto", "mailbox"]; fileinto :create "Work/Ärger";', ["Work/Ärger"]),
    ('require ["fileinto", "mailbox", "copy"]; fileinto :copy :create "Work";', ["INBOX", "Work"]),
    ("discard;", []),
    ('require "reject"; reject "no";', []),
])
def test_sieve(mail, daemon, script, boxes):
    """The true folder in UTF-8; two copies are two saved; what is discarded is end with n = 0."""
    user = mail.user()
    mail.dovecot.sieve(user, script)
    mail.deliver(user)
    saved, (end,) = daemon.delivery(user)
    assert sorted(f.mailbox.decode() for f in saved) == boxes
    assert end.n == len(boxes)
    for f in saved:
        with mail.imap(user) as imap:
            assert imap.uids(f.mailbox.decode()) == [f.uid]
            status = imap.select(f.mailbox.decode())
            assert b"UIDVALIDITY %d]" % f.uidvalidity in b" ".join(status.untagged)


def test_flags_and_special_use(mail, daemon):
    """\\Seen by Sieve, and the SPECIAL-USE of the folder."""
    user = mail.user()
    mail.dovecot.sieve(user, 'require ["imap4flags", "fileinto"]; setflag "\\\\Seen"; fileinto "Junk";')
    mail.deliver(user)
    (saved,), _ = daemon.delivery(user)
    assert saved.seen == 1 and saved.special_use == b"\\Junk"


def test_recipients(mail, daemon):
    """Two recipients have a token each; the same one twice has one token and one end."""
    one, two = mail.user(), mail.user()
    replies = mail.deliver(one, two, two)
    assert daemon.delivery(one)[1][0].token == token(replies[0])
    saved, ends = daemon.delivery(two)
    assert len(saved) == len(ends) == 1
    assert saved[0].token == token(replies[1]) == token(replies[2]) != token(replies[0])
    # lmtp's own Received is on top, with the id of the transaction: it is not the queue id.
    assert {f.queue_id for f in daemon.all("SAVED")} == {b"4jYSd65W3Gz1b"}


def test_lda(mail, daemon):
    """dovecot-lda: the same, with its own service and token."""
    user = mail.user()
    mail.dovecot.lda(user, message())
    (saved,), (end,) = daemon.delivery(user)
    assert saved.service == b"lda" and saved.token == end.token and end.n == 1
    assert saved.queue_id == b"4jYSd65W3Gz1b"
    assert [h.program for h in daemon.hellos("saved")] == [b"dovecot-lda"]


def test_over_quota(mail, daemon):
    """A refused mail is end with n = 0, and nothing saved."""
    (code, _), = mail.deliver("full@lab.test")
    assert code == 552
    saved, (end,) = daemon.delivery("full@lab.test")
    assert not saved and end.n == 0


def test_not_a_delivery(mail, daemon):
    """APPEND and COPY, and doveadm, ring nobody."""
    user = mail.user()
    with mail.imap(user) as imap:
        tag = imap.start("APPEND INBOX {%d+}\r\n" % len(message()) + message().decode())
        assert imap.finish(tag).ok
        imap.select()
        assert imap.command("COPY 1 Trash").ok
    mail.deliver(mail.user())
    until(lambda: daemon.all("END"), what="the delivery behind it")
    assert not daemon.of("SAVED", user) and not daemon.of("END", user)


def test_content(mail, daemon):
    """hook = dovecot: the ENVELOPE that FETCH gives, and the kind."""
    mail.settings(DOVECOT_HOOK)
    user = mail.user()
    headers = "List-Id: <x.example>\r\nX-Spam-Flag: YES\r\n"
    mail.deliver(user, data=message(subject='Gr\u00fc\u00dfe, "quoted"', headers=headers))
    (saved,), _ = daemon.delivery(user)
    assert saved.reason == 0 and saved.kind == BULK | QUIET
    with mail.imap(user) as imap:
        assert imaplist.envelope(saved.envelope) == imap.envelope(1, "INBOX")
    assert daemon.hellos("saved")[-1].hook == b"dovecot"


@pytest.mark.parametrize("headers, reason", [
    pytest.param("X-Long: %s\r\n" % ("x" * 900 + "\r\n ") * 80, HEADER_TOO_BIG, id="header"),
    pytest.param("To: %s\r\n" % ",\r\n ".join(f"a{i}@example.org" for i in range(2500)), TOO_LONG,
                 id="ENVELOPE"),
])
def test_content_too_big(mail, daemon, headers, reason):
    """What is too big is named, never cut; the mail is delivered."""
    mail.settings(DOVECOT_HOOK)
    user = mail.user()
    (code, _), = mail.deliver(user, data=message(headers=headers))
    (saved,), _ = daemon.delivery(user)
    assert code == 250 and saved.envelope is None and saved.reason == reason
    assert saved.queue_id == b"4jYSd65W3Gz1b"


@pytest.mark.parametrize("headers", [
    pytest.param("", id="no subject"),
    pytest.param("Subject\r\n", id="no colon"),
    pytest.param("Message-ID: <\xff\xfe\x00\x80>\r\n", id="NUL and 8 bit"),
    pytest.param("Message-ID: <%s>\r\n" % ("x" * 3000), id="long id"),
])
def test_odd_headers(mail, daemon, headers):
    """Odd and hostile headers: delivered, told, and no panic."""
    mail.settings(DOVECOT_HOOK)
    user = mail.user()
    data = message(headers=headers).replace(b"Subject: afternoon meeting\r\n", b"")
    (code, _), = mail.deliver(user, data=data)
    saved, _ = daemon.delivery(user)
    assert code == 250 and len(saved) == 1
    assert not panics(mail)


def test_header_only(mail, daemon):
    """A message without the empty line that ends its header."""
    mail.settings(DOVECOT_HOOK)
    user = mail.user()
    mail.deliver(user, data=b"Subject: x\r\nMessage-ID: <a@b>\r\n")
    (saved,), _ = daemon.delivery(user)
    assert saved.reason == 0 and saved.message_id == b"<a@b>"


def test_a_new_daemon_is_found(mail, daemon):
    """A restarted daemon gets the next delivery, though the module had a connection to the old one."""
    mail.deliver(mail.user())
    daemon.stop()
    again = Daemon(mail.run_dir)
    try:
        user = mail.user()
        mail.deliver(user)
        saved, _ = again.delivery(user)
        assert len(saved) == 1
        assert [h.lost for h in again.hellos("saved")] == [0]
    finally:
        again.stop()


def test_no_daemon(mail, daemon):
    """Mail arrives; the loss is logged once, and counted in the next hello."""
    mail.deliver(mail.user())
    daemon.stop()
    before = mail.log().count("daemon cannot be told")
    for _ in range(3):
        (code, _), = mail.deliver(mail.user())
        assert code == 250
    again = Daemon(mail.run_dir)
    try:
        user = mail.user()
        mail.deliver(user)
        again.delivery(user)
        assert [h.lost for h in again.hellos("saved")] == [6], "saved and end of three"
        assert mail.log().count("daemon cannot be told") - before == 1
    finally:
        again.stop()


def test_a_daemon_that_does_not_read(mail):
    """A full socket delays no mail; its connection is given up, and what was lost is counted."""
    mail.settings(DOVECOT_HOOK)
    big = message(headers="To: %s\r\n" % ",\r\n ".join(f"a{i}@example.org" for i in range(900)))
    stopped = Daemon(mail.run_dir, accepting=False)
    try:
        for _ in range(12):
            assert mail.deliver(mail.user(), data=big)[0][0] == 250
        stopped.accept()
        user = mail.user()
        mail.deliver(user)
        stopped.delivery(user)
        told = len(stopped.all("SAVED")) + len(stopped.all("END"))
        lost = sum(h.lost for h in stopped.hellos("saved"))
        assert lost > 0 and told + lost == 2 * 13
    finally:
        stopped.stop()
    assert not panics(mail)
