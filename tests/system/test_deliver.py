"""The LMTP proxy between a real Postfix and a real Dovecot."""

import os
import re
import signal
import smtplib
import socket
import threading

import pytest

from lab.imapclient import Literal
from lab.process import process_state
from lab.wait import until

# What a relay could spoil: dots at line starts, 8 bit, long lines, bare spaces, an empty body line.
AWKWARD = ("From: Fred <fred@example.org>\r\nTo: someone@lab.test\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\nSubject: Gr\u00fc\u00dfe\r\n"
           "Message-ID: <awkward@example.org>\r\nX-Folded: one\r\n\ttwo\r\n\r\n"
           ".\r\n..\r\n.leading\r\n" + "x" * 900 + "\r\n \r\n\r\ntrailing \t\r\nend\r\n").encode()


@pytest.fixture(params=("lmtp", "lmtp-tcp"))
def socket_kind(lab, request):
    lab.use(request.param)
    return request.param


def body(lab, user, uid=1):
    """The message as IMAP gives it, without the trace lines on top."""
    with lab.imap(user) as imap:
        imap.select()
        line = imap.command(f"UID FETCH {uid} (BODY.PEEK[])").untagged[0]
    octets = re.match(rb".*?BODY\[\] \{\d+\}\r\n(.*)\)$", line, re.S)[1]
    return re.sub(rb"\A(?:(?:Return-Path|Delivered-To|Received):.*\r\n(?:[ \t].*\r\n)*)+", b"", octets)


def test_octets_are_relayed(lab, socket_kind, user, phone):
    """The message arrives octet for octet, with dots, 8 bit and long lines; and it rings."""
    lab.deliver(user, AWKWARD)
    assert body(lab, user) == AWKWARD
    assert phone.next().mails[0][:2] == ("INBOX", 1)


def test_reply_is_dovecots(lab, user):
    """Postfix logs Dovecot's own reply, token and all, and the proxy's socket as the relay."""
    outcome = lab.postfix.outcomes(lab.deliver(user))[0]
    assert re.fullmatch(rf"250 2\.0\.0 <{user}> \S+ Saved", outcome.text)
    assert lab.proxy_socket in outcome.relay


def test_big_message(lab, user, phone):
    """Five megabytes go through, and ring once."""
    text = ("x" * 76 + "\n") * 65000
    lab.deliver(user, text=text)
    assert len(body(lab, user)) > 5000000
    assert phone.next().mails


def lmtp(lab, unix=False):
    """An LMTP session with the proxy."""
    if unix:
        return smtplib.LMTP(lab.proxy_socket)
    return smtplib.LMTP("127.0.0.1", lab.proxy_port, timeout=30)


@pytest.mark.parametrize("unix", (False, True))
def test_offer(lab, unix):
    """LHLO offers what Dovecot offers and the proxy can relay, nothing else."""
    with lmtp(lab, unix) as proxy:
        proxy.ehlo("client.example")
        assert set(proxy.esmtp_features) == {"pipelining", "8bitmime", "enhancedstatuscodes"}


@pytest.mark.parametrize("command", ["STARTTLS", "BDAT 3 LAST", "XCLIENT ADDR=1.2.3.4", "HELP",
                                     "XFORWARD NAME=x"])
def test_not_relayed(lab, command):
    """Commands that would put the proxy out of step get its own 502."""
    with lmtp(lab) as proxy:
        proxy.ehlo("client.example")
        assert proxy.docmd(command)[0] == 502
        assert proxy.docmd("NOOP")[0] == 250


def test_transactions_and_rset(lab, user, phone):
    """MAIL, RCPT, RSET, and two whole transactions on one connection."""
    with lmtp(lab) as proxy:
        proxy.ehlo("client.example")
        proxy.mail("fred@example.org")
        proxy.rcpt(user)
        assert proxy.docmd("RSET")[0] == 250
        for number in range(2):
            proxy.mail("fred@example.org")
            assert proxy.rcpt(user)[0] == 250
            assert proxy.data(lab.compose(user, subject=f"number {number}"))[0] == 250
    assert [mail[1] for push in phone.until_mails(2) for mail in push.mails] == [1, 2]


