"""The POST: headers, sizes, connections, and what follows from the answers."""

import time

import pytest

from lab.httpserver import Answer
from lab.wait import until


def test_headers(lab, user, phone):
    """TTL 7 days, Urgency high for mail to a person, no Topic with an ENVELOPE, the JWT's claims."""
    lab.deliver(user)
    push = phone.next()
    assert (push.ttl, push.urgency, push.topic, push.size) == (7 * 86400, "high", None, 1024)
    claims = push.post.claims
    assert claims["aud"] == lab.push.origin and claims["sub"] == "mailto:postmaster@example.org"
    assert abs(claims["exp"] - time.time() - 12 * 3600) < 120
    assert push.post.key == phone.vapid
    assert "user-agent" not in push.post.headers or "curl" not in push.post.headers["user-agent"]


@pytest.mark.parametrize("header, urgency", [
    ("", "high"), ("List-Id: <lab.example.org>", "normal"), ("Precedence: bulk", "normal"),
    ("Precedence: list", "normal"), ("Auto-Submitted: auto-replied", "normal"),
    ("Auto-Submitted: no", "high")])
def test_urgency(lab, way, user, phone, header, urgency):
    """Mail to a person is urgent, lists and automata are not."""
    lab.deliver(user, headers=header + "\n" if header else "")
    assert phone.next().urgency == urgency


@pytest.mark.parametrize("length, size", [(10, 1024), (900, 2641), (2600, 3993)])
def test_buckets(lab, user, phone, length, size):
    """The plaintext is padded to one of three sizes."""
    lab.deliver(user, subject="x" * length)
    push = phone.next()
    assert push.size == size and push.mails


def test_too_long_for_a_push(lab, way, user, phone):
    """An ENVELOPE over 3,900 octets: SELECT and SYNC of its mailbox."""
    lab.deliver(user, headers="Cc: " + ",\n ".join(
        f"someone.with.a.long.name{n:02}@department.example.org" for n in range(80)) + "\n")
    push = phone.next()
    assert push.responses == [("SELECT", "INBOX"), ("SYNC",)]
    assert push.size == 1024 and push.topic and push.urgency == "normal"


def test_too_many_addresses(lab, way, user, phone):
    """More than 100 addresses in one field: SYNC."""
    lab.deliver(user, headers="Cc: " + ",\n ".join(f"a{n}@b" for n in range(101)) + "\n")
    assert phone.next().syncs == ["INBOX"]


def test_header_too_big(lab, way, user, phone):
    """A header block over 64 KiB: SYNC, and the message is delivered whole."""
    lab.deliver(user, headers="".join(f"X-Filler-{n}: {'x' * 900}\n" for n in range(80)))
    assert phone.next().syncs == ["INBOX"]


def test_connections_are_kept(lab, user, phone):
    """Pushes in a row travel on one connection, with one token, and reset no stream."""
    lab.deliver(user)
    first = phone.next()
    resets = lab.push.resets
    pushes = []
    for _ in range(10):
        lab.deliver(user)
        pushes.append(phone.next())
    assert {push.post.connection for push in pushes} == {first.post.connection}
    assert {push.post.headers["authorization"] for push in pushes} == {
        first.post.headers["authorization"]}
    assert len({push.post.body[:16] for push in pushes}) == 10, "a salt was used twice"
    assert len({push.post.body[21:86] for push in pushes}) == 10, "a key was used twice"
    assert lab.push.resets == resets


def test_several_messages_in_one_push(lab, user, phone):
    """What waits for one subscription goes out together, in UID order."""
    lab.push.script(phone.endpoint, Answer(503, {"Retry-After": "3"}))
    lab.deliver(user, subject="first")
    phone.next()
    for number in range(4):
        lab.deliver(user, subject=f"number {number}")
    push = phone.next(20)
    assert [uid for _, uid, _ in push.mails] == [1, 2, 3, 4, 5]
    assert push.text.count(b"* SELECT") == 1


