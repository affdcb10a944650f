"""What tests of mailbell-lmtp start with; import the names that a test file uses."""

import pytest

from lmtp_peers import Proxy, greeted


@pytest.fixture
def proxy():
    with Proxy() as running:
        yield running


@pytest.fixture
def backend(proxy):
    return proxy.with_backend()


@pytest.fixture
def worker(proxy, backend):
    """The only worker's connection to the daemon."""
    daemon = proxy.with_daemon()
    proxy.start()
    return daemon.accept()


@pytest.fixture
def pair(proxy, backend, worker):
    """A front and a backend, behind LHLO, with a daemon."""
    return greeted(proxy, backend)


@pytest.fixture
def alone(proxy, backend):
    """The same, without a daemon."""
    proxy.start()
    return greeted(proxy, backend)
