"""How many pushes: bursts, what a service asks for, devices that are away, verifications, silence."""

import time

import pytest

from fanout_fixtures import alone as shared, authority, hosts, push, settings, street, versions  # noqa: F401
from lab.httpserver import Answer
from lab.wait import until

BURST, INTERVAL_S = 20, 5


@pytest.fixture
def alone(shared):              # noqa: F811
    """With usual settings."""
    shared.configure()
    return shared


@pytest.fixture
def phone(alone, hosts):        # noqa: F811
    return alone.phone(endpoint=alone.push.endpoint(hosts.take()))


def pushes_of(phone):
    """All pushes so far that the service took, verification left out, as the device reads them."""
    return [phone.open(post) for post in phone.push.of(phone.endpoint)[1:] if post.status == 201]


def named(phone):
    """The UIDs of all ENVELOPEs that came."""
    return {uid for one in pushes_of(phone) for _, uid, _ in one.mails}


def test_retry_after_for_a_burst(alone, phone):
    """429 with Retry-After: 5 to a burst of 100: every ENVELOPE, at most 40 POSTs, none too early."""
    alone.push.script(phone.endpoint, Answer(201), Answer(429, {"Retry-After": "5"}), Answer(201),
                      Answer(429, {"Retry-After": "5"}))
    for uid in range(1, 101):       # some come before the 429, some while it holds
        alone.mail(phone, uid)
    until(lambda: named(phone) == set(range(1, 101)), 60, "every ENVELOPE")
    posts = alone.push.of(phone.endpoint)[1:]
    assert len(posts) <= 40
    assert [post.status for post in posts].count(429) == 2
    for refused, after in zip(posts, posts[1:]):
        if refused.status == 429:
            assert after.when - refused.when >= 4.99, "earlier than the service allowed"


def test_burst_of_2000(alone, phone):
    """Every mail is named or followed by a SYNC; 20 POSTs, and one more for each 5 s that passed."""
    began = time.monotonic()
    for first in range(1, 2001, 50):
        alone.mail(phone, first, count=50)
    ended = time.monotonic()

    def told():
        late = [one for one in pushes_of(phone) if one.syncs and one.post.when > ended]
        return late or named(phone) == set(range(1, 2001))
    until(told, 60, "all mail is told of")
    alone.idle(phone)
    posts = alone.push.of(phone.endpoint)[1:]
    assert len(posts) <= BURST + (posts[-1].when - began) / INTERVAL_S
    assert all(post.status == 201 for post in posts)


def test_pushes_are_put_together(alone, phone):
    """What waits travels in one push: by mailbox, in UID order, nothing twice."""
    alone.push.script(phone.endpoint, Answer(429, {"Retry-After": "2"}))
    alone.mail(phone, 1)
    alone.push.wait(phone.endpoint, 2)
    for uid, mailbox in ((5, "Work"), (3, "INBOX"), (4, "Work"), (2, "INBOX")):
        alone.mail(phone, uid, mailbox=mailbox)
    phone.taken = 2
    assert [(box, uid) for box, uid, _ in phone.next(20).mails] == [
        ("INBOX", 1), ("INBOX", 2), ("INBOX", 3), ("Work", 4), ("Work", 5)]


def test_too_much_becomes_a_sync(alone, phone):
    """More than 100 that wait become the SYNC of their mailboxes."""
    alone.push.script(phone.endpoint, Answer(429, {"Retry-After": "3"}))
    alone.mail(phone, 1)
    alone.push.wait(phone.endpoint, 2)
    alone.mail(phone, 2, count=80)
    alone.mail(phone, 82, count=80, mailbox="Work")
    alone.until_show(phone, waiting=2)
    phone.taken = 2
    one = phone.next(20)
    assert sorted(one.syncs) == ["INBOX", "Work"] and not one.mails and one.topic


def test_send_delay(alone, phone):
    """send_delay trades delay for fewer pushes: what comes in it travels together."""
    alone.configure(send_delay="2s")
    for uid in (1, 2, 3):
        alone.mail(phone, uid)
    assert [uid for _, uid, _ in phone.next().mails] == [1, 2, 3]


def test_high_urgency(alone, phone):
    """The first 20 pushes for persons in an hour are high, the next ones normal; lists never."""
    alone.configure(burst="100")
    for uid in range(1, 24):
        alone.mail(phone, uid, kind=1 if uid == 1 else 0)
        assert phone.next().urgency == ("high" if 1 < uid <= 21 else "normal"), uid


