"""What is secret stays in the daemon's memory no longer than it is needed."""

import shutil

import pytest

from lab.alone import Alone
from lab.lab import build_folder
from lab.webpush import b64
from lab.wait import until

DEVICES = 200


def memory(pid):
    """All that a process can write to."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        areas = [line.split()[0].split("-") for line in maps if " rw" in line and "[v" not in line]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for start, end in areas:
            mem.seek(int(start, 16))
            yield mem.read(int(end, 16) - int(start, 16))


def found(pid, secrets):
    """Those of the secrets that are somewhere in the memory of a process."""
    areas = list(memory(pid))
    return [name for name, secret in secrets.items() if any(secret in area for area in areas)]


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """A daemon that has done with its secrets all that it does with them."""
    with Alone() as alone:
        shutil.copy(f"{build_folder()}/mailbell", alone.dir)
        user = alone.user()
        phones = [alone.phone(user) for _ in range(5)]
        crowd = [alone.phone() for _ in range(DEVICES)]
        alone.mail(phones[0])
        for phone in phones:
            assert phone.next().mails
            alone.idle(phone)
        with alone.verbs(user) as verbs:
            assert verbs.command("LWEBPUSH *").ok
        exported = alone.mailbell.run("export")
        assert all(b64(phone.auth) in exported.stdout for phone in crowd)
        saved = tmp_path_factory.mktemp("export") / "saved.jsonl"
        saved.write_text(exported.stdout)
        assert alone.mailbell.run("import", str(saved)).returncode == 0
        yield alone, phones + crowd


def test_the_look_sees(used):
    """What the store holds is found: this look would see what others left."""
    alone, phones = used
    assert found(alone.daemon.pid, {"auth": phones[0].auth, "endpoint": phones[0].endpoint.encode()})


def test_auth(used):
    """An auth secret as text was in frames, in rows of an export and of an import: none is left."""
    alone, phones = used
    secrets = {phone.id: b64(phone.auth).encode() for phone in phones}
    until(lambda: not found(alone.daemon.pid, secrets), 5, "the last frames are wiped")


def test_vapid_key(used):
    """The private key as text was read from its file."""
    alone, _ = used
    assert not found(alone.daemon.pid, {"pem": b"-----BEGIN " + b"PRIVATE KEY-----\nMIG"})
