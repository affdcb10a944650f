"""hook = milter: the milter beside a real Postfix, and the deliveries of a real Dovecot."""

import contextlib
import os
import signal
import smtplib
import socket
import struct
import subprocess
import threading
import time

import pytest

from lab.imapclient import Literal
from lab.postfix import send_in
from lab.process import children, free_ports, process_state
from lab.wait import until

CANARY = "canary-unjoined-5e1d"


@pytest.fixture
def way():
    """Mail is shown to the milter, and goes straight to Dovecot."""
    return "milter"


@pytest.fixture(autouse=True)
def whole(lab, way):
    """Whatever a test stopped runs again behind it."""
    yield
    if not lab.mailbell.daemon.running:
        lab.mailbell.start_daemon()
    lab.mailbell.start_milter()


@pytest.fixture
def postfix(lab):
    """postfix(setting=value, ...) for one test."""
    before = {}

    def configure(**settings):
        for name in settings:
            before.setdefault(name, lab.postfix.command("postconf", "-h", name).stdout.strip())
        lab.postfix.configure(**settings)
    yield configure
    if before:
        lab.postfix.configure(**before)


def held(lab):
    return lab.mailbell.admin("status")["held_arrivals"]


def mails(push):
    return [mail[:2] for mail in push.mails]


def check_envelope(lab, user, push):
    """A push with one message, whose ENVELOPE is what FETCH gives."""
    (mailbox, uid, envelope), = push.mails
    with lab.imap(user) as imap:
        assert envelope == imap.envelope(uid, mailbox)
    return envelope


@contextlib.contextmanager
def no_backend(lab):
    """Dovecot's LMTP is away: Postfix defers."""
    os.rename(lab.dovecot.socket, lab.dovecot.socket + ".away")
    try:
        yield
    finally:
        os.rename(lab.dovecot.socket + ".away", lab.dovecot.socket)


def deferred(lab, to, **compose):
    """A message that Postfix could not deliver yet: its queue id."""
    queue_id = lab.send(to, **compose)
    assert lab.postfix.deferred(queue_id, 60).dsn.startswith("4.")
    return queue_id


def until_sent(lab, queue_id):
    """Has Postfix try again until the message is delivered."""
    def tried():
        lab.postfix.flush()
        return any(one.status == "sent" for one in lab.postfix.outcomes(queue_id))
    until(tried, 30, f"{queue_id} was delivered after all")


# Whose mail it is, and where it lies.

def test_one_message(lab, user, phone):
    """The push has folder, UID and ENVELOPE, within a second or so."""
    lab.deliver(user, subject="afternoon meeting")
    assert check_envelope(lab, user, phone.next(5))[1] == b"afternoon meeting"


def test_alias_and_detail(lab):
    """An alias with two users, one with a Sieve folder, and a +detail: each by its own folder and UID."""
    users = [lab.user() for _ in range(2)]
    phones = [lab.phone(user) for user in users]
    lab.dovecot.sieve(users[1], 'require ["fileinto","mailbox"]; fileinto :create "Work";')
    lab.deliver("pair.{}.{}@lab.test".format(*(user.split("@")[0] for user in users)))
    for user, phone, folder in zip(users, phones, ("INBOX", "Work")):
        push = phone.next()
        assert mails(push) == [(folder, 1)]
        check_envelope(lab, user, push)
    lab.deliver(users[0].replace("@", "+lists@"))
    assert mails(phones[0].next()) == [("INBOX", 2)]


def test_two_recipients(lab):
    """One message, two recipients, two mailboxes with other UIDs."""
    users = [lab.user() for _ in range(2)]
    phones = [lab.phone(user) for user in users]
    lab.deliver(users[1], subject="earlier")
    phones[1].next()
    lab.deliver(users)
    for user, phone, uid in zip(users, phones, (1, 2)):
        push = phone.next()
        assert mails(push) == [("INBOX", uid)]
        check_envelope(lab, user, push)