def test_pipelined_in_one_segment(lab, user, phone):
    """A whole session in one write, QUIT behind the dot: every reply in its order."""
    with socket.create_connection(("127.0.0.1", lab.proxy_port), 30) as proxy:
        proxy.sendall(b"LHLO client.example\r\nMAIL FROM:<fred@example.org>\r\nRCPT TO:<nobody@lab.test>\r\n"
                      + f"RCPT TO:<{user}>\r\nRCPT TO:<{user}>\r\nDATA\r\n".encode()
                      + lab.compose(user) + b".\r\nQUIT\r\n")
        text = b"".join(iter(lambda: proxy.recv(65536), b"")).decode()
    codes = re.findall(r"^(\d{3}) ", text, re.M)
    assert codes == ["220", "250", "250", "550", "250", "250", "354", "250", "250", "221"]
    tokens = re.findall(r"> (\S+) Saved", text)
    assert len(tokens) == 2 and tokens[0] == tokens[1]
    assert [push.mails[0][1] for push in [phone.next()]] == [1]


@pytest.mark.parametrize("ending", [b"\n.\n", b"\n.\r\n", b"\r\n.\n"])
def test_ambiguous_end_of_data(lab, user, phone, ending):
    """A dot line touched by a bare LF: 451, the connection is closed, nothing is delivered."""
    with socket.create_connection(("127.0.0.1", lab.proxy_port), 30) as proxy:
        proxy.sendall(b"LHLO client.example\r\nMAIL FROM:<a@example.org>\r\n"
                      + f"RCPT TO:<{user}>\r\nDATA\r\n".encode()
                      + b"Subject: smuggled\r\n\r\nfirst" + ending
                      + b"MAIL FROM:<b@example.org>\r\n"
                      + f"RCPT TO:<{user}>\r\nDATA\r\nSubject: two\r\n\r\n.\r\n".encode())
        text = b"".join(iter(lambda: proxy.recv(65536), b"")).decode()
    assert re.findall(r"^(\d{3}) ", text, re.M)[-1] == "451"
    with lab.imap(user) as imap:
        assert imap.uids() == []
    lab.deliver(user)
    assert phone.next().mails[0][1] == 1


def test_front_vanishes(lab, user, phone):
    """A client that goes away inside DATA cancels: nothing is delivered, nothing rings."""
    with socket.create_connection(("127.0.0.1", lab.proxy_port), 30) as proxy:
        proxy.sendall(b"LHLO client.example\r\nMAIL FROM:<a@example.org>\r\n"
                      + f"RCPT TO:<{user}>\r\nDATA\r\nSubject: half\r\n\r\nhal".encode())
        until(lambda: b"354" in proxy.recv(65536), 10, "DATA was taken")
    lab.deliver(user)
    assert phone.next().mails[0][1] == 1
    with lab.imap(user) as imap:
        assert imap.uids() == [1]


def test_backend_away(lab, user, phone):
    """Dovecot's LMTP gone: Postfix defers, and delivers when it is back; then it rings."""
    os.rename(lab.dovecot.socket, lab.dovecot.socket + ".away")
    try:
        queue_id = lab.send(user)
        assert lab.postfix.deferred(queue_id, 60).dsn.startswith("4.")
    finally:
        os.rename(lab.dovecot.socket + ".away", lab.dovecot.socket)
    until_sent(lab, queue_id)
    assert phone.next().mails[0][:2] == ("INBOX", 1)


def until_sent(lab, queue_id):
    """Has Postfix try again until the message is delivered."""
    def tried():
        lab.postfix.flush()
        return any(one.status == "sent" for one in lab.postfix.outcomes(queue_id))
    until(tried, 30, f"{queue_id} was delivered after all")


def test_daemon_dead(lab, user, phone):
    """Without a daemon mail flows as ever; the arrival is held and rings later."""
    lab.mailbell.daemon.kill()
    lab.deliver(user)
    lab.mailbell.start_daemon()
    push = phone.next(30)
    assert push.syncs or push.mails