@pytest.mark.parametrize("status", (200, 201, 202, 204))
def test_done(lab, user, phone, status):
    """Any 2xx is done: the next message comes alone."""
    lab.push.script(phone.endpoint, Answer(status))
    lab.deliver(user)
    assert phone.next().mails
    until(lambda: lab.waiting(phone) == 0, 10, "the outbox is empty")
    lab.deliver(user)
    assert [uid for _, uid, _ in phone.next().mails] == [2]


def test_gone(lab, user, phone):
    """410: the subscription is deleted, the account's others stay."""
    other = lab.phone(user)
    lab.push.always(phone.endpoint, Answer(410))
    lab.deliver(user)
    phone.next()
    other.next()
    with lab.imap(user) as imap:
        until(lambda: imap.command("LWEBPUSH *").lines("WEBPUSH")
              == [f"* WEBPUSH {other.id} {other.endpoint} 0"], 10, "only the other is left")
    lab.deliver(user)
    assert other.next().mails
    assert phone.new() == []


def test_gone_before_the_acknowledgement(lab, user):
    """410 to a verification: LWEBPUSH shows nothing of it, and nothing more is sent."""
    device = lab.device()
    lab.push.always(device.endpoint, Answer(410))
    with lab.imap(user) as imap:
        assert device.webpush(imap).ok
        device.next()
        until(lambda: lab.waiting(device) == 0, 10, "the outbox is empty")
        assert imap.command("LWEBPUSH *").lines("WEBPUSH") == [
            f"* WEBPUSH {device.id} {device.endpoint} NIL"]


@pytest.mark.parametrize("answer, least, most", [
    (Answer(503, {"Retry-After": "2"}), 1.5, 8), (Answer(429, {"Retry-After": "2"}), 1.5, 8),
    (Answer(500), 6, 20)])
def test_later(lab, user, phone, answer, least, most):
    """Answers that mean later: the same news again, after the time that was asked for."""
    lab.push.script(phone.endpoint, answer)
    lab.deliver(user)
    first = lab.push.wait_for(lambda: lab.push.of(phone.endpoint)[phone.taken:], 10, "a try")[0]
    again = lab.push.wait_for(lambda: lab.push.of(phone.endpoint)[phone.taken + 1:], 30, "a retry")[0]
    assert least <= again.when - first.when <= most
    assert phone.open(again).text == phone.open(first).text
    assert again.body != first.body and phone.open(again).ttl <= phone.open(first).ttl
    phone.taken += 2


def test_broken_connection(lab, user, phone):
    """A connection that breaks instead of an answer: tried again until there is one."""
    lab.push.script(phone.endpoint, Answer(close=True), Answer(close=True))
    lab.deliver(user)
    post = lab.push.wait_for(lambda: [one for one in lab.push.of(phone.endpoint)[phone.taken:]
                                      if one.status], 30, "a retry was answered")[0]
    assert phone.open(post).mails


def test_later_survives_kill(lab, user, phone):
    """The wait is durable: after kill -9 the push is not sent before its time."""
    lab.push.script(phone.endpoint, Answer(503, {"Retry-After": "6"}))
    lab.deliver(user)
    first = phone.next()
    until(lambda: lab.push.of(phone.endpoint)[-1].status == 503, 5, "it was answered")
    until(lambda: lab.waiting(phone) == 1, 5, "it waits in the outbox")
    lab.mailbell.daemon.kill()
    lab.mailbell.start_daemon()
    again = phone.next(30)
    assert again.post.when - first.post.when >= 5


def test_service_away(lab, user, phone):
    """No push service: mail flows, the push comes when it is back."""
    lab.push.stop()
    try:
        lab.deliver(user)
        until(lambda: lab.waiting(phone) == 1, 10, "it waits")
    finally:
        lab.push.start()
    assert phone.next(40).mails