def test_several_in_one_session(lab, user, phone):
    """Messages on one SMTP connection with RSETs and given up ones between: no mix-up."""
    with smtplib.SMTP("127.0.0.1", lab.postfix.port, timeout=30) as smtp:
        smtp.ehlo()
        ids = []
        for number in range(5):
            smtp.mail("fred@example.org")
            smtp.rcpt("frank@lab.test")
            smtp.rset()
            ids.append(send_in(smtp, user, lab.compose(user, subject=f"number {number}")))
    for queue_id in ids:
        lab.postfix.done(queue_id)
    with lab.imap(user) as imap:
        for push in phone.until_mails(5):
            for mailbox, uid, envelope in push.mails:
                assert envelope == imap.envelope(uid, mailbox)


def test_sendmail(lab, user, phone):
    """Bare sendmail: Postfix adds Date, From and Message-ID before it shows the message."""
    subprocess.run(["sendmail", "-C", lab.postfix.config, "-f", "fred@example.org", user],
                   input=b"Subject: from the shell\n\nhi\n", check=True, timeout=30)
    assert check_envelope(lab, user, phone.next(30))[1] == b"from the shell"


ODD = ("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n  folded\r\n\tagain\r\nFrom: Fred\r\n <fred@example.org>\r\n"
       "To: \"a, b\" <a@example.org>,\r\n\tgroup: c@example.org;\r\nMessage-ID:\r\n <odd@example.org>\r\n\r\nx\r\n")


def test_odd_header(lab, user, phone):
    """Folds, groups, encoded words, a Message-ID on a line of its own."""
    lab.deliver(user, ODD.encode())
    check_envelope(lab, user, phone.next())


# What rings nobody, and what rings without an ENVELOPE.

class RefusingMilter:
    """A milter that refuses every message at its end."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "inet:127.0.0.1:{}".format(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listener.accept()[0],),
                                 daemon=True).start()

    @staticmethod
    def _serve(sock):
        stream = sock.makefile("rwb")
        while head := stream.read(5):
            size, command = struct.unpack(">Ic", head)
            body = stream.read(size - 1)
            if command == b"O":
                reply = struct.pack(">cIII", b"O", struct.unpack_from(">I", body)[0], 0, 0)
            elif command in b"DAQK":
                continue
            else:
                reply = b"r" if command == b"E" else b"c"
            stream.write(struct.pack(">I", len(reply)) + reply)
            stream.flush()

    def close(self):
        self.listener.close()


def test_refused_by_a_later_milter(lab, user, phone, postfix):
    """A message that another milter refuses behind ours rings nobody."""
    refusing = RefusingMilter()
    postfix(smtpd_milters=f"{lab.milters()}, {refusing.address}")
    before = held(lab)
    with pytest.raises(AssertionError, match="5.7.1"):
        lab.send(user, subject="refused")
    postfix(smtpd_milters=lab.milters())
    refusing.close()
    lab.deliver(user, subject="taken")
    assert check_envelope(lab, user, phone.next())[1] == b"taken"
    assert held(lab) == before + 2
    assert phone.new() == []


def test_full_mailbox(lab, user, phone):
    """A mailbox over its quota refuses: only the other recipient's phone rings."""
    full = lab.phone("full")
    queue_id = lab.send(["full@lab.test", user])
    assert {one.to: one.status for one in lab.postfix.done(queue_id)} == {
        "full@lab.test": "bounced", user: "sent"}
    check_envelope(lab, user, phone.next())
    lab.decided()
    assert full.new() == []


def test_discarded(lab, user):
    """Sieve discards one message and keeps the next: one push."""
    lab.dovecot.sieve(user, 'if header "Subject" "away" { discard; }')
    phone = lab.phone(user)
    lab.deliver(user, subject="away")
    lab.deliver(user, subject="kept")
    assert check_envelope(lab, user, phone.next())[1] == b"kept"


def test_deferred_within_milter_wait(lab, user, phone):
    """The push follows the delivery, with the ENVELOPE."""
    with no_backend(lab):
        queue_id = deferred(lab, user, subject="late")
        assert phone.new() == []
    until_sent(lab, queue_id)
    assert check_envelope(lab, user, phone.next())[1] == b"late"


