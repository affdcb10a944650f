"""Every row of the answer table, from a push service to a real daemon: what it does to the one
subscription, to the mail that waits for it, and to nobody else."""

import time

import pytest

from fanout_fixtures import (  # noqa: F401
    Street, alone, authority, hosts, push, settings, street, versions)
from lab.answers import BACKOFF, DAY, LATER, after, as_sent
from lab.httpserver import Answer

@pytest.mark.parametrize("status", (200, 201, 202, 204, 299))
def test_taken(alone, street, status):
    """Any 2xx: the mail is delivered, and noted."""
    street.hit(Answer(status))
    row = alone.idle(street.victim)
    assert (row["state"], row["last_answer"], row["failures"]) == ("active", str(status), 0)
    assert row["last_success_time"] >= time.time() - 20


def test_gone(alone, street):
    """410: that subscription is deleted, with what waits for it."""
    street.hit(Answer(410))
    alone.say(street.victim, "LWEBPUSH *")
    alone.push.wait_for(lambda: not alone.exists(street.victim), 10, "it is deleted")
    street.witnesses_ring(2)


def test_gone_before_its_acknowledgement(alone, street):
    """410 to a verification: nothing more is sent, but LWEBPUSH tells nothing of it."""
    device = alone.device(endpoint=alone.push.endpoint(street.host))
    alone.push.always(device.endpoint, Answer(410))
    assert alone.ask(device).ok
    alone.until_show(device, state="not acknowledged, endpoint gone")
    assert alone.say(device, f"LWEBPUSH {device.id}").lines("WEBPUSH")[0].endswith(" NIL")


@pytest.mark.parametrize("status, headers, wait, state", LATER,
                         ids=[f"{row[0]}-{i}" for i, row in enumerate(LATER)])
def test_later(alone, street, status, headers, wait, state):
    """The mail waits as long as the table says; the others of the origin do not."""
    when = time.time()
    street.hit(Answer(status, as_sent(headers)))
    row = alone.until_show(street.victim, last_answer=str(status))
    assert (row["waiting"], row["state"], row["failures"]) == (1, state, 1)
    at = row["next_try_time"] - when
    assert wait[0] <= at <= wait[1] + (time.time() - when) + 1, at
    street.witnesses_ring(2)


@pytest.mark.parametrize("status", (400, 402, 405, 415, 418, 499))
def test_dropped(alone, street, status):
    """Any other 4xx: this push is dropped and counted, the subscription stays and goes on."""
    before = alone.status()["dropped"]
    street.hit(Answer(status))
    row = alone.idle(street.victim)
    assert (row["state"], row["last_answer"]) == ("failing", str(status))
    assert alone.status()["dropped"] == before + 1
    street.victim.taken += 1
    alone.mail(street.victim, 2)
    assert street.victim.next().mails[0][1] == 2
    assert alone.idle(street.victim)["state"] == "active"


def test_longest_wait(alone, street):
    """Retry-After: 1e9 outlives the mail: it is dropped, and later mail does not knock earlier."""
    street.hit(Answer(429, after("1000000000")))
    alone.idle(street.victim)
    posts = len(alone.push.of(street.victim.endpoint))
    alone.mail(street.victim, 2)
    row = alone.until_show(street.victim, waiting=1)
    assert 6 * DAY < row["next_try_time"] - time.time() <= 7 * DAY
    street.witnesses_ring(2)
    assert len(alone.push.of(street.victim.endpoint)) == posts


def test_too_big(alone, street):
    """413: the same news in a smaller bucket, then as a SYNC; the limit is remembered."""
    phone, push = street.victim, alone.push
    push.script(phone.endpoint, Answer(429, after("1")))
    alone.mail(phone, 1)
    push.asked(phone.endpoint, phone.taken + 1)
    push.script(phone.endpoint, *[Answer(413)] * 3)
    alone.mail(phone, 2, count=30)      # what waits travels together: a big push
    sizes = [len(post.body) for post in push.wait(phone.endpoint, phone.taken + 5, 30)][phone.taken:]
    assert sizes[1] > sizes[2] > sizes[3] == sizes[4], sizes
    assert phone.open(push.of(phone.endpoint)[phone.taken + 4]).syncs == ["INBOX"]
    assert alone.idle(phone)["size_limit"] == 1024
    alone.mail(phone, 40)
    phone.taken += 5
    assert phone.next().size == 1024


def test_too_big_for_anything(alone, street):
    """413 to a SYNC in the smallest bucket: dropped, as a 400."""
    alone.push.always(street.victim.endpoint, Answer(413))
    alone.mail(street.victim, 1)
    alone.idle(street.victim)
    assert [len(post.body) > 1024 for post in alone.push.of(street.victim.endpoint)[1:]]
    assert len(alone.push.of(street.victim.endpoint)) <= 1 + 3
    street.witnesses_ring(2)


@pytest.mark.parametrize("status, tries", ((500, 3), (503, 3), (401, 1), (403, 1), (404, 1), (429, 1),
                                           (400, 1), (413, 1), (302, 3)))
def test_verification(alone, street, status, tries):
    """A verification is tried again after a 5xx alone (and a 3xx, which counts as one)."""
    device = alone.device(endpoint=alone.push.endpoint(street.host))
    alone.push.always(device.endpoint, Answer(status))
    assert alone.ask(device).ok
    alone.push.asked(device.endpoint)
    row = alone.until_show(device, last_answer=str(status))
    assert row["waiting"] == (1 if tries > 1 else 0)
    assert row["state"] == "not acknowledged"
    if tries > 1:
        assert BACKOFF[0] <= row["next_try_time"] - row["last_try_time"] <= BACKOFF[1] + 1


def test_kill_in_the_middle(alone, hosts):
    """kill -9 while mail waits for its time: the new daemon waits on, and knocks no earlier."""
    waits = []
    for answer in (Answer(429, after("100")), Answer(503, after("200")), Answer(404), Answer(403)):
        street = Street(alone, hosts.take())
        street.hit(answer)
        row = alone.until_show(street.victim, last_answer=str(answer.status))
        waits.append((street, row["next_try_time"], len(alone.push.of(street.victim.endpoint))))
    alone.restart()
    for street, at, posts in waits:
        row = alone.show(street.victim)
        assert row["waiting"] == 1 and abs(row["next_try_time"] - at) <= 2
        street.witnesses_ring(2)
        assert len(alone.push.of(street.victim.endpoint)) == posts


WORST = [
    Answer(401), Answer(403), Answer(429), Answer(429, after("3600")), Answer(503, after("3600")),
    Answer(502), Answer(507), Answer(413), Answer(hang=True), Answer(close=True)]


def test_one_account_does_its_worst(alone, street):
    """Every device of one account fails in its own way, all on the origin of everyone else, mail after
    mail: nobody else's push waits for it, and the service is not left alone."""
    user = alone.user()
    devices = [alone.phone(user, endpoint=alone.push.endpoint(street.host)) for _ in WORST]
    for device, answer in zip(devices, WORST):
        alone.push.always(device.endpoint, answer)
    for uid in range(1, 6):
        alone.mail(devices[0], uid)
        street.witnesses_ring(uid)
    for device, answer in zip(devices, WORST):
        assert len(alone.push.of(device.endpoint)) > 1, "mail was tried, behind the verification"
        if answer.status != 413:        # of which not even a SYNC is left in the end
            assert alone.show(device)["waiting"] > 0
    assert [row["paused_until_time"] for row in alone.admin("origins")
            if row["host"].startswith(street.host + ":")] == [0]