def test_away(alone, phone):
    """After unseen_max ENVELOPE pushes a SYNC with its Topic, one per sync_interval; until seen."""
    alone.configure(unseen_max="3", sync_interval="4s")
    for uid in (1, 2, 3):
        alone.mail(phone, uid)
        assert phone.next().mails
    alone.mail(phone, 4)
    first = phone.next()
    assert first.syncs and first.topic and not first.mails
    for uid in range(5, 25):
        alone.mail(phone, uid)
    second = phone.next()
    assert second.syncs and second.topic == first.topic
    assert second.post.when - first.post.when >= 2.9        # times are whole seconds
    with alone.verbs(phone.user) as verbs:
        verbs.seen()
    until(lambda: alone.show(phone)["unseen"] == 0, 10, "it was seen")
    alone.mail(phone, 30)
    assert phone.next().mails


def test_outbox_survives_a_kill(alone, phone):
    """kill -9 while a burst waits: the rest goes out, each ENVELOPE at most once more."""
    alone.push.script(phone.endpoint, Answer(503, {"Retry-After": "4"}))
    alone.mail(phone, 1, count=30)
    alone.push.wait(phone.endpoint, 2)
    until(lambda: alone.status()["saved"] >= 30, 10, "all mail was read")
    alone.restart()
    until(lambda: named(phone) == set(range(1, 31)), 30, "every ENVELOPE")


# Verifications.

def test_ten_verifications_an_hour(alone, hosts):       # noqa: F811
    """An account that has new endpoints verified all the time is stopped; other accounts are not."""
    user = alone.user()
    devices = [alone.device(user, endpoint=alone.push.endpoint(hosts.left[-1])) for _ in range(12)]
    replies = [alone.ask(device) for device in devices]
    assert [reply.ok for reply in replies] == [True] * 10 + [False] * 2
    assert replies[-1].code == "UNAVAILABLE" and "try again in" in replies[-1].text
    assert not alone.exists(devices[-1])
    alone.phone(endpoint=alone.push.endpoint(hosts.take()))


def test_one_verification_a_minute(alone, hosts):       # noqa: F811
    """An identical WEBPUSH within 60 s gets its OK, and no second push."""
    device = alone.device(endpoint=alone.push.endpoint(hosts.take()))
    assert alone.ask(device).ok
    alone.push.wait(device.endpoint)
    for _ in range(5):
        reply = alone.ask(device)
        assert reply.ok and "verification sent" in reply.text
    alone.idle(device)
    assert len(alone.push.of(device.endpoint)) == 1


def test_thirty_verifications_for_a_stranger(alone, hosts):     # noqa: F811
    """A host that nobody has acknowledged gets 30 in a minute from all accounts together; the others
    wait, and every client has its OK."""
    host = hosts.take()
    devices = [alone.device(endpoint=alone.push.endpoint(host)) for _ in range(40)]
    assert all(alone.ask(device).ok for device in devices)
    alone.push.wait_for(lambda: sum(len(alone.push.of(one.endpoint)) for one in devices) >= 30, 20)
    alone.phone(endpoint=alone.push.endpoint(hosts.take()))     # the queue goes on meanwhile
    assert sum(len(alone.push.of(one.endpoint)) for one in devices) == 30


def test_reinstalled_client(alone, hosts):              # noqa: F811
    """The same endpoint under another id: the older subscription goes at the ACKWEBPUSH, not before."""
    old = alone.phone(endpoint=alone.push.endpoint(hosts.take()))
    new = alone.device(old.user, endpoint=old.endpoint)
    new.taken = 1
    with alone.verbs(old.user) as verbs:
        assert new.webpush(verbs).ok
        token = new.next().token
        assert alone.exists(old)
        assert verbs.command(f"ACKWEBPUSH {token}").ok
    assert not alone.exists(old) and alone.exists(new)


def test_late_answer_of_the_older_client(alone, hosts):     # noqa: F811
    """The older subscription's late ACKWEBPUSH leaves the newer one, which has its own to come."""
    old = alone.device(endpoint=alone.push.endpoint(hosts.take()))
    new = alone.device(old.user, endpoint=old.endpoint)
    with alone.verbs(old.user) as verbs:
        assert old.webpush(verbs).ok
        late = old.next().token
        assert new.webpush(verbs).ok
        new.taken = 1
        token = new.next().token
        assert verbs.command(f"ACKWEBPUSH {late}").ok
        assert alone.exists(old) and alone.exists(new)
        assert verbs.command(f"ACKWEBPUSH {token}").ok
    assert not alone.exists(old) and alone.exists(new)