def test_deferred_beyond_milter_wait(lab, user, phone, settings):
    """Delivered when the content was given up: the SYNC of its mailbox.  (Takes a minute.)"""
    settings(milter_wait="1m")
    with no_backend(lab):
        queue_id = deferred(lab, user)
        assert held(lab) > 0
        until(lambda: held(lab) == 0, 90, "milter_wait is over")
    until_sent(lab, queue_id)
    push = phone.next(30)
    assert (push.syncs, push.mails) == (["INBOX"], [])


def test_daemon_restarted_before_the_delivery(lab, user, phone):
    """What is held is in memory alone: the delivery behind a restart is a SYNC."""
    with no_backend(lab):
        queue_id = deferred(lab, user)
        lab.mailbell.restart_daemon()
        assert held(lab) == 0
    until_sent(lab, queue_id)
    push = phone.next(30)
    assert (push.syncs, push.mails) == (["INBOX"], [])


def test_no_message_id(lab, user, phone, postfix):
    """Mail without a Message-ID: the SYNC of its mailbox, at once."""
    postfix(local_header_rewrite_clients="")
    lab.deliver(user, b"From: fred@example.org\r\nSubject: anonymous\r\n\r\nhi\r\n")
    push = phone.next(5)
    assert (push.syncs, push.mails) == (["INBOX"], [])


def test_past_the_milter(lab, user, phone):
    """Mail that no milter was shown: the SYNC of its mailbox, after 5 s."""
    with smtplib.LMTP("127.0.0.1", lab.dovecot.lmtp_port) as lmtp:
        lmtp.sendmail("fred@example.org", [user], lab.compose(user))
    push = phone.next(20)
    assert (push.syncs, push.mails) == (["INBOX"], [])


def test_quiet_header(lab, user, phone, settings):
    """quiet_header is the milter's to see: such mail rings nobody."""
    settings(quiet_header="X-Spam-Flag: YES")
    lab.deliver(user, subject="spam", headers="X-Spam-Flag: YES\n")
    lab.deliver(user, subject="ham")
    assert check_envelope(lab, user, phone.next())[1] == b"ham"
    lab.decided()
    assert phone.new() == []


def test_bulk(lab, user, phone):
    """Mail of a list has normal urgency, other mail a high one."""
    lab.deliver(user, headers="List-Id: <l.example.org>\n")
    assert phone.next().urgency == "normal"
    lab.deliver(user)
    assert phone.next().urgency == "high"


# A content filter that gives mail back.

@pytest.fixture
def reinjection(lab):
    """reinjection(milters) makes a listener behind a content filter; the filter is Postfix itself."""
    config = f"{lab.postfix.config}/master.cf"
    with open(config, encoding="ascii") as text:
        before = text.read()
    port, = free_ports(1)

    def make(milters):
        with open(config, "w", encoding="ascii") as out:
            out.write(before + f"127.0.0.1:{port} inet n - n - - smtpd\n"
                      f"    -o content_filter= -o {{smtpd_milters={milters}}}\n")
        lab.postfix.configure(content_filter=f"smtp:[127.0.0.1]:{port}")
        until(lambda: connects(port), 20, "the listener is there")
    yield make
    with open(config, "w", encoding="ascii") as out:
        out.write(before)
    lab.postfix.configure(content_filter="")


def connects(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5):
            return True
    except OSError:
        return False


def test_content_filter(lab, user, phone, reinjection):
    """Given back under a new queue id, past the milter: a SYNC."""
    reinjection("")
    lab.deliver(user)
    push = phone.next(20)
    assert (push.syncs, push.mails) == (["INBOX"], [])


def test_content_filter_with_the_milter_behind(lab, user, phone, reinjection):
    """Given back to a listener that has the milter, too: the ENVELOPE, and one push."""
    reinjection(lab.milters())
    lab.deliver(user)
    check_envelope(lab, user, phone.next())
    lab.decided()
    assert phone.new() == []


