"""A fresh Debian for each test module: `make check-setup`.

The tests need namespaces of their own (network, mounts, processes), which `make check-setup` makes: in
them the stock ports are free, and all that was started is gone with them.
"""

import os
import shutil
import subprocess
import tempfile

import pytest

import fresh
from lab.lab import build_folder


@pytest.fixture(scope="session")
def base():
    if os.environ.get("MAILBELL_NAMESPACE") != "1":
        pytest.skip("this needs namespaces of its own: make check-setup")
    path = fresh.tarball()
    if not os.path.exists(path):
        pytest.skip(f"there is no {path}: python3 tests/setup/fresh.py")
    return path


@pytest.fixture(scope="module")
def host(base):
    """A Debian with stock Postfix and Dovecot, and `make install`."""
    folder = tempfile.mkdtemp(prefix="mbroot.", dir="/tmp")
    subprocess.run(["tar", "-C", folder, "-xpf", base], check=True)
    os.chmod(folder, 0o755)
    host = fresh.Host(folder)
    host.mount()
    subprocess.run(["make", "-s", "-C", fresh.TREE, f"B={build_folder()}", f"DESTDIR={folder}", "install"],
                   check=True)
    yield host
    host.unmount()
    shutil.rmtree(folder)
