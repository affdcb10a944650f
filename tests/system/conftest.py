"""One laboratory for all system tests: one Postfix, one Dovecot, one mailbell."""

import os
import time

import pytest

from lab.lab import Lab, build_folder


@pytest.fixture(scope="session")
def laboratory():
    if os.geteuid() != 0:
        pytest.exit("system tests start Postfix and Dovecot: run them as root", 1)
    if not os.path.exists(f"{build_folder()}/mailbelld"):
        pytest.exit(f"there is no mailbelld in {build_folder()}: run make first", 1)
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="module", params=("lmtp", "milter", "dovecot"))
def way(request):
    """The tests that use it run with the proxy, with the milter, and with the Dovecot module alone."""
    return request.param


@pytest.fixture
def lab(laboratory, request):
    """The laboratory, whole, with usual settings; mail travels by `way`, or by the proxy."""
    laboratory.whole()
    laboratory.use(request.getfixturevalue("way") if "way" in request.fixturenames else "lmtp")
    yield laboratory


@pytest.fixture
def user(lab):
    """A user whom no other test knows."""
    return lab.user()


@pytest.fixture
def phone(lab, user):
    """A device of user, subscribed and acknowledged."""
    return lab.phone(user)


@pytest.fixture
def imap(lab, user):
    """An IMAP connection of user, logged in."""
    with lab.imap(user) as client:
        yield client


@pytest.fixture
def settings(lab):
    """settings(key=value, ...) changes mailbell.conf for one test."""
    yield lab.configure
    lab.whole()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What fails shows the ends of the logs."""
    report = (yield).get_result()
    lab = item.funcargs.get("laboratory") if hasattr(item, "funcargs") else None
    if report.failed and lab is not None:
        report.sections.append((f"logs at {time.strftime('%H:%M:%S')}", lab.tails()))