# Forgeries.

VICTIM = "From: Boss <boss@example.org>\r\nSubject: secret raise\r\nMessage-ID: <{0}@example.org>\r\n\r\nx\r\n"
FORGED = "From: m@example.org\r\nSubject: mine\r\nMessage-ID: <{0}@example.org>\r\n\r\nx\r\n"


def test_forged_message_id(lab, user, phone):
    """Another's Message-ID in one's own mail, while the other's waits for its delivery, before and
    behind it: each gets his own ENVELOPE."""
    mallory = lab.user()
    device = lab.phone(mallory)
    with no_backend(lab):
        ids = []
        for to, who in ((mallory, "a"), (user, "a"), (user, "b"), (mallory, "b")):
            text = (FORGED if to == mallory else VICTIM).format(who)
            ids.append(lab.send(to, text.encode()))
        for queue_id in ids:
            lab.postfix.deferred(queue_id, 60)
    for queue_id in ids:
        until_sent(lab, queue_id)
    for owner, one, subject in ((user, phone, b"secret raise"), (mallory, device, b"mine")):
        pushes = one.until_mails(2)
        assert {mail[2][1] for push in pushes for mail in push.mails} == {subject}, owner


def test_forged_queue_id(lab, user, phone):
    """Another's queue id on top of what one delivers to oneself, past Postfix: a SYNC, no ENVELOPE."""
    mallory = lab.user()
    device = lab.phone(mallory)
    queue_id = lab.deliver(user, VICTIM.format("c").encode())
    assert phone.next().mails
    forged = ("Received: from x (x [192.0.2.1])\r\n\tby mx.lab.test (Postfix) with ESMTP id "
              f"{queue_id}\r\n\tfor <{mallory}>; Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\n"
              + FORGED.format("d")).encode()
    lab.dovecot.lda(mallory, forged)
    with smtplib.LMTP("127.0.0.1", lab.dovecot.lmtp_port) as lmtp:
        lmtp.sendmail("m@example.org", [mallory], forged)
    lab.decided(20)
    got = [device.next(20)]
    got += device.new()
    assert [mail for push in got for mail in push.mails] == []
    assert {mailbox for push in got for mailbox in push.syncs} == {"INBOX"}


def test_forged_trace_through_postfix(lab, user, phone):
    """A Received field of one's own, or a HELO that looks like one, is not taken for Postfix's."""
    mallory = lab.user()
    device = lab.phone(mallory)
    queue_id = lab.deliver(user, VICTIM.format("e").encode())
    assert phone.next().mails
    forged = f"Received: by mx.lab.test (Postfix) id {queue_id}; x\r\n" + FORGED.format("e")
    lab.deliver(mallory, forged.encode())
    assert check_envelope(lab, mallory, device.next())[1] == b"mine"
    with smtplib.SMTP("127.0.0.1", lab.postfix.port, f"x id {queue_id} by y", timeout=30) as smtp:
        smtp.docmd("HELO", f"x id {queue_id} by y")
        try:
            own = send_in(smtp, mallory, FORGED.format("e").encode())
        except AssertionError:
            return      # Postfix refuses such a HELO
    lab.postfix.done(own)
    push = device.next(20)
    assert [mail[2][1] for mail in push.mails] in ([b"mine"], [])


# Mail first.

def workers(lab):
    return children(lab.mailbell.milter.pid)


def timely(lab, to, limit, **compose):
    start = time.monotonic()
    queue_id = lab.deliver(to, **compose)
    assert time.monotonic() - start < limit
    return queue_id


def test_milter_dead(lab, user, phone):
    """Without the milter mail passes at once; the push says where to look."""
    lab.mailbell.milter.kill()
    timely(lab, user, 5)
    push = phone.next(20)
    assert (push.syncs, push.mails) == (["INBOX"], [])


