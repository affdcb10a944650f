"""When a push service as a whole is left alone, and when it is not."""

import datetime
import time

import pytest

from fanout_fixtures import (alone, authority, counted, hosts, push,            # noqa: F401
                             settings, versions)
from lab.alone import Talk
from lab.httpserver import Answer
from lab.wait import until


def origin(alone, push, host):
    found = [row for row in alone.admin("origins") if row["host"].startswith(host + ":")]
    return found[0] if found else None


def street(alone, push, host, count):
    return [alone.phone(endpoint=push.endpoint(host)) for _ in range(count)]


def hit_all(alone, push, phones, answer, uid=1):
    """One mail each, in turn, and what the service says to it."""
    for phone in phones:
        push.script(phone.endpoint, answer)
        before = len(push.of(phone.endpoint))
        alone.mail(phone, uid)
        push.asked(phone.endpoint, before + 1)


def test_three_accounts_pause_an_origin(alone, push, hosts):
    """429 for three accounts within a minute: the fourth waits as long, then all is as before."""
    host = hosts.take()
    phones = street(alone, push, host, 4)
    hit_all(alone, push, phones[:3], Answer(429, {"Retry-After": "4"}))
    until(lambda: origin(alone, push, host)["state"] == "paused", 5, "the origin is paused")
    assert origin(alone, push, host)["why"] == "busy"
    assert alone.status()["origins_paused"] >= 1
    started = time.time()
    alone.mail(phones[3])
    assert phones[3].next(15).mails
    assert time.time() - started >= 2.5
    for phone in phones[:3]:
        assert phone.next(15)               # the refused one, then the one that was taken
        assert phone.next(15).mails
    assert origin(alone, push, host)["state"] == "open"
    assert alone.log.count(f"host={host}, status=paused") == 1
    assert f"host={host}, status=resumed" in alone.log


@pytest.mark.parametrize("answer", [Answer(401), Answer(403), Answer(429, {"Retry-After": "3600"}),
                                    Answer(503, {"Retry-After": "3600"}), Answer(500), Answer(502),
                                    Answer(400), Answer(413)], ids=lambda answer: str(answer.status))
def test_one_account_pauses_nobody(alone, push, hosts, answer):
    """Ten devices of one account, all answered like that: two others at that origin ring at once."""
    host = hosts.take()
    one, two = street(alone, push, host, 2)
    user = alone.user()
    bad = [alone.phone(user, endpoint=push.endpoint(host)) for _ in range(10)]
    for phone in bad:
        push.always(phone.endpoint, answer)
    alone.mail(bad[0])
    for phone in bad:
        push.asked(phone.endpoint, 2)
    for phone in (one, two):
        alone.mail(phone)
        assert phone.next(3).mails
    assert origin(alone, push, host)["state"] == "open"


def test_the_operators_test_in_a_pause(alone, push, hosts):
    """`mailbell test` leaves the service alone, too, and says until when; by force it sends."""
    host = hosts.take()
    phones = street(alone, push, host, 4)
    hit_all(alone, push, phones[:3], Answer(429, {"Retry-After": "600"}))
    until(lambda: origin(alone, push, host)["state"] == "paused", 5, "the origin is paused")
    ends = origin(alone, push, host)["paused_until_time"]

    def ask(*force):
        with Talk(f"{alone.mailbell.run_dir}/admin") as talk:
            talk.send("REQUEST", (phones[3].user, *force), NAME="test")
            assert talk.read().type == "OK"
            return talk.read().row["outcome"], talk.read().exit

    outcome, code = ask()
    assert code == 75 and outcome.startswith("paused (busy) until ") and "--force" in outcome
    said = datetime.datetime.strptime(outcome[20:43], "%Y-%m-%d %H:%M:%S %Z").replace(tzinfo=datetime.timezone.utc)
    assert abs(said.timestamp() - ends) <= 2
    assert phones[3].new() == []
    assert ask("force") == ("sent (201)", 0)
    assert phones[3].next(5)


def test_a_single_account_is_all_there_is(alone, push, hosts):
    """Where one account alone has devices at an origin, its word is enough."""
    host = hosts.take()
    user = alone.user()
    first, second = (alone.phone(user, endpoint=push.endpoint(host)) for _ in range(2))
    push.script(first.endpoint, Answer(429, {"Retry-After": "3"}))
    push.script(second.endpoint, Answer(429, {"Retry-After": "3"}))
    alone.mail(first)
    until(lambda: origin(alone, push, host)["state"] == "paused", 5, "the origin is paused")


def test_key_refused(alone, push, hosts):
    """403 for three accounts that were pushed to before: the operator is told of key and clock."""
    host = hosts.take()
    phones = street(alone, push, host, 4)
    hit_all(alone, push, phones[:3], Answer(403))
    until(lambda: origin(alone, push, host)["why"] == "key refused", 5, "the origin is paused")
    assert "vapid_contact" in alone.log
    alone.mail(phones[3])
    alone.until_show(phones[3], waiting=1)
    assert phones[3].new() == []


def test_a_pause_survives_a_kill(alone, push, hosts):
    """What the service asked for is kept by the next daemon, too."""
    host = hosts.take()
    phones = street(alone, push, host, 4)
    hit_all(alone, push, phones[:3], Answer(429, {"Retry-After": "8"}))
    until(lambda: origin(alone, push, host)["state"] == "paused", 5, "the origin is paused")
    ends = origin(alone, push, host)["paused_until_time"]
    alone.restart()
    alone.mail(phones[3])
    until(lambda: origin(alone, push, host), 5, "it is known again")
    assert abs(origin(alone, push, host)["paused_until_time"] - ends) <= 2
    assert phones[3].next(20).mails
    assert time.time() >= ends - 1


def test_status_counts_answers(counted, push, hosts):
    """status: the queue, its age, and pushes by their answer."""
    before = counted.status()
    phone = counted.phone(endpoint=push.endpoint(hosts.take()))
    push.script(phone.endpoint, Answer(400))
    counted.mail(phone)
    counted.idle(phone)
    after = counted.status()
    assert after["answers_other_4xx"] == before["answers_other_4xx"] + 1
    assert after["answers_2xx"] == before["answers_2xx"] + 1
    push.script(phone.endpoint, Answer(500))
    counted.mail(phone, 2)
    until(lambda: counted.status()["oldest_age"] >= 1, 10, "what waits grows old")


def test_one_account_leaves_slots_to_others(counted, push, hosts):
    """10 devices of one account that hang, at everyone's origin: 8 at a time, and nobody waits."""
    host = hosts.take()
    good, user = street(counted, push, host, 3), counted.user()
    bad = [counted.phone(user, endpoint=push.endpoint(host)) for _ in range(10)]
    for phone in bad:
        push.always(phone.endpoint, Answer(hang=True))
    counted.mail(bad[0])
    until(lambda: counted.status()["in_flight"] == 8, 5, "8 are under way")
    for phone in good:
        counted.mail(phone)
        assert phone.next(3).mails
    for phone in bad:
        push.always(phone.endpoint)
    push.wait_for(lambda: all(len(push.of(one.endpoint)) > 1 for one in bad), 30,
                  "the others of that account have their turn")


def test_known_services_stay_known(counted, push, hosts):
    """After a restart a service that has taken pushes has all its slots at once."""
    host = hosts.take()
    phones = street(counted, push, host, 6)
    counted.restart()
    for phone in phones:
        push.script(phone.endpoint, Answer(delay=3))
    for phone in phones:
        counted.mail(phone)
    until(lambda: counted.status()["in_flight"] == 6, 2.5, "all are under way")
    for phone in phones:
        assert phone.next(10).mails
