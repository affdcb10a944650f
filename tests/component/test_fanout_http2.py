"""HTTP/2 as services end it: whole connections, single streams, one stream at a time."""

import pytest

from fanout_fixtures import alone, authority, hosts, push, street  # noqa: F401
from lab import evil
from lab.httpserver import Answer


@pytest.fixture(scope="module")
def versions():
    return ("h2",)


@pytest.fixture(scope="module")
def settings():
    return {"http_version": "2"}


def posts_for_mail(alone, phone):           # noqa: F811
    return alone.push.of(phone.endpoint)[1:]


def test_plain(alone, street):              # noqa: F811
    """It is HTTP/2 that is spoken, and a connection is kept."""
    before = alone.push.connections
    for uid in (1, 2, 3):
        assert street.hit(Answer(), uid).version == "HTTP/2"
        alone.idle(street.victim)
    assert alone.push.connections == before


def test_goaway_after(alone, street):       # noqa: F811
    """Answered, then the connection ends: it is done, and the next push takes a new connection."""
    street.hit(Answer(play=evil.goaway_after))
    assert alone.idle(street.victim)["last_answer"] == "201"
    street.hit(Answer(), 2)
    alone.idle(street.victim)
    assert len(posts_for_mail(alone, street.victim)) == 2
    street.witnesses_ring(2)


def test_goaway_before(alone, street):      # noqa: F811
    """A stream that was not processed goes again at once, on a new connection, once."""
    street.hit(Answer(play=evil.goaway_before))
    row = alone.idle(street.victim)
    assert (row["last_answer"], row["failures"]) == ("201", 0)
    first, second = posts_for_mail(alone, street.victim)
    assert second.connection != first.connection and second.when - first.when < 5
    street.witnesses_ring(2)


def test_refused_stream(alone, street):     # noqa: F811
    """REFUSED_STREAM says that nothing was done: again at once, at most one repeat."""
    street.hit(Answer(play=evil.reset(evil.REFUSED_STREAM)))
    row = alone.idle(street.victim)
    assert (row["last_answer"], row["failures"]) == ("201", 0)
    first, second = posts_for_mail(alone, street.victim)
    assert second.when - first.when < 5
    street.witnesses_ring(2)


def test_refused_for_ever(alone, street):   # noqa: F811
    """A service that refuses each stream is not hammered."""
    alone.push.always(street.victim.endpoint, Answer(play=evil.reset(evil.REFUSED_STREAM)))
    alone.mail(street.victim)
    row = alone.until_show(street.victim, failures=1)
    assert row["waiting"] == 1 and row["next_try_time"] - row["last_try_time"] >= 7
    assert len(posts_for_mail(alone, street.victim)) <= 8
    street.witnesses_ring(2)


@pytest.mark.parametrize("code", (evil.INTERNAL_ERROR, evil.CANCEL))
def test_reset(alone, street, code):        # noqa: F811
    """Any other reset: the stream may have been processed, so it is tried later."""
    street.hit(Answer(play=evil.reset(code)))
    row = alone.until_show(street.victim, failures=1)
    assert row["waiting"] == 1 and row["last_answer"] == "transport"
    assert len(posts_for_mail(alone, street.victim)) == 1
    street.witnesses_ring(2)


def test_one_stream(alone, hosts):          # noqa: F811
    """A service that takes one stream at a time gets every push, and no more than a few connections."""
    host = hosts.take()
    alone.push.max_streams = 1
    try:
        before = alone.push.connections
        phones = [alone.phone(endpoint=alone.push.endpoint(host)) for _ in range(10)]
        alone.deliver((phone.user, 1) for phone in phones)
        for phone in phones:
            assert phone.next(20).mails[0][1] == 1
            assert alone.idle(phone)["failures"] == 0
        assert alone.push.connections - before <= 32
    finally:
        alone.push.max_streams = None


def test_hang(alone, street):               # noqa: F811
    """A stream that is never answered keeps nobody else on the same connection."""
    street.hit(Answer(hang=True))
    street.witnesses_ring(2)
    alone.until_show(street.victim, 40, failures=1, last_answer="timeout")
