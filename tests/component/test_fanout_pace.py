"""How many pushes a device and a host get, and what becomes of what is too much."""

import time

import pytest

from fanout_fixtures import alone, authority, hosts, push, settings, versions   # noqa: F401
from lab.httpserver import Answer
from lab.wait import until


def named(pushes):
    return {uid for push in pushes for _, uid, _ in push.mails}


def all_done(alone, phone, timeout=60):
    alone.idle(phone, timeout)
    return phone.new()


def test_429_to_a_burst(alone, push, hosts):
    """100 mails, 429 with Retry-After: 5 to the first pushes: every ENVELOPE comes, in 40 POSTs at
    most, none earlier than the service allowed."""
    phone = alone.phone(endpoint=push.endpoint(hosts.take()))
    alone.phone(endpoint=phone.endpoint.rpartition("/")[0] + "/other")      # a second account
    push.script(phone.endpoint, *[Answer(429, {"Retry-After": "5"})] * 3)
    alone.mail(phone, 1, count=100)
    pushes = all_done(alone, phone)
    assert len(pushes) <= 40 and named(pushes) == set(range(1, 101))
    refused = [one.post for one in pushes if one.post.status == 429]
    assert len(refused) == 3
    for post in refused:
        later = [one.post.when for one in pushes if one.post.when > post.when]
        assert min(later) - post.when >= 4.9


def test_burst_of_2000(alone, push, hosts):
    """2,000 mails at once: each is named or followed by a SYNC, in 20 POSTs and one each 5 s."""
    phone = alone.phone(endpoint=push.endpoint(hosts.take()))
    started = time.time()
    alone.mail(phone, 1, count=2000)
    pushes = all_done(alone, phone)
    taken = time.time() - started
    assert len(pushes) <= 20 + taken // 5 + 1
    missing = set(range(1, 2001)) - named(pushes)
    last = max((i for i, one in enumerate(pushes) if one.syncs), default=-1)
    assert not missing or last >= 0, f"{len(missing)} are not named, and there was no SYNC"
    later = named(pushes[last + 1:])        # what came when the last SYNC was on its way
    assert not missing or not later or max(missing) < min(later), "no SYNC came behind some of them"


def test_failures_count_for_the_burst(alone, push, hosts):
    """A device whose pushes are dropped, one after the other, gets no more POSTs than any other."""
    phone = alone.phone(endpoint=push.endpoint(hosts.take()))
    push.always(phone.endpoint, Answer(400))
    for uid in range(1, 40):
        alone.mail(phone, uid)
        until(lambda: alone.show(phone)["waiting"] == 0 or len(push.of(phone.endpoint)) > 20, 10,
              "it was dropped")
        if len(push.of(phone.endpoint)) > 20:
            break
    alone.mail(phone, 40)
    alone.until_show(phone, waiting=1)
    assert len(push.of(phone.endpoint)) <= 1 + 20 + 2


def test_verifications_do_not_flood(alone, push, hosts):
    """Over 30 a minute to a host that nobody has acknowledged: they wait, the answers are OK."""
    host = hosts.take()
    devices = [alone.device(endpoint=push.endpoint(host)) for _ in range(40)]
    for device in devices:
        assert alone.ask(device).ok
    until(lambda: sum(len(push.of(one.endpoint)) for one in devices) == 30, 10, "30 came")
    good = alone.phone()                # others are not concerned
    alone.mail(good)
    assert good.next(5).mails
    assert sum(len(push.of(one.endpoint)) for one in devices) == 30
    first = next(one for one in devices if push.of(one.endpoint))
    alone.say(first, f"ACKWEBPUSH {first.next().token}")
    left = [one for one in devices if not push.of(one.endpoint)]
    assert all(alone.show(one)["waiting"] == 1 for one in left)


def test_an_answer_is_about_what_was_sent_to(alone, push, hosts):
    """410 for an endpoint that the client has just replaced does not remove the new one."""
    host = hosts.take()
    phone = alone.phone(endpoint=push.endpoint(host))
    old = phone.endpoint
    push.script(old, Answer(410, delay=2))
    alone.mail(phone)
    push.wait_for(lambda: len(push.of(old)) == 2, 10, "the push is under way")
    phone.endpoint, phone.taken = push.endpoint(host), 0
    assert alone.ask(phone).ok
    push.asked(old, 2)
    alone.say(phone, f"ACKWEBPUSH {phone.next().token}")
    alone.mail(phone, 2)
    assert phone.next().mails[0][1] == 2


def test_away(alone, push, hosts):
    """An account that nobody looks at: one SYNC in sync_interval for all mailboxes together."""
    alone.configure(unseen_max=2, sync_interval="4s")
    phone = alone.phone(endpoint=push.endpoint(hosts.take()))
    for uid in (1, 2):
        alone.mail(phone, uid)
        assert phone.next().mails
    alone.mail(phone, 3)
    first = phone.next()
    assert first.syncs == ["INBOX"] and first.topic
    for mailbox in ("INBOX", "A", "B"):
        alone.deliver([(phone.user, 4)], mailbox=mailbox)
    second = phone.next(20)
    assert sorted(second.syncs) == ["A", "B", "INBOX"]
    assert second.post.when - first.post.when >= 3
    with alone.verbs(phone.user) as verbs:
        verbs.seen()
    alone.mail(phone, 9)
    assert phone.next().mails
    alone.configure()


@pytest.mark.parametrize("delay", ["1s"])
def test_send_delay(alone, push, hosts, delay):
    """send_delay: what comes within it travels together, and a stream of mail does not put it off."""
    alone.configure(send_delay=delay)
    phone = alone.phone(endpoint=push.endpoint(hosts.take()))
    started = time.monotonic()
    for uid in range(1, 16):
        alone.mail(phone, uid)
        until(lambda uid=uid: time.monotonic() - started >= uid * 0.1, 5, "a tenth of a second")
    assert len(phone.next(5).mails) > 3
    assert push.of(phone.endpoint)[1].when - started < 1.6
    alone.configure()
