"""The VAPID key ring while the daemon runs: list, new, rotate, retire, import, export."""

import json
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding, NoEncryption, PrivateFormat, load_pem_private_key)

from fanout_fixtures import alone, authority, hosts, push, settings, versions   # noqa: F401
from lab import webpush
from lab.lab import build_folder

EX_USAGE, EX_DATAERR, EX_NOPERM = 64, 65, 77


def keys(alone):
    return {row["id"]: row for row in alone.admin("vapid list")}


def current(alone):
    return next(row["id"] for row in keys(alone).values() if row["state"] == "current")


def tool(alone, *argv):
    return subprocess.run([f"{build_folder()}/mailbell", "-c", alone.mailbell.config, *argv],
                          check=False, capture_output=True, text=True, timeout=30)


def public_of(pem):
    return webpush.b64(webpush.public_octets(load_pem_private_key(pem.encode(), None)))


def test_list_counts_subscriptions(alone):
    """vapid list: each key, which is current, how many subscriptions it has."""
    before = keys(alone)[current(alone)]["subscriptions"]
    phone = alone.phone()
    row = keys(alone)[current(alone)]
    assert row["subscriptions"] == before + 1 and row["public_key"] == phone.vapid


def test_rotate(alone):
    """rotate: old devices are told, signed by the old key; a refresh moves them to the new one."""
    phone, old = alone.phone(), current(alone)
    done = tool(alone, "vapid", "rotate")
    assert done.returncode == 0, done.stderr
    new = current(alone)
    assert new != old
    push = phone.next()                 # opened: signed by the key that it subscribed under
    assert push.responses == [("VAPID", keys(alone)[new]["public_key"])]
    assert (push.urgency, push.ttl) == ("normal", 7 * 86400) and push.topic
    alone.mail(phone, 1)
    assert phone.next().mails, "a device under the old key still rings"
    alone.admin("vapid rotate", new)    # the same again: nobody is told twice
    alone.mail(phone, 2)
    assert phone.next().mails
    reply = alone.ask(phone)            # the identical form: deactivated, verified by the new key
    assert reply.lines("VAPID") == [f"* VAPID {keys(alone)[new]['public_key']}"]
    assert reply.lines("WEBPUSH")[0].endswith(" NIL")
    alone.say(phone, f"ACKWEBPUSH {phone.next().token}")
    alone.mail(phone, 3)
    assert phone.next().mails


def test_refresh_beyond_the_limit(alone):
    """Where the account has had its verifications, a refresh under a new key is OK, and changes nothing."""
    phone = alone.phone()
    for _ in range(9):
        assert alone.ask(alone.device(phone.user)).ok
    alone.admin("vapid rotate")
    phone.next()
    reply = alone.ask(phone)
    assert reply.ok and "next verification in" in reply.text
    assert reply.lines("WEBPUSH")[0].endswith(" 0")
    phone.vapid = None          # it goes on under the key that it was acknowledged with
    alone.mail(phone)
    assert phone.next().mails


def test_who_is_silent_is_told_later(alone):
    """A silent device is not pushed to, not even for a new key."""
    phone = alone.phone()
    alone.say(phone, f"SILWEBPUSH {phone.id} 3600")
    other = alone.phone()
    alone.admin("vapid rotate")
    assert other.next().responses[0][0] == "VAPID"
    assert phone.new() == []


def test_retire(alone):
    """retire: refused while a subscription uses the key; by force those become inactive."""
    phone, old = alone.phone(), current(alone)
    assert tool(alone, "vapid", "retire", old).returncode == EX_USAGE
    alone.admin("vapid rotate")
    phone.next()
    refused = tool(alone, "vapid", "retire", old)
    assert refused.returncode == EX_USAGE and "subscriptions" in refused.stderr
    done = tool(alone, "vapid", "retire", old, "--force")
    assert done.returncode == 0, done.stderr
    assert old not in keys(alone)
    assert alone.show(phone)["state"] == "not acknowledged"
    alone.mail(phone)
    assert phone.new() == []
    alone.ask(phone)
    alone.say(phone, f"ACKWEBPUSH {phone.next().token}")
    alone.mail(phone)
    assert phone.next().mails


def test_new_and_retire_unused(alone):
    """new makes a key that is not current and that nothing uses: it can go at once."""
    before = current(alone)
    made = tool(alone, "vapid", "new").stdout.split()[0]
    assert current(alone) == before and keys(alone)[made]["state"] == "unused"
    alone.restart()
    assert made in keys(alone)
    assert tool(alone, "vapid", "retire", made).returncode == 0
    assert made not in keys(alone)


def test_export_and_import(alone, tmp_path):
    """export prints the PEM; import takes it, and every form that OpenSSL writes."""
    done = tool(alone, "vapid", "export")
    assert done.returncode == 0, done.stderr
    assert public_of(done.stdout) == keys(alone)[current(alone)]["public_key"]
    assert public_of(json.loads(tool(alone, "--json", "vapid", "export").stdout)["pem"])
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        key = ec.generate_private_key(ec.SECP256R1())
        file = tmp_path / "key.pem"
        file.write_bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))
        for _ in range(2):
            done = tool(alone, "vapid", "import", str(file))
            assert done.returncode == 0, done.stderr
        name = done.stdout.split()[0]
        assert keys(alone)[name]["public_key"] == webpush.b64(webpush.public_octets(key))
        assert keys(alone)[name]["state"] == "unused"
    assert "PRIVATE" not in alone.log


@pytest.mark.parametrize("text, code", [("nonsense", EX_DATAERR), ("", EX_DATAERR),
                                        ("x" * 9000, EX_DATAERR)],
                         ids=["nonsense", "empty", "long"])
def test_import_refuses(alone, tmp_path, text, code):
    """What is no key is refused, and changes nothing."""
    file, before = tmp_path / "key.pem", keys(alone)
    file.write_text(text)
    assert tool(alone, "vapid", "import", str(file)).returncode == code
    assert keys(alone) == before


def test_unknown_key(alone):
    """A key that is not there, for every verb that names one."""
    for verb in ("rotate", "retire", "export"):
        assert tool(alone, "vapid", verb, "0123456789abcdef").returncode == EX_USAGE