# Silence.

def silence(alone, phone, seconds):
    return alone.say(phone, f"SILWEBPUSH {phone.id} {seconds}")


def held_back(alone, phone):
    """One mail in a silence."""
    before = alone.status()["silent"]
    alone.mail(phone, 1)
    until(lambda: alone.status()["silent"] > before, 10, "the mail was held back")


def digest(phone):
    one = phone.next(20)
    assert one.syncs == [None] and one.urgency == "low" and not one.mails


def test_timed_silence(alone, phone):
    """Nothing rings, then one SYNC for all of it."""
    silence(alone, phone, 2)
    began = time.monotonic()
    for _ in range(3):
        held_back(alone, phone)
    digest(phone)
    assert time.monotonic() - began >= 0.9
    alone.idle(phone)
    assert not phone.new()


def test_timed_silence_survives_a_kill(alone, phone):
    """The time of a silence, and that something was held back, are durable."""
    silence(alone, phone, 4)
    held_back(alone, phone)
    alone.restart()
    assert int(alone.say(phone, f"LWEBPUSH {phone.id}").lines("WEBPUSH")[0].split()[-1]) in range(1, 5)
    assert not phone.new()
    digest(phone)


def test_silence_of_a_connection(alone, phone):
    """It ends with the connection, with its SYNC; after a LOGOUT nothing is owed."""
    for logout in (True, False):
        verbs = alone.verbs(phone.user)
        assert verbs.command(f"SILWEBPUSH {phone.id} NIL").lines("WEBPUSH")[0].endswith(" 2147483647")
        held_back(alone, phone)
        if logout:
            verbs.logout()
            alone.idle(phone)
            assert not phone.new()
        else:
            verbs.close()
            digest(phone)


def test_silence_of_a_connection_ends_with_the_daemon(alone, phone):
    """kill -9 of the daemon is a dropped connection: its SYNC is owed."""
    with alone.verbs(phone.user) as verbs:
        assert verbs.command(f"SILWEBPUSH {phone.id} NIL").ok
        held_back(alone, phone)
        alone.restart()
        digest(phone)


def test_both_silences(alone, phone):
    """It is silent while either holds; the SYNC comes when the later one ends."""
    verbs = alone.verbs(phone.user)
    assert verbs.command(f"SILWEBPUSH {phone.id} NIL").ok
    silence(alone, phone, 3)
    held_back(alone, phone)
    verbs.close()
    assert alone.show(phone)["state"] == "silent" and not phone.new()
    digest(phone)


def test_connection_takes_up_what_a_time_held_back(alone, phone):
    """What a timed silence held back waits, too, while a connection holds the silence."""
    silence(alone, phone, 2)
    held_back(alone, phone)
    verbs = alone.verbs(phone.user)
    assert verbs.command(f"SILWEBPUSH {phone.id} NIL").ok
    time.sleep(4)
    assert not phone.new()
    verbs.close()
    digest(phone)


def test_mail_behind_a_digest_under_way(alone, phone):
    """What a new silence holds back while the SYNC of the one before is under way is owed a SYNC of its own."""
    alone.push.script(phone.endpoint, Answer(delay=2))
    before = len(alone.push.of(phone.endpoint))
    silence(alone, phone, 1)
    held_back(alone, phone)
    alone.push.asked(phone.endpoint, before + 1)
    verbs = alone.verbs(phone.user)
    assert verbs.command(f"SILWEBPUSH {phone.id} NIL").ok
    held_back(alone, phone)
    digest(phone)
    alone.until_show(phone, waiting=1)
    verbs.close()
    digest(phone)
    alone.idle(phone)


def test_end_of_all_silence(alone, phone):
    """0 ends the timed one and the flag, and what was held back is told."""
    with alone.verbs(phone.user) as verbs:
        assert verbs.command(f"SILWEBPUSH {phone.id} NIL").ok
        silence(alone, phone, 3000)
        held_back(alone, phone)
        assert silence(alone, phone, 0).lines("WEBPUSH")[0].endswith(" 0")
        digest(phone)
