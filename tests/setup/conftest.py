"""A fresh Debian for each test module: `make check-setup`, or with packages: contrib/check-deb.

The tests need namespaces of their own (network, mounts, processes), which both make: in them the stock
ports are free, and all that was started is gone with them.
"""

import os
import subprocess

import pytest

import fresh
import stock
from lab.authority import Authority
from lab.lab import build_folder
from lab.pushd import PushService
from lab.wait import until


@pytest.fixture(scope="session")
def base():
    if os.environ.get("MAILBELL_NAMESPACE") != "1":
        pytest.skip("this needs namespaces of its own: make check-setup")
    path = fresh.tarball()
    if not os.path.exists(path):
        pytest.skip(f"there is no {path}: python3 tests/setup/fresh.py")
    return path


@pytest.fixture(scope="session")
def packages():
    """The folders of mailbell's packages and of their upgrade."""
    if fresh.PACKAGES_OF_OURS is None:
        pytest.skip("this needs packages: contrib/check-deb")
    return fresh.PACKAGES_OF_OURS, f"{fresh.PACKAGES_OF_OURS}/next"


@pytest.fixture(scope="module")
def machine(base):
    """A Debian with stock Postfix and Dovecot."""
    with stock.unpacked(base) as machine:
        yield machine


@pytest.fixture(scope="module")
def host(machine):
    """The same, and mailbell installed: by `make install`, or its packages."""
    if fresh.PACKAGES_OF_OURS is None:
        subprocess.run(["make", "-s", "-C", fresh.TREE, f"B={build_folder()}", f"DESTDIR={machine.folder}",
                        "install"], check=True)
    else:
        machine.install(fresh.PACKAGES_OF_OURS)
    return machine


@pytest.fixture(scope="module")
def before(host):
    host.good("useradd", "-m", "alice")
    host.good("chpasswd", stdin="alice:secret\n")
    return stock.snapshot(host)


@pytest.fixture(scope="module")
def installed(host, before):
    """mailbell setup, and the start commands that it prints."""
    return stock.start(host)


@pytest.fixture(scope="module")
def push(host, installed):
    """A push service that mailbelld trusts."""
    folder = host.path("/etc/mailbell/test-ca")
    os.mkdir(folder)
    authority = Authority(folder)
    service = PushService(authority).start()
    with open(host.path(stock.CONFIG), "a", encoding="ascii") as file:
        file.write(f"endpoint_allow = {service.prefix}\n"
                   f"push_ca_file = {authority.path[len(host.folder):]}\n")
    module = os.stat(host.path("/run/mailbell/module")).st_ino
    host.good("pkill", "-HUP", "-x", "mailbelld")
    until(lambda: os.stat(host.path("/run/mailbell/module")).st_ino != module, 20, "mailbelld has read it")
    yield service
    service.stop()
