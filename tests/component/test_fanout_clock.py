"""Clocks that jump (libfaketime): no subscription is removed for it, and what ought to go after a day
of true time goes."""

import os

import pytest

from fanout_fixtures import authority  # noqa: F401
from lab.alone import Alone
from lab.clock import LIBRARY, Clock
from lab.httpserver import Answer
from lab.wait import until

HOUR, DAY, YEAR = 3600, 86400, 365 * 86400

pytestmark = pytest.mark.skipif(not os.path.exists(LIBRARY), reason="libfaketime is not installed")


@pytest.fixture
def clock(tmp_path, request):
    for path in (tmp_path, *tmp_path.parents[:3]):
        path.chmod(0o755)
    return Clock(tmp_path, getattr(request, "param", False))


@pytest.fixture
def alone(clock, authority):        # noqa: F811
    with Alone(None, authority, env=clock.env) as daemon:
        clock.follow(daemon.push, daemon.status)
        yield daemon
        assert not daemon.leaks()


def rings(alone, phone, uid):
    alone.mail(phone, uid)
    until(lambda: any(uid in [one for _, one, _ in push.mails] for push in phone.new()), 20,
          "the mail rings")


@pytest.mark.parametrize("jump", (DAY, -DAY, 20 * YEAR, -2 * HOUR))
@pytest.mark.parametrize("how", ("running", "stopped"))
def test_wall_clock_jumps(alone, clock, jump, how):
    """+1 d, -1 d, +20 y: nothing is removed, neither what is active, nor what is failing or not
    acknowledged yet, and tokens are signed for the new time."""
    phone, failing, new = alone.phone(), alone.phone(), alone.device()
    alone.push.always(failing.endpoint, Answer(500))
    alone.mail(failing)
    alone.until_show(failing, last_answer="500")
    assert alone.ask(new).ok
    alone.push.wait(new.endpoint)
    rings(alone, phone, 1)
    if how == "stopped":
        assert alone.daemon.stop() == 0
        clock.set(jump)
        alone.mailbell.start_daemon()
    else:
        clock.move(jump)
    rings(alone, phone, 2)
    assert alone.exists(phone) and alone.exists(failing) and alone.exists(new)
    assert alone.show(phone)["state"] == "active"


@pytest.mark.parametrize("clock", [True], indirect=True)
def test_a_day_passes(alone, clock):
    """Hour by hour, a day and some: what nobody acknowledged goes, what is active stays."""
    phone, new = alone.phone(), alone.device()
    assert alone.ask(new).ok
    alone.push.wait(new.endpoint)
    for _ in range(23):
        clock.move(HOUR)
    assert alone.exists(new)
    for _ in range(3):
        clock.move(HOUR)
    until(lambda: not alone.exists(new), 10, "it is removed")
    rings(alone, phone, 1)


@pytest.mark.parametrize("clock", [True], indirect=True)
def test_verification_is_tried_three_times(alone, clock):
    """A verification that meets a 5xx: twice more, and then never."""
    device = alone.device()
    alone.push.always(device.endpoint, Answer(500))
    assert alone.ask(device).ok
    for count in (1, 2):
        alone.push.wait(device.endpoint, count)
        alone.until_show(device, waiting=1, last_answer="500", failures=count)
        clock.move(60)
    alone.push.wait(device.endpoint, 3)
    alone.idle(device)
    clock.move(HOUR)
    assert len(alone.push.of(device.endpoint)) == 3


@pytest.mark.parametrize("clock", [True], indirect=True)
def test_not_found_twice(alone, clock):
    """404, and 404 again an hour later: the subscription is deleted; what is found again stays."""
    lost, found = alone.phone(), alone.phone()
    for phone in (lost, found):
        alone.push.script(phone.endpoint, Answer(404))
        alone.mail(phone)
        alone.until_show(phone, last_answer="404", waiting=1)
    alone.push.always(lost.endpoint, Answer(404))
    clock.move(HOUR + 5)
    until(lambda: not alone.exists(lost), 10, "the lost one is deleted")
    alone.idle(found)
    assert alone.show(found)["state"] == "active"


@pytest.mark.parametrize("clock", [True], indirect=True)
def test_too_old(alone, clock):
    """Mail that waited for longer than its TTL is dropped and counted, and later mail rings."""
    phone = alone.phone()
    alone.push.script(phone.endpoint, Answer(429, {"Retry-After": str(6 * DAY)}))
    alone.mail(phone, 1)
    alone.until_show(phone, last_answer="429", waiting=1)
    alone.push.always(phone.endpoint, Answer(503))
    for _ in range(8):
        clock.move(DAY)
    until(lambda: clock.move(60) or alone.show(phone)["waiting"] == 0, 10, "it has gone")
    status = alone.status()
    assert status["expired"] + status["dropped"] == 1, status
    alone.push.always(phone.endpoint)
    alone.mail(phone, 2)

    def told():
        clock.move(600)
        return [uid for post in alone.push.of(phone.endpoint) if post.status == 201
                for _, uid, _ in phone.open(post).mails]
    assert until(told, 20, "the new mail rings") == [2]


@pytest.mark.parametrize("clock", [True], indirect=True)
def test_dead_after(alone, clock):
    """14 days of nothing but failures, in at least 3 tries: removed."""
    phone, good = alone.phone(), alone.phone()
    alone.push.always(phone.endpoint, Answer(500))
    for day in range(16):
        if alone.exists(phone):
            alone.mail(phone, day + 1)
        rings(alone, good, day + 1)
        clock.move(DAY)
        clock.move(2 * HOUR)
    until(lambda: not alone.exists(phone), 10, "the dead one is removed")
    assert alone.exists(good)