def test_daemon_stopped(lab, user, phone):
    """A daemon that does not answer does not delay mail."""
    lab.mailbell.daemon.pause()
    try:
        lab.deliver(user)
    finally:
        lab.mailbell.daemon.resume()
    assert phone.next().mails[0][:2] == ("INBOX", 1)


class Stream:
    """Messages one after the other from a thread, until the block ends."""

    def __init__(self, lab, user):
        self.lab, self.user, self.ids = lab, user, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            self.ids.append(self.lab.send(self.user))

    def __enter__(self):
        self.thread.start()
        until(lambda: len(self.ids) > 3, 20, "mail flows")
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def more(self, count=10):
        """Waits for so many messages from now on."""
        goal = len(self.ids) + count
        until(lambda: len(self.ids) >= goal, 30, "mail goes on")


def statuses(lab, ids):
    return {one.status for queue_id in ids for one in lab.postfix.done(queue_id, 60)}


@pytest.mark.parametrize("kind", ("lmtp", "lmtp-tcp"))
def test_restart_in_place(lab, user, kind):
    """SIGHUP under load: the parent stays, its workers are new, Postfix sees nothing of it."""
    lab.use(kind)
    until(lambda: len(lab.mailbell.workers()) == 2, 60, "workers of before, with open sessions, have ended")
    parent = lab.mailbell.proxy.pid
    with Stream(lab, user) as stream:
        for _ in range(3):
            lab.mailbell.reload_proxy()
            stream.more()
    assert lab.mailbell.proxy.pid == parent and lab.mailbell.proxy.running
    assert statuses(lab, stream.ids) == {"sent"}


def test_bad_configuration_at_sighup(lab, user, phone):
    """A restart with a configuration that is no good is refused: the old one goes on."""
    workers = lab.mailbell.workers()
    good = lab.mailbell.config + ".good"
    os.rename(lab.mailbell.config, good)
    with open(lab.mailbell.config, "w", encoding="ascii") as out:
        out.write("no_such_key = 1\n")
    try:
        lab.mailbell.proxy.signal(signal.SIGHUP)
        until(lambda: "no_such_key" in lab.mailbell.proxy.tail(50), 10, "the fault is logged")
        lab.deliver(user)
    finally:
        os.rename(good, lab.mailbell.config)
    assert phone.next().mails
    assert set(workers) & set(lab.mailbell.workers())


def test_worker_dies(lab, user, settings):
    """kill -9 of a worker: another takes its place, and no connection is refused."""
    settings(arrival_timeout="5s")
    before = os.path.getsize(lab.postfix.log)
    with Stream(lab, user) as stream:
        for _ in range(2):
            victim = lab.mailbell.workers()[0]
            os.kill(victim, signal.SIGKILL)
            until(lambda: process_state(victim) in (None, "Z"), 5, "it is dead")
            until(lambda: len(lab.mailbell.workers()) == 2, 10, "there are two workers again")
            stream.more()
    for queue_id in stream.ids:
        until_sent(lab, queue_id)
    with open(lab.postfix.log, "rb") as log:
        log.seek(before)
        assert b"Connection refused" not in log.read()
    lab.decided()


def test_sigterm(lab):
    """SIGTERM ends the proxy and all its workers cleanly."""
    workers = lab.mailbell.workers()
    assert lab.mailbell.proxy.stop() == 0
    assert all(process_state(pid) is None for pid in workers)


def test_same_mail_without_the_proxy(lab, user, settings):
    """What IMAP shows of a message is the same with and without the proxy in the way."""
    settings(arrival_timeout="2s")
    lab.deliver(user, AWKWARD)
    lab.postfix.transport(lab.transports["dovecot"])
    try:
        lab.deliver(user, AWKWARD)
    finally:
        lab.postfix.transport(lab.transports["lmtp"])
    assert body(lab, user, 1) == body(lab, user, 2) == AWKWARD
    lab.decided()


def test_append_is_a_literal(lab, user):
    """The oracle of these tests: what is appended comes back from body() as it was."""
    with lab.imap(user) as imap:
        assert imap.command("APPEND INBOX ", Literal(AWKWARD)).ok
    assert body(lab, user) == AWKWARD