@contextlib.contextmanager
def stopped(*pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
        until(lambda: process_state(pid) == "T", 5, "it has stopped")
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_milter_stopped(lab, user, phone):
    """A stopped milter delays mail by its time-outs, no more."""
    with stopped(lab.mailbell.milter.pid, *workers(lab)):
        timely(lab, user, 15)
    push = phone.next(20)
    assert (push.syncs, push.mails) == (["INBOX"], [])


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_milter_killed_within_a_message(lab, user, phone, step):
    """kill -9 of the worker in every state of a message: it passes, another worker follows."""
    with smtplib.SMTP("127.0.0.1", lab.postfix.port, timeout=30) as smtp:
        smtp.ehlo()
        assert smtp.mail("fred@example.org")[0] == 250
        kill_worker(lab, step == "mail")
        assert smtp.rcpt(user)[0] == 250
        kill_worker(lab, step == "rcpt")
        if step == "data":
            assert smtp.docmd("DATA")[0] == 354
            kill_worker(lab, True)
            smtp.send(lab.compose(user) + b".\r\n")
            code, reply = smtp.getreply()
        else:
            code, reply = smtp.data(lab.compose(user))
        assert code == 250, reply
    push = phone.next(30)
    assert (push.syncs, push.mails) == (["INBOX"], [])
    until(lambda: workers(lab), 10, "there is a worker again")
    lab.deliver(user)
    assert phone.next(20).mails


def kill_worker(lab, now):
    if now:
        pid, = workers(lab)
        os.kill(pid, signal.SIGKILL)
        until(lambda: process_state(pid) in (None, "Z"), 5, "it is dead")


def test_daemon_stopped(lab, user, phone):
    """A daemon that does not answer delays nothing, and gets everything afterwards."""
    lab.mailbell.daemon.pause()
    try:
        for _ in range(3):
            timely(lab, user, 5)
    finally:
        lab.mailbell.daemon.resume()
    pushes = phone.until_mails(3)
    assert sorted(mail[1] for push in pushes for mail in push.mails) == [1, 2, 3]


def test_daemon_dead(lab, user, phone):
    """Without a daemon mail passes and rings nobody; the next message behind its start rings."""
    lab.mailbell.daemon.kill()
    timely(lab, user, 5)
    lab.mailbell.start_daemon()
    time_of_retry = time.monotonic() + 1.1      # the milter tries once a second to connect
    until(lambda: time.monotonic() > time_of_retry, 5, "a second has passed")
    lab.deliver(user, subject="second")
    assert check_envelope(lab, user, phone.next(20))[1] == b"second"


# Both hooks.

@pytest.mark.parametrize("named", ["lmtp", "milter"])
def test_both_hooks(lab, user, phone, postfix, named):
    """Proxy and milter in the way of the same mail: one push a message, and one warning."""
    lab.use("lmtp")
    lab.configure(hook=named)
    lab.mailbell.start_milter()
    postfix(smtpd_milters=lab.milters())
    before = lab.mailbell.admin("status")["wrong_hook"]
    for number in range(3):
        lab.deliver(user, subject=f"number {number}")
    pushes = phone.until_mails(3)
    assert sorted(mail[1] for push in pushes for mail in push.mails) == [1, 2, 3]
    lab.decided()
    assert phone.new() == []
    until(lambda: lab.mailbell.admin("status")["wrong_hook"] > before, 10, "the other hook is counted")
    wrong = {"lmtp": "mailbell-milter", "milter": "mailbell-lmtp"}[named]
    with open(lab.mailbell.daemon.log, encoding="utf-8") as log:
        text = log.read()
    assert text.count("mailbell.conf names another hook") <= 1 + text.count("is ready")
    assert wrong in text or "names another hook" in text


# Memory, and nothing but memory.

def files(*folders):
    for folder in folders:
        for path, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError), open(f"{path}/{name}", "rb") as found:
                    yield f"{path}/{name}", found.read()