def test_redirect_is_not_followed(lab, user, phone):
    """A 3xx is no delivery, and its Location gets nothing."""
    elsewhere = lab.push.endpoint()
    lab.push.script(phone.endpoint, Answer(307, {"Location": elsewhere}))
    lab.deliver(user)
    first, again = phone.next(), phone.next(40)
    assert first.text == again.text
    assert lab.push.of(elsewhere) == []


def test_hanging_service_stops_nobody(lab, user, phone):
    """One endpoint that never answers does not keep others waiting."""
    lab.push.always(phone.endpoint, Answer(hang=True))
    other = lab.user()
    fine = lab.phone(other)
    lab.deliver([user, other])
    assert fine.next(5).mails
    lab.push.always(phone.endpoint)


def test_400_is_dropped(lab, user, phone):
    """400: this push is dropped, the subscription stays."""
    lab.push.script(phone.endpoint, Answer(400))
    lab.deliver(user)
    phone.next()
    until(lambda: lab.waiting(phone) == 0, 10, "it was dropped")
    lab.deliver(user)
    assert [uid for _, uid, _ in phone.next().mails] == [2]


def test_content_sync(lab, way, user, phone, settings):
    """content = sync: no ENVELOPE leaves the site, the mailbox does."""
    settings(content="sync")
    lab.deliver(user, subject="secret")
    push = phone.next()
    assert push.responses == [("SELECT", "INBOX"), ("SYNC",)] and push.topic


def test_quiet_bulk(lab, way, user, phone, settings):
    """quiet_bulk = yes: lists and automata ring nobody."""
    settings(quiet_bulk="yes")
    lab.deliver(user, headers="List-Id: <lab.example.org>\n")
    lab.deliver(user)
    assert [uid for _, uid, _ in phone.next().mails] == [2]


def test_quiet_header(lab, way, user, phone, settings):
    """quiet_header names what rings nobody."""
    settings(quiet_header=["X-Spam-Flag: YES"])
    lab.deliver(user, headers="X-Spam-Flag: YES\n")
    lab.deliver(user, headers="X-Spam-Flag: NO\n")
    assert [uid for _, uid, _ in phone.next().mails] == [2]


def test_unseen_max(lab, user, phone, settings):
    """After unseen_max ENVELOPE pushes to an account that nobody looks at, a SYNC with a Topic."""
    settings(unseen_max=2)
    pushes = []
    for _ in range(3):
        lab.deliver(user)
        pushes.append(phone.next())
    assert [len(push.mails) for push in pushes] == [1, 1, 0]
    assert pushes[2].syncs and pushes[2].topic
    lab.imap(user).logout()
    lab.deliver(user)
    assert phone.next().mails


def test_burst(lab, user, phone, settings):
    """Beyond the burst messages are put together."""
    settings(burst=2, burst_interval="4s")
    for number in range(8):
        lab.deliver(user, subject=f"number {number}")
    pushes = phone.until_mails(8)
    assert len(pushes) < 6
    assert sorted(uid for push in pushes for _, uid, _ in push.mails) == list(range(1, 9))


@pytest.mark.parametrize("version, shown", [("1.1", "HTTP/1.1"), ("2", "HTTP/2")])
def test_http_version(lab, user, phone, settings, version, shown):
    """http_version says what is spoken; auto depends on the libcurl that is there."""
    settings(http_version=version)
    lab.mailbell.restart_daemon()
    lab.deliver(user)
    assert phone.next().post.version == shown


def test_unknown_authority(lab, user, phone, settings):
    """A certificate of an unknown authority: nothing is sent, the push waits."""
    settings(push_ca_file="/etc/ssl/certs/ca-certificates.crt")
    lab.mailbell.restart_daemon()
    lab.deliver(user)
    until(lambda: lab.waiting(phone) == 1, 10, "it waits")
    assert phone.new() == []
