"""mailbell reach: the daemon tries the way to the push services, and pushes nothing."""

import pytest

from lab.alone import Alone, Talk
from lab.pushd import PushService


@pytest.fixture
def alone():
    with Alone() as alone:
        yield alone


@pytest.fixture
def services(alone):
    """Two push services, at addresses of their own."""
    other = PushService(alone.authority, hosts=("127.0.0.2",)).start()
    alone.configure(endpoint_allow=[alone.push.prefix, other.prefix])
    yield [alone.push, other]
    other.stop()


def reach(alone):
    """({origin: row}, the exit code)"""
    with Talk(f"{alone.mailbell.run_dir}/admin", 40) as talk:
        talk.send("REQUEST", NAME="reach")
        rows = {}
        while (got := talk.read()).type != "DONE":
            if got.type == "ROW":
                rows[got.row["origin"]] = got.row
        return rows, got.exit


def test_nothing_in_use(alone):
    """No subscription, no question."""
    assert reach(alone) == ({}, 0)


def test_each_service_once(alone, services):
    """Each service in use gets one HEAD, whatever it answers, and no push."""
    phones = [alone.phone(push=service) for service in (*services, services[1])]
    before = [len(service.of(phone.endpoint)) for service, phone in zip((*services, services[1]), phones)]
    rows, code = reach(alone)
    assert code == 0
    assert set(rows) == {service.origin for service in services}
    assert all(row["result"] == "http" and row["status"] > 0 for row in rows.values())
    for service in services:
        assert [post.method for post in service.posts if post.method != "POST"] == ["HEAD"]
    assert before == [len([post for post in service.of(phone.endpoint) if post.method == "POST"])
                      for service, phone in zip((*services, services[1]), phones)]
    assert "authorization" not in [post for post in services[0].posts if post.method == "HEAD"][0].headers


def test_what_cannot_be_reached(alone, services):
    """A service that is down is told as what it is, beside one that is up; the exit code says so."""
    alone.phone(push=services[0])
    alone.phone(push=services[1])
    services[1].stop()
    rows, code = reach(alone)
    assert code == 75
    assert rows[services[0].origin]["result"] == "http"
    assert rows[services[1].origin]["result"] == "connect"


def test_guard_holds(alone, services):
    """A service whose prefix is allowed no more is not connected to: the guard says no to its address."""
    alone.phone(push=services[1])
    alone.configure(endpoint_allow=services[0].prefix, endpoint_literals="yes",
                    endpoint_ports=str(services[1].port))
    connections = services[1].connections
    rows, code = reach(alone)
    assert (rows, code) == ({}, 0)
    assert services[1].connections == connections
