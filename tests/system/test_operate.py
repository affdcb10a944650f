"""What an operator does: the tool, the configuration, signals."""

import json
import os
import signal
import subprocess

import pytest

from lab.httpserver import Answer
from lab.wait import until

EX_USAGE, EX_NOUSER, EX_UNAVAILABLE, EX_CONFIG = 64, 67, 69, 78


def has_no_secret(text, *devices):
    return not any(secret in text for device in devices for secret in device.secrets)


def test_list(lab, user, phone):
    """list USER has one row for each subscription; list has all accounts'."""
    other = lab.phone(lab.user())
    rows = lab.mailbell.admin("list", user)
    assert [row["id"] for row in rows] == [phone.id]
    assert "127.0.0.1" in json.dumps(rows[0])
    everyone = lab.mailbell.admin("list")
    assert {phone.id, other.id} <= {row["id"] for row in everyone}
    table = lab.mailbell.run("list", user)
    assert table.returncode == 0 and phone.id in table.stdout
    assert has_no_secret(json.dumps(everyone) + table.stdout, phone, other)


def test_show(lab, user, phone):
    """show USER ID: state, host and times, never the endpoint's path or a key."""
    lab.deliver(user)
    phone.next()
    done = lab.mailbell.run("show", user, phone.id)
    assert done.returncode == 0 and "127.0.0.1" in done.stdout and "active" in done.stdout
    shown = lab.mailbell.admin("show", user, phone.id)
    assert isinstance(shown, dict) and "active" in json.dumps(shown)
    assert has_no_secret(done.stdout + json.dumps(shown), phone)


@pytest.mark.parametrize("verb", (["show", "{user}", "nothing"], ["remove", "{user}", "nothing"]))
def test_unknown_subscription(lab, user, verb):
    """An unknown subscription has its exit code."""
    done = lab.mailbell.run(*(word.format(user=user) for word in verb))
    assert done.returncode == EX_NOUSER and done.stderr


def test_remove(lab, user, phone):
    """remove USER ID: it is gone, for the client, too."""
    kept = lab.phone(user)
    assert lab.mailbell.run("remove", user, phone.id).returncode == 0
    with lab.imap(user) as imap:
        assert imap.command("LWEBPUSH *").lines("WEBPUSH") == [
            f"* WEBPUSH {kept.id} {kept.endpoint} 0"]
    lab.deliver(user)
    assert kept.next().mails and phone.new() == []


def test_revoke(lab, user, phone):
    """revoke USER removes all of an account, and no one else's."""
    lab.phone(user)
    other_user = lab.user()
    lab.phone(other_user)
    assert lab.mailbell.run("revoke", user).returncode == 0
    assert lab.mailbell.admin("list", user) == []
    assert len(lab.mailbell.admin("list", other_user)) == 1


def test_test(lab, user, phone):
    """test USER sends a SYNC, Urgency high, at once, and tells what the push service answered."""
    unacknowledged = lab.device()
    with lab.imap(user) as imap:
        assert unacknowledged.webpush(imap).ok
    unacknowledged.next()
    rows = lab.mailbell.admin("test", user)
    push = phone.next(5)
    assert push.text == b"* SYNC\r\n" and push.urgency == "high"
    assert "201" in json.dumps(rows) and has_no_secret(json.dumps(rows), phone)
    assert unacknowledged.new() == []


def test_test_tells_a_refusal(lab, user, phone):
    """test USER says so when the push service refuses."""
    lab.push.script(phone.endpoint, Answer(403))
    done = lab.mailbell.run("test", user)
    assert "403" in done.stdout + done.stderr


def test_status(lab):
    """status has one object of numbers."""
    status = lab.mailbell.admin("status")
    assert {"outbox", "waiting_arrivals", "waiting_saved"} <= set(status)
    assert lab.mailbell.run("status").stdout


def test_usage(lab):
    """A wrong verb or a wrong number of arguments: 64, and a hint."""
    for words in ([], ["fly"], ["show"], ["remove", "one"]):
        done = lab.mailbell.run(*words)
        assert done.returncode == EX_USAGE and done.stderr, words


def test_daemon_not_there(lab):
    """Without a daemon: 69, and a sentence that says so."""
    lab.mailbell.daemon.stop()
    done = lab.mailbell.run("status")
    assert done.returncode == EX_UNAVAILABLE
    assert "mailbelld" in done.stderr


@pytest.mark.parametrize("line, word", [
    ("no_such_key = 1", "no_such_key"), ("hook = pigeon", "hook"), ("burst = many", "burst"),
    ("nonsense", "nonsense"), ("endpoint_allow = http://10.0.0.1/", "endpoint_allow")])
@pytest.mark.parametrize("program", ("mailbelld", "mailbell-lmtp", "mailbell"))
def test_bad_configuration(lab, tmp_path, program, line, word):
    """An unknown key or a bad value is an error with file and line, in every program."""
    with open(lab.mailbell.config, encoding="utf-8") as good:
        text = good.read()
    bad = tmp_path / "mailbell.conf"
    bad.write_text(text + line + "\n")
    argv = [f"{lab.build}/{program}", "-c", str(bad)] + (["status"] if program == "mailbell" else [])
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=20)
    assert done.returncode == EX_CONFIG
    assert f"{bad}:{text.count(chr(10)) + 1}:" in done.stderr


def test_sighup(lab, user, phone, settings):
    """SIGHUP reloads what can be reloaded: the process and its subscriptions stay."""
    pid = lab.mailbell.daemon.pid
    settings(quiet_bulk="yes")
    assert lab.mailbell.daemon.pid == pid and lab.mailbell.daemon.running
    lab.deliver(user, headers="Precedence: bulk\n")
    lab.deliver(user)
    assert [uid for _, uid, _ in phone.next().mails] == [2]


def test_sighup_with_a_fault(lab, user, phone):
    """SIGHUP with a bad file: the fault is logged, the old settings stay."""
    good = lab.mailbell.config + ".good"
    os.rename(lab.mailbell.config, good)
    with open(lab.mailbell.config, "w", encoding="ascii") as out:
        out.write("no_such_key = 1\n")
    try:
        lab.mailbell.daemon.signal(signal.SIGHUP)
        until(lambda: "no_such_key" in lab.mailbell.daemon.tail(30), 10, "the fault is logged")
    finally:
        os.rename(good, lab.mailbell.config)
    lab.deliver(user)
    assert phone.next().mails


def test_sockets(lab):
    """The four sockets have the modes that their peers need, and no more."""
    modes = {name: os.stat(f"{lab.mailbell.run_dir}/{name}").st_mode & 0o777
             for name in ("arrival", "saved", "command", "admin")}
    assert set(modes.values()) == {0o660}


def test_log_line(lab, user, phone):
    """One line per push: queue id, account, host, status; joined to Postfix's log by the queue id."""
    queue_id = lab.deliver(user)
    phone.next()

    def logged():
        with open(lab.mailbell.daemon.log, encoding="utf-8") as log:
            return [line for line in log if queue_id in line and "status=sent (201)" in line]
    line = until(logged, 5, "the outcome is logged")[0]
    assert f"user={user}" in line and "host=127.0.0.1" in line


def test_nobody_else_may(lab):
    """An ordinary user of the system gets nothing from the sockets."""
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
         f"{lab.build}/mailbell", "-c", lab.mailbell.config, "status"],
        check=False, capture_output=True, text=True, timeout=20)
    assert done.returncode in (69, 77) and done.stdout == ""