def test_unjoined_arrivals_never_touch_the_disk(lab, user, phone):
    """Refused and deferred mail: nothing of it is in any file of state_dir, nor in a log of ours."""
    with no_backend(lab):
        before = held(lab)
        queue_id = deferred(lab, user, subject=f"{CANARY} subject", sender=f"{CANARY}@example.org")
        assert held(lab) == before + 1
        lab.phone(lab.user())       # makes the store write
        # Opened beside the running daemon's: what is not a file that can be read is a socket.
        found = [path for path, octets in files(lab.mailbell.state_dir, lab.mailbell.run_dir)
                 if CANARY.encode() in octets]
        assert found == []
        for path in lab.mailbell.logs:
            with open(path, "rb") as log:
                assert CANARY.encode() not in log.read()
    until_sent(lab, queue_id)
    assert CANARY.encode() in check_envelope(lab, user, phone.next())[1]


class Hook:
    """A scripted peer of the daemon's sockets: the octets of frames, as lib/wire.h has them."""

    def __init__(self, path, frame, hook):
        self.frame = frame
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.send("HELLO", PROGRAM="test", VERSION="0", **({"HOOK": hook} if hook else {}), LOST=0)

    def send(self, kind, **fields):
        self.sock.sendall(self.frame(kind, **fields))


def resident_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) // 1024


def test_hundred_thousand_arrivals(lab, user, phone, frames):
    """Of 100,000 arrivals the newest that fit into 64 MiB are all there, and memory is bounded."""
    count, user_name = 100000, lab.user()
    lab.mailbell.restart_daemon()
    envelope = ('(NIL "%s" (("Fred" NIL "fred" "example.org")) NIL NIL NIL NIL NIL NIL "<%06d@x>")')
    hook = Hook(f"{lab.mailbell.run_dir}/arrival", frames, "milter")
    reader = threading.Thread(target=drain, args=(hook.sock,), daemon=True)
    reader.start()
    for number in range(count):
        hook.send("ARRIVAL", SEQ=number, TIME=1, QUEUE_ID=f"Q{number:06}",
                  MESSAGE_ID=f"<{number:06}@x>", ENVELOPE=envelope % ("x" * 600, number), REASON=0,
                  KIND=0)
    until(lambda: lab.mailbell.admin("status")["arrivals"] == count, 60, "all are taken in")
    kept = held(lab)
    assert 50000 < kept < count
    assert resident_mib(lab.mailbell.daemon.pid) < 200
    saved = Hook(f"{lab.mailbell.run_dir}/saved", frames, None)

    def tell(number, to):
        saved.send("SAVED", TIME=1, TOKEN=f"T{number}", SERVICE="lmtp", USER=to, MAILBOX="INBOX",
                   UIDVALIDITY=1, UID=number + 1, QUEUE_ID=f"Q{number:06}",
                   MESSAGE_ID=f"<{number:06}@x>")
    before = lab.mailbell.admin("status")["joined"]
    for number in range(count - kept, count):
        tell(number, user_name)
        if number % 10000 == 0:     # the daemon decides as it reads; what waits is bounded
            until(lambda: lab.mailbell.admin("status")["waiting_saved"] == 0, 30, "decided")
    until(lambda: lab.mailbell.admin("status")["joined"] == before + kept, 60, "all have met")
    tell(count - 1, user)
    assert phone.next().mails[0][2][1] == b"x" * 600
    tell(count - kept - 1, user)
    push = phone.next(20)
    assert (push.syncs, push.mails) == (["INBOX"], [])


def drain(sock):
    with contextlib.suppress(OSError):
        while sock.recv(65536):
            pass


@pytest.fixture(scope="module")
def frames():
    """The codec of the component tests: frame(kind, FIELD=value, ...) gives octets."""
    import sys
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "component"))
    from module_daemon import frame
    return frame


def test_append_is_silent(lab, user, phone):
    """APPEND of a message that the milter knows is no delivery."""
    with lab.imap(user) as imap:
        assert imap.command("APPEND INBOX ", Literal(lab.compose(user))).ok
    lab.deliver(user)
    assert mails(phone.next()) == [("INBOX", 2)]
