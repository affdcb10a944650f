"""The operator's view of the real chain: what became of a mail, and which accounts are gone."""

import json
import os

from lab.wait import until

EX_NOUSER, EX_TEMPFAIL = 67, 75
FIRST = {"lmtp": ["accepted"], "milter": ["seen"], "dovecot": []}


def trace(lab, what):
    done = lab.mailbell.run("trace", what, "--json")
    assert done.returncode in (0, EX_NOUSER), done.stderr
    return json.loads(done.stdout) if done.returncode == 0 else []


def traced(lab, what, last):
    """The rows, when the last event is there."""
    return until(lambda: (rows := trace(lab, what)) and rows[-1]["event"] == last and rows, 20,
                 f"the trace of {what} ends with {last}: {trace(lab, what)}")


def test_trace(lab, way, user, phone):
    """One mail from hook to push, in order, by the queue id that Postfix logs and by its Message-ID."""
    message = lab.compose(user)
    queue_id = lab.deliver(user, message)
    phone.next()
    rows = traced(lab, queue_id, "push")
    events = [row["event"] for row in rows]
    assert sorted(events[:-3]) == sorted(["saved", *FIRST[way]])
    assert events[-3:] == ["decided", "queued", "push"]
    assert {row["account"] for row in rows if row["event"] != "seen"} == {user}
    assert "sent (201)" in rows[-1]["what"] and rows[-1]["id"] == phone.id
    message_id = message.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode()
    assert trace(lab, message_id) == rows
    accepted = min(row["time_ms"] for row in rows)
    assert rows[-1]["time_ms"] - accepted < 10000


def test_trace_of_several(lab, user, phone):
    """Several recipients of one mail: each has a line of its own, with and without a device."""
    other = lab.user()
    queue_id = lab.deliver([user, other])
    phone.next()
    traced(lab, queue_id, "push")
    rows = until(lambda: len(rows := trace(lab, queue_id)) >= 8 and rows, 20, "both are decided")
    of = {name: {row["event"] for row in rows if row["account"] == name} for name in (user, other)}
    assert of[user] == {"accepted", "saved", "decided", "queued", "push"}
    assert of[other] == {"accepted", "saved", "decided", "no subscription"}


def test_trace_of_a_discard(lab, user, phone):
    """What Sieve threw away was accepted, and the trace says that nothing was saved."""
    lab.dovecot.sieve(user, "discard;")
    queue_id = lab.deliver(user)
    rows = traced(lab, queue_id, "decided")
    assert [row["event"] for row in rows] == ["accepted", "decided"]
    assert "nothing was saved" in rows[1]["what"] and phone.new() == []


def test_trace_without_a_daemon(lab, user, phone):
    """A mail that came while the daemon was away is traced when it is back."""
    lab.mailbell.daemon.kill()
    queue_id = lab.deliver(user)
    lab.mailbell.start_daemon()
    phone.next(20)
    rows = traced(lab, queue_id, "push")
    assert rows[0]["event"] == "accepted" and "no end" in rows[1]["what"]


def test_accounts_check(lab, tmp_path, monkeypatch):
    """The real doveadm: an account that is gone is found, one that is there is not, and a Dovecot that
    does not answer says nothing about anybody."""
    kept, gone = lab.user(), "somebody.else@lab.test"
    phone = lab.phone(kept)
    with open(f"{lab.mailbell.dir}/gone.jsonl", "w", encoding="utf-8") as out:
        for line in lab.mailbell.run("export").stdout.splitlines():
            row = json.loads(line)
            if row.get("id") == phone.id:
                out.write(json.dumps({**row, "account": gone}) + "\n")
    assert lab.mailbell.run("import", out.name).returncode == 0
    wrapper = tmp_path / "doveadm"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def check(config):
        wrapper.write_text(f'#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/bin exec doveadm -c {config} "$@"\n')
        wrapper.chmod(0o755)
        return lab.mailbell.run("accounts", "--check", "--yes", "--json")
    for nowhere in ("/nonexistent/dovecot.conf", "/dev/null"):
        assert check(nowhere).returncode == EX_TEMPFAIL
    assert len(lab.mailbell.admin("list", gone)) == 1
    done = check(lab.dovecot.config)
    assert json.loads(done.stdout) == [{"account": gone}], done.stderr
    assert lab.mailbell.admin("list", gone) == []
    assert len(lab.mailbell.admin("list", kept)) == 1
