"""The life of a subscription as the slides of the draft tell it, with their own keys."""

from lab.device import FIXED

SCRIPT = 'require ["fileinto", "mailbox"];\nfileinto :create "New Messages";\n'
SLIDE = (b"From: Fred Foobar <foobar@Blurdybloop.example>\r\n"
         b"Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\nSubject: afternoon meeting\r\n"
         b"To: mooch@owatagu.siam.edu.example\r\nMessage-ID: <B27397-0100000@Blurdybloop.example>\r\n"
         b"\r\nHello Joe, do you think we can meet at 3:30 tomorrow?\r\n")
ENVELOPE = (b'("Mon, 7 Feb 1994 21:52:25 -0800 (PST)" "afternoon meeting" '
            b'(("Fred Foobar" NIL "foobar" "Blurdybloop.example")) '
            b'(("Fred Foobar" NIL "foobar" "Blurdybloop.example")) '
            b'(("Fred Foobar" NIL "foobar" "Blurdybloop.example")) '
            b'((NIL NIL "mooch" "owatagu.siam.edu.example")) '
            b'NIL NIL NIL "<B27397-0100000@Blurdybloop.example>")')


def test_life_of_a_subscription(lab, way, user):
    """GETVAPID, WEBPUSH, verification, ACKWEBPUSH, a message, LWEBPUSH, deletion."""
    lab.dovecot.sieve(user, SCRIPT)
    device = lab.device(**FIXED)
    with lab.imap(user) as imap:
        assert "WEBPUSH" in imap.capabilities()
        reply = imap.command("GETVAPID")
        assert reply.ok and len(reply.untagged) == 1
        key = reply.lines("VAPID")[0].split()[2]
        assert len(key) == 87 and key.startswith("B")

        reply = device.webpush(imap)
        assert reply.ok
        assert reply.untagged == [f"* VAPID {key}".encode(), line(device, "NIL")]

        push = device.next()
        assert push.text == f"* ACKWEBPUSH {push.token}\r\n".encode()
        assert (push.ttl, push.urgency) == (3600, "high") and push.topic
        reply = imap.command(f"ACKWEBPUSH {push.token}")
        assert reply.ok and reply.untagged == [line(device, "0")]

    lab.deliver(user, SLIDE)
    push = device.next()
    assert push.text == (b'* SELECT "New Messages"\r\n* 1 UIDFETCH (ENVELOPE ' + ENVELOPE + b")\r\n")
    assert (push.ttl, push.urgency, push.topic) == (7 * 86400, "high", None)

    with lab.imap(user) as imap:
        assert push.mails == [("New Messages", 1, imap.envelope(1, "New Messages"))]
        reply = imap.command("LWEBPUSH *")
        assert reply.ok and reply.untagged == [line(device, "0")]
        reply = imap.command(f"WEBPUSH {device.id} NIL")
        assert reply.ok and reply.untagged == []
        reply = imap.command("LWEBPUSH *")
        assert reply.ok and reply.untagged == []


def line(device, third):
    return f"* WEBPUSH {device.id} {device.endpoint} {third}".encode()


def test_no_push_after_deletion(lab, way, user):
    """What was deleted gets nothing more, while another device of the account does."""
    deleted, kept = lab.phone(user), lab.phone(user)
    with lab.imap(user) as imap:
        assert imap.command(f"WEBPUSH {deleted.id} NIL").ok
    lab.deliver(user)
    assert kept.next().mails
    assert deleted.new() == []


def test_two_devices(lab, way, user):
    """Each subscription of an account gets the message, encrypted for itself."""
    phones = [lab.phone(user) for _ in range(3)]
    lab.deliver(user, subject="to all three")
    with lab.imap(user) as imap:
        expected = [("INBOX", 1, imap.envelope(1, "INBOX"))]
    pushes = [phone.next() for phone in phones]
    assert [push.mails for push in pushes] == [expected] * 3
    assert len({push.post.body for push in pushes}) == 3


def test_order_of_uids(lab, way, user, phone):
    """Messages in a row arrive each once, in UID order within each push."""
    count = 10
    for number in range(count):
        lab.send(user, subject=f"number {number}")
    mails = [mail for push in phone.until_mails(count) for mail in push.mails]
    assert sorted(uid for _, uid, _ in mails) == list(range(1, count + 1))
    with lab.imap(user) as imap:
        imap.select()
        assert all(envelope == imap.envelope(uid) for _, uid, envelope in mails)
