"""What operators do with the real daemon: trace, queue, preview, export and import, statistics,
accounts that are gone; and the files in contrib/ that name what the tool knows."""

import glob
import json
import os
import re
import resource
import shutil
import subprocess
import time

import pytest

from fanout_fixtures import alone, authority, push, versions  # noqa: F401
from lab import accounts, webpush
from lab.alone import Alone, Talk
from lab.frames import TREE
from lab.httpserver import Answer
from lab.lab import build_folder
from lab.wait import until

EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_NOUSER, EX_UNAVAILABLE = 64, 65, 66, 67, 69
EX_TEMPFAIL, EX_NOPERM = 75, 77
MANY = int(os.environ.get("MAILBELL_MANY", "20000"))


@pytest.fixture(scope="module")
def settings():
    return {"quiet_bulk": "yes"}


@pytest.fixture(scope="module", autouse=True)
def tool(alone):  # noqa: F811
    """mailbell VERB ...: the finished process."""
    shutil.copy(f"{build_folder()}/mailbell", alone.dir)
    return alone.mailbell.run


def done(process, code=0):
    assert process.returncode == code, (process.args, process.returncode, process.stderr)
    return process.stdout


def test_status_in_one_object(alone, tool):  # noqa: F811
    """status --json: the queue, counters by cause, and each push service with its state."""
    alone.phone()
    status = json.loads(done(tool("status", "--json")))
    assert {"outbox", "oldest_age", "in_flight", "answers_2xx", "answers_429"} <= set(status)
    host, = (row for row in status["origins"] if row["in_flight"] == 0 and row["last_success_time"] > 0)
    assert host["state"] and host["paused_until_time"] == 0


# trace


def trace(alone, what):  # noqa: F811
    """The rows; none, where nothing is known yet."""
    with Talk(f"{alone.mailbell.run_dir}/admin") as talk:
        talk.send("REQUEST", [what], NAME="trace")
        rows = []
        while (got := talk.read()).type != "DONE":
            rows += [got.row] if got.type == "ROW" else []
        assert got.exit == (0 if rows else EX_NOUSER)
        return rows


def events(alone, what):  # noqa: F811
    return [row["event"] for row in trace(alone, what)]


def queue_id(serial):
    return f"4j{serial:09}"


def send(alone, phone, uid=1, **content):  # noqa: F811
    """One mail: its queue id."""
    alone.mail(phone, uid, **content)
    return queue_id(next(alone.serial) - 1)


def until_events(alone, what, *wanted):  # noqa: F811
    try:
        until(lambda: events(alone, what) == list(wanted), 20, f"{what}: {wanted}")
    except AssertionError as error:
        raise AssertionError(f"{error}, but {trace(alone, what)}") from None


def test_trace_of_a_push(alone, tool):  # noqa: F811
    """Saved, decided, queued, pushed, with times that grow, by queue id and by Message-ID."""
    phone = alone.phone()
    before = time.time()
    which = send(alone, phone)
    phone.next()
    until_events(alone, which, "saved", "decided", "queued", "push")
    rows = trace(alone, which)
    assert {row["account"] for row in rows} == {phone.user}
    assert [row["id"] for row in rows] == [None, None, phone.id, phone.id]
    assert "sent (201)" in rows[-1]["what"] and "INBOX" in rows[0]["what"]
    times = [row["time_ms"] / 1000 for row in rows]
    assert before - 1 < times[0] and times == sorted(times) and times[-1] < time.time() + 1
    message_id = f"<{int(which[2:])}.alone@example.org>"
    assert trace(alone, message_id) == rows == trace(alone, message_id.strip("<>"))
    assert "sent (201)" in done(tool("trace", which))


def test_trace_of_tries(alone):  # noqa: F811
    """Each answer of the push service is there, in words."""
    phone = alone.phone()
    alone.push.script(phone.endpoint, Answer(503), Answer(503))
    which = send(alone, phone)
    until_events(alone, which, "saved", "decided", "queued", "push")
    alone.admin("queue flush", phone.user)
    until(lambda: len(trace(alone, which)) >= 5, 20, "another try")
    assert ["503" in row["what"] for row in trace(alone, which)[3:5]] == [True, True]


@pytest.mark.parametrize("way", ("nobody", "silent", "quiet", "inactive", "content"))
def test_trace_says_why_not(alone, way):  # noqa: F811
    """No subscription, a silence, quiet mail, an unacknowledged device and content = sync are
    answers, too."""
    phone = alone.device() if way in ("nobody", "inactive") else alone.phone()
    if way == "inactive":
        assert alone.ask(phone).ok
    if way == "silent":
        alone.say(phone, f"SILWEBPUSH {phone.id} 1000")
    if way == "content":
        alone.admin("account", phone.user, "content", "sync")
    which = send(alone, phone, kind=1 if way == "quiet" else 0)
    wanted = {"nobody": "no subscription", "silent": "silent", "quiet": "quiet",
              "inactive": "inactive", "content": "queued"}[way]
    until(lambda: wanted in events(alone, which), 20, f"the trace says {wanted}")
    if way == "content":
        assert "content = sync" in trace(alone, which)[2]["what"]


def test_trace_of_a_digest(alone):  # noqa: F811
    """What a silence held back is followed to the SYNC at its end."""
    phone = alone.phone()
    alone.say(phone, f"SILWEBPUSH {phone.id} 1000")
    one, two = send(alone, phone, 1), send(alone, phone, 2)
    until_events(alone, two, "saved", "decided", "silent")
    alone.say(phone, f"SILWEBPUSH {phone.id} 0")
    assert phone.next(15).text == b"* SYNC\r\n"
    for which in (one, two):
        until_events(alone, which, "saved", "decided", "silent", "push")


def test_trace_knows_nothing(alone, tool):  # noqa: F811
    """What was never told has an exit code and a sentence."""
    out = tool("trace", "4jNOTHING")
    assert out.returncode == EX_NOUSER and "Postfix's log" in out.stderr


def test_trace_keeps_no_secret(alone):  # noqa: F811
    """The files hold no subject, no correspondent, no Message-ID and no endpoint, and are the
    daemon's own."""
    phone = alone.phone()
    which = send(alone, phone)
    phone.next()
    path = f"{alone.mailbell.state_dir}/trace"

    def text():
        with open(path, encoding="utf-8") as lines:
            return lines.read()
    until(lambda: f"{which}\t" in text(), 5, "the trace is written")
    for secret in (*phone.secrets, "canary", "correspondent", "alone@example.org"):
        assert secret not in text()
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_trace_survives_a_kill(alone):  # noqa: F811
    """A kill costs at most the last second."""
    phone = alone.phone()
    which = send(alone, phone)
    phone.next()
    until_events(alone, which, "saved", "decided", "queued", "push")    # which writes them
    alone.restart()
    assert events(alone, which) == ["saved", "decided", "queued", "push"]


def test_trace_lets_others_in(alone):  # noqa: F811
    """While a long trace is read, verbs are answered at once."""
    phone = alone.phone()
    path = f"{alone.mailbell.state_dir}/trace.old"
    line = "1\tQ\t0123456789abcdef\t-\tsaved\tsomebody@example.org\t-\tin INBOX, UID 1\n"
    with open(path, "w", encoding="ascii") as out:
        for _ in range(32):
            out.write(line * (1024 * 1024 // len(line)))
    try:
        with Talk(f"{alone.mailbell.run_dir}/admin") as talk:
            talk.send("REQUEST", ["4jNOTHING"], NAME="trace")
            slowest, ended = 0, False
            with alone.verbs(phone.user) as verbs:
                talk.socket.settimeout(0.001)
                while not ended:
                    start = time.monotonic()
                    assert verbs.command("GETVAPID").ok
                    slowest = max(slowest, time.monotonic() - start)
                    try:
                        ended = len(talk.socket.recv(65536)) > 100
                    except TimeoutError:
                        pass
        assert slowest < 0.5
    finally:
        os.unlink(path)


# queue


@pytest.fixture
def stuck(alone):  # noqa: F811
    """A phone whose push service is away, and for which one mail waits."""
    phone = alone.phone()
    alone.push.script(phone.endpoint, *[Answer(503)] * 3)
    which = send(alone, phone)
    alone.until_show(phone, last_answer="503", waiting=1)
    phone.which = which
    return phone


def test_queue_list(alone, tool, stuck):  # noqa: F811
    """What waits is listed: whose it is, of which mail, since when, until when."""
    row, = alone.admin("queue list", stuck.user)
    assert (row["account"], row["id"], row["kind"], row["queue_id"]) == (
        stuck.user, stuck.id, "mail", stuck.which)
    assert row["accepted_time"] <= time.time() + 1 < row["next_try_time"] + 3 < row["expires_time"]
    assert row in alone.admin("queue list")
    assert alone.admin("queue list", "nobody") == []
    assert stuck.which in done(tool("queue", "list", stuck.user))


def test_queue_flush(alone, tool, stuck):  # noqa: F811
    """flush tries it now."""
    before = len(alone.push.of(stuck.endpoint))
    assert "1 subscriptions" in done(tool("queue", "flush", stuck.user))
    alone.push.asked(stuck.endpoint, before + 1)


def test_queue_drop(alone, tool, stuck):  # noqa: F811
    """drop forgets what waits, of one account or of all, and the trace says who did it."""
    assert tool("queue", "drop").returncode == EX_USAGE
    assert tool("queue", "drop", "--all", "x").returncode == EX_USAGE
    assert "1 notifications" in done(tool("queue", "drop", stuck.user))
    assert alone.admin("queue list", stuck.user) == []
    assert alone.show(stuck)["waiting"] == 0
    assert "mailbell queue drop" in trace(alone, stuck.which)[-1]["what"]
    alone.push.script(stuck.endpoint)
    send(alone, stuck, 2)
    until(lambda: any(push.mails and push.mails[0][1] == 2 for push in stuck.new()), 30,
          "what came later is pushed")
    done(tool("queue", "drop", "--all"))
    assert alone.admin("queue list") == []


def test_queue_drop_under_way(alone, tool):  # noqa: F811
    """Mail that comes between a drop and the answer to a push that was under way is pushed."""
    phone = alone.phone()
    alone.push.script(phone.endpoint, Answer(delay=2))
    before = len(alone.push.of(phone.endpoint))
    send(alone, phone)
    alone.push.asked(phone.endpoint, before + 1)
    assert "1 notifications" in done(tool("queue", "drop", phone.user))
    send(alone, phone, 2)
    alone.until_show(phone, waiting=1)
    alone.push.wait(phone.endpoint, before + 2)
    assert [mail[1] for push in phone.until_mails(2) for mail in push.mails] == [1, 2]


# silence, add


def test_silence(alone, tool):  # noqa: F811
    """silence holds back like SILWEBPUSH; 0 ends it and sends what is owed."""
    phone = alone.phone()
    done(tool("silence", phone.user, phone.id, "1000"))
    assert alone.show(phone)["state"] == "silent"
    send(alone, phone)
    done(tool("silence", phone.user, phone.id, "0"))
    assert phone.next(15).text == b"* SYNC\r\n"
    assert tool("silence", phone.user, phone.id, "soon").returncode == EX_USAGE
    assert tool("silence", phone.user, "nothing", "5").returncode == EX_NOUSER


def subscription_of(device, path):
    """As a browser gives it."""
    path.write_text(json.dumps({
        "endpoint": device.endpoint, "expirationTime": None,
        "keys": {"p256dh": device.p256dh, "auth": webpush.b64(device.auth)}}))
    return str(path)


def test_add(alone, tool, tmp_path):  # noqa: F811
    """A PushSubscription is added inactive, verified and acknowledged like any other."""
    device = alone.device()
    path = subscription_of(device, tmp_path / "sub.json")
    done(tool("add", device.user, device.id, path))
    assert alone.show(device)["state"] == "not acknowledged"
    assert send(alone, device) and device.next(15).text.startswith(b"* ACKWEBPUSH ")
    assert device.new() == []
    assert "already" in done(tool("add", device.user, device.id, path)) or \
        alone.show(device)["state"] == "not acknowledged"


@pytest.mark.parametrize("text, code", [
    ("", EX_DATAERR), ("{", EX_DATAERR), ("[]", EX_DATAERR), ('{"endpoint": "https://x"}', EX_DATAERR),
    ('{"endpoint": "http://push.example.net/x", "keys": {"p256dh": "AA", "auth": "AA"}}', EX_USAGE)])
def test_add_nonsense(alone, tool, tmp_path, text, code):  # noqa: F811
    """What is no PushSubscription is refused with a reason."""
    path = tmp_path / "sub.json"
    path.write_text(text)
    out = tool("add", "alice@lab.test", "x", str(path))
    assert out.returncode == code and out.stderr
    assert alone.admin("list", "alice@lab.test") == []


def test_secrets_are_roots(alone, tool, tmp_path):  # noqa: F811
    """The admin group lists and traces, but gets and gives no secret."""
    phone = alone.phone()
    group = accounts.ADMIN
    path = subscription_of(phone, tmp_path / "sub.json")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)

    def as_group(*argv):
        return subprocess.run(
            ["setpriv", "--reuid=nobody", f"--regid={group}", "--clear-groups",
             f"{alone.dir}/mailbell", "-c", alone.mailbell.config, *argv],
            check=False, capture_output=True, text=True, timeout=30)
    assert phone.id in done(as_group("list", phone.user))
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"version": 1, "kind": "account", "account": "x"}\n')
    for argv in (["export"], ["import", str(lines)], ["add", phone.user, "x", path]):
        out = as_group(*argv)
        assert out.returncode == EX_NOPERM and out.stdout == "", argv


# preview


EML = """\
Received: from x by y with SMTP id 4jQUEUE; Mon, 7 Feb 1994 21:52:25 -0800
From: Joe <joe@example.org>
To: fred@example.org
Subject: Hello
Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)
Message-ID: <1@example.org>
{more}
Good afternoon.
"""


def preview(tool, tmp_path, *argv, more=""):
    path = tmp_path / "mail.eml"
    path.write_text(EML.format(more=more))
    return json.loads(done(tool("preview", str(path), *argv, "--json")))


def test_preview(tool, tmp_path):
    """The plaintext, its sizes and the headers that the POST would have."""
    got = preview(tool, tmp_path)
    assert got["plaintext"] == (
        '* SELECT "INBOX"\r\n* 1 UIDFETCH (ENVELOPE ("Mon, 7 Feb 1994 21:52:25 -0800 (PST)" "Hello" '
        '(("Joe" NIL "joe" "example.org")) (("Joe" NIL "joe" "example.org")) '
        '(("Joe" NIL "joe" "example.org")) ((NIL NIL "fred" "example.org")) NIL NIL NIL '
        '"<1@example.org>"))\r\n')
    assert got["plaintext_octets"] == len(got["plaintext"])
    assert (got["padded_octets"], got["body_octets"]) == (1024, 1127)
    assert got["rings"] and not got["bulk"] and got["content"] == "ENVELOPE"
    assert got["headers"] == {"TTL": "604800", "Urgency": "high", "Content-Encoding": "aes128gcm",
                              "Content-Type": "application/octet-stream"}


def test_preview_is_what_is_pushed(alone, tool, tmp_path):  # noqa: F811
    """A real push of the same ENVELOPE has the same headers and sizes."""
    phone = alone.phone()
    send(alone, phone)
    phone.next()
    real = alone.push.of(phone.endpoint)[-1]
    got = preview(tool, tmp_path)
    assert len(real.body) == got["body_octets"]
    headers = {name.lower(): value for name, value in real.headers.items()}
    for name, value in got["headers"].items():
        if name != "TTL":
            assert headers[name.lower()] == value
    assert 0 <= int(got["headers"]["TTL"]) - int(headers["ttl"]) < 10


@pytest.mark.parametrize("more, changes", [
    ("List-Id: <x.example.org>\n", {"rings": False, "quiet": "quiet_bulk", "bulk": True}),
    ("X-Long: " + "x" * 70000 + "\n", {"content": "SYNC", "why": "header too big"}),
    ("Cc: " + ", ".join(f"a{i}@example.org" for i in range(150)) + "\n",
     {"content": "SYNC", "why": "too many addresses"})])
def test_preview_of_others(tool, tmp_path, more, changes):
    """Mail that rings nobody, and mail that becomes a SYNC."""
    got = preview(tool, tmp_path, more=more)
    assert {name: got[name] for name in changes} == changes
    if got["content"] == "SYNC":
        assert got["headers"]["Urgency"] == "normal" and got["plaintext"].endswith("* SYNC\r\n")


def test_preview_for_a_user(alone, tool, tmp_path):  # noqa: F811
    """--user: what each device of an account would get, and why."""
    phone = alone.phone()
    other = alone.phone(phone.user)
    alone.say(other, f"SILWEBPUSH {other.id} 1000")
    rows = {row["id"]: row for row in preview(tool, tmp_path, "--user", phone.user)["devices"]}
    assert (rows[phone.id]["content"], rows[phone.id]["urgency"]) == ("ENVELOPE", "high")
    assert rows[other.id]["content"] == "nothing" and "silent" in rows[other.id]["why"]
    alone.admin("account", phone.user, "content", "sync")
    rows = {row["id"]: row for row in preview(tool, tmp_path, "--user", phone.user)["devices"]}
    assert rows[phone.id]["content"] == "SYNC"
    out = tool("preview", str(tmp_path / "mail.eml"), "--user", "nobody@lab.test")
    assert out.returncode == EX_NOUSER
    assert phone.new() == []


def test_preview_needs_no_daemon(tmp_path):
    """Without --user nobody is asked."""
    path = tmp_path / "mail.eml"
    path.write_text(EML.format(more=""))
    config = tmp_path / "mailbell.conf"
    config.write_text(f"run_dir = {tmp_path}\n")
    out = subprocess.run([f"{build_folder()}/mailbell", "-c", str(config), "preview", str(path)],
                         check=False, capture_output=True, text=True, timeout=30)
    assert "UIDFETCH" in done(out) and "Urgency: high" in out.stdout


# export, import


def everything(alone_):
    return done(alone_.mailbell.run("export"))


def test_restore(alone, tool, push, authority, tmp_path):  # noqa: F811
    """An export and the VAPID keys, taken into an empty store, are the same again, and a device
    that was there before is pushed to."""
    phone = alone.phone()
    silent = alone.phone(phone.user)
    alone.say(silent, f"SILWEBPUSH {silent.id} 100000")
    unacknowledged = alone.device(phone.user)
    assert alone.ask(unacknowledged).ok
    unacknowledged.next(15)
    alone.admin("account", phone.user, "content", "sync")
    alone.admin("account", phone.user, "content", "envelope")
    for device in (phone, silent, unacknowledged):
        alone.idle(device)
    saved, key = tmp_path / "all.jsonl", tmp_path / "key.pem"
    saved.write_text(everything(alone))
    key.write_text(done(tool("vapid", "export")))
    assert all(json.loads(line)["version"] == 1 for line in saved.read_text().splitlines())
    with Alone(push, authority, endpoint_allow=push.prefixes) as fresh:
        shutil.copy(f"{build_folder()}/mailbell", fresh.dir)
        out = done(fresh.mailbell.run("import", str(saved)))
        assert "0 were there already" in out and "vapid import" in out
        done(fresh.mailbell.run("vapid", "import", str(key)))
        assert everything(fresh) == saved.read_text()
        fresh.mail(phone)
        assert phone.next(15).mails[0][1] == 1
        assert fresh.show(silent)["state"] == "silent"
        assert fresh.show(unacknowledged)["state"] == "not acknowledged"
        again = done(fresh.mailbell.run("import", str(saved)))
        assert "0 records imported" in again


def line_for(template, n):
    return json.dumps({**template, "account": f"many{n:06}@lab.test", "created": n + 1},
                      separators=(",", ":")) + "\n"


def memory_kb(pid, what):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(rf"{what}:\s+(\d+)", status.read())[1])


def test_many(alone, push, authority, tmp_path, record_property):  # noqa: F811
    """Many subscriptions go in and out in bounded memory, while others are served."""
    phone = alone.phone()
    alone.idle(phone)
    template = next(row for row in map(json.loads, everything(alone).splitlines())
                    if row.get("id") == phone.id)
    path = tmp_path / "many.jsonl"
    with open(path, "w", encoding="ascii") as out:
        out.writelines(line_for(template, n) for n in range(MANY))
    with Alone(push, authority, endpoint_allow=push.prefixes) as fresh:
        shutil.copy(f"{build_folder()}/mailbell", fresh.dir)
        argv = [f"{fresh.dir}/mailbell", "-c", fresh.mailbell.config]
        before, start = memory_kb(fresh.daemon.pid, "VmRSS"), time.monotonic()
        with subprocess.Popen([*argv, "import", str(path)], stdout=subprocess.PIPE) as process:
            slowest = serve_while(fresh, process)
            assert process.wait() == 0
        importing = time.monotonic() - start
        start = time.monotonic()
        with open(tmp_path / "out.jsonl", "wb") as out, \
                subprocess.Popen([*argv, "export"], stdout=out) as process:
            slowest = max(slowest, serve_while(fresh, process))
            assert process.wait() == 0
        exporting = time.monotonic() - start
        peak = memory_kb(fresh.daemon.pid, "VmHWM")
        tool_peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(f"\n{MANY}: import {importing:.1f} s, export {exporting:.1f} s, daemon {before} to "
              f"{peak} KiB, slowest answer meanwhile {slowest * 1000:.0f} ms, children {tool_peak} KiB")
        exported = (tmp_path / "out.jsonl").read_bytes()
        ours = [row for row in exported.splitlines(True) if b'"many' in row]
        assert b"".join(ours) == path.read_bytes()
        with open(f"{fresh.dir}/mailbelld", "rb") as program:
            sanitized = b"__asan_init" in program.read()
        # Berkeley DB's cache of 32 MiB, and what a turn needs.
        assert sanitized or peak - before < 60 * 1024
        assert slowest < 1


def serve_while(alone_, process):
    """IMAP verbs until the process has ended: the slowest answer in seconds."""
    slowest = 0
    with alone_.verbs("somebody@lab.test") as verbs:
        while process.poll() is None:
            start = time.monotonic()
            assert verbs.command("LWEBPUSH *").ok
            slowest = max(slowest, time.monotonic() - start)
            time.sleep(0.01)
    return slowest


@pytest.mark.parametrize("line, word", [
    ("nonsense", ":1:"), ("[]", ":1:"), ('{"version": 1}', "kind"),
    ('{"version": 2, "kind": "subscription"}', "version 2"),
    ('{"version": 1, "kind": "account", "account": "x", "colour": 1}', "colour"),
    ('{"version": 1, "kind": "account", "account": ["x"]}', ":1:"), ("x" * 100000, ":1:")])
def test_import_nonsense(alone, tool, tmp_path, line, word):  # noqa: F811
    """A line that is none is named, and nothing of it is taken."""
    path = tmp_path / "bad.jsonl"
    path.write_text(line + "\n")
    before = everything(alone)
    out = tool("import", str(path))
    assert out.returncode == EX_DATAERR and word in out.stderr
    assert everything(alone) == before
    assert tool("import", str(tmp_path / "nothing")).returncode == EX_NOINPUT


def test_import_bad_point(alone, tool, tmp_path):  # noqa: F811
    """A key that is no point of the curve is refused; what came before it is there."""
    phone = alone.phone()
    row = next(row for row in map(json.loads, everything(alone).splitlines())
               if row.get("id") == phone.id)
    good = {**row, "account": "good@lab.test"}
    bad = {**row, "account": "bad@lab.test", "p256dh": "BA" + "A" * 85}
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in (good, bad, good)))
    out = tool("import", str(path))
    assert out.returncode == EX_DATAERR and "line 2" in out.stderr and "curve" in out.stderr
    assert len(alone.admin("list", "good@lab.test")) == 1
    assert alone.admin("list", "bad@lab.test") == []
    done(tool("revoke", "good@lab.test"))


# accounts --check


DOVEADM = """#!/bin/sh
shift
code=0
for name; do
	case $name in
	broken*) exit 75 ;;
	gone*) code=67 ;;
	esac
done
exit $code
"""


@pytest.fixture
def check(alone, tool, tmp_path, monkeypatch):  # noqa: F811
    """accounts --check with a doveadm that knows everybody but gone*, and fails at broken*."""
    path = tmp_path / "doveadm"
    path.write_text(DOVEADM)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    yield lambda *argv: tool("accounts", "--check", *argv)
    for row in alone.admin("accounts"):
        if row["account"].startswith(("gone", "broken")):
            alone.admin("revoke", row["account"])


def test_accounts(alone, tool):  # noqa: F811
    """accounts counts the subscriptions of each."""
    phone = alone.phone()
    alone.phone(phone.user)
    rows = {row["account"]: row["subscriptions"] for row in alone.admin("accounts")}
    assert rows[phone.user] == 2
    assert sum(rows.values()) == alone.status()["subscriptions"]
    assert phone.user in done(tool("accounts"))


def test_accounts_check(alone, check):  # noqa: F811
    """Who Dovecot does not know is named, and revoked only with --yes."""
    kept = alone.phone()
    gone = alone.phone("gone@lab.test")
    out = check()
    assert out.returncode == EX_USAGE and "gone@lab.test" in out.stdout
    assert alone.exists(gone)
    out = check("--yes", "--json")
    assert json.loads(done(out)) == [{"account": "gone@lab.test"}]
    assert not alone.exists(gone) and alone.exists(kept)
    assert "0 do not exist" in done(check())


def test_accounts_check_believes_no_failure(alone, check):  # noqa: F811
    """A doveadm that fails is no verdict about anybody."""
    gone, broken = alone.phone("gone@lab.test"), alone.phone("broken@lab.test")
    out = check("--yes")
    assert out.returncode == EX_TEMPFAIL and "75" in out.stderr
    assert alone.exists(gone) and alone.exists(broken)


def test_accounts_check_without_doveadm(alone, check, tmp_path, monkeypatch):  # noqa: F811
    """Nor is one that is not there, or that is killed."""
    gone = alone.phone("gone@lab.test")
    (tmp_path / "doveadm").write_text("#!/bin/sh\nkill -9 $$\n")
    assert check("--yes").returncode == EX_UNAVAILABLE
    (tmp_path / "doveadm").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check("--yes").returncode == EX_UNAVAILABLE
    assert alone.exists(gone)


def test_accounts_check_of_a_broken_userdb(alone, check, tmp_path):  # noqa: F811
    """Where most are gone it is the userdb that is broken."""
    phone = alone.phone()
    row = next(row for row in map(json.loads, everything(alone).splitlines())
               if row.get("id") == phone.id)
    path = tmp_path / "gone.jsonl"
    path.write_text("".join(json.dumps({**row, "account": f"gone{i}@lab.test"}) + "\n"
                            for i in range(60)))
    done(alone.mailbell.run("import", str(path)))
    (tmp_path / "doveadm").write_text("#!/bin/sh\nexit 67\n")
    out = check("--yes")
    assert out.returncode == EX_TEMPFAIL and "userdb" in out.stderr
    assert alone.exists(phone)


# stats


def samples(text):
    """Name and labels to value; checks the form on the way."""
    out, typed = {}, set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in typed and kind in ("gauge", "counter", "histogram")
            typed.add(name)
        elif not line.startswith("# HELP "):
            name, value = line.rsplit(" ", 1)
            family = re.sub(r"_(bucket|sum|count)$", "", name.partition("{")[0])
            assert family in typed or name.partition("{")[0] in typed, line
            assert re.fullmatch(r'[a-z_0-9]+(\{([a-z]+="[^"]*",?)+\})?', name), line
            out[name] = float(value)
    return out


def test_prometheus(alone, tool):  # noqa: F811
    """Counters count, and the histogram holds each push once."""
    phone = alone.phone()
    before = samples(done(tool("stats", "--prometheus")))
    alone.mail(phone)
    phone.next()
    alone.deliver([("nobody@lab.test", 1)])

    def grown(name):
        return samples(done(tool("stats", "--prometheus")))[name] - before[name]
    until(lambda: grown("mailbell_push_lag_seconds_count") == 1, 20, "the push is counted")
    assert grown('mailbell_push_lag_seconds_bucket{le="+Inf"}') == 1
    assert grown('mailbell_push_lag_seconds_bucket{le="10"}') == 1
    assert 0 <= grown("mailbell_push_lag_seconds_sum") < 10
    assert grown('mailbell_answers_total{answer="2xx"}') >= 1
    until(lambda: grown('mailbell_not_rung_total{cause="no_subscription"}') == 1, 20, "counted")
    assert grown("mailbell_saved_total") == 2
    assert before["mailbell_subscriptions"] == alone.status()["subscriptions"]
    assert "mailbell_queue_records" in done(tool("stats"))


def named_metrics():
    """What the dashboard and the rules ask for, with the file that does."""
    for path in (f"{TREE}/contrib/grafana/mailbell.json",
                 f"{TREE}/contrib/prometheus/mailbell.rules.yml"):
        with open(path, encoding="utf-8") as text:
            for name in re.findall(r"\bmailbell_[a-z_0-9]+", text.read()):
                yield path, name


def test_dashboard_and_rules_name_what_exists(tool):
    """Every metric that the dashboard and the rules name is one of `stats --prometheus`."""
    there = {name.partition("{")[0] for name in samples(done(tool("stats", "--prometheus")))}
    named = list(named_metrics())
    assert len(named) > 30
    for path, name in named:
        assert name in there, (path, name)


def test_rules_name_causes_that_exist(tool):
    """So does every label of an alert."""
    there = " ".join(samples(done(tool("stats", "--prometheus"))))
    with open(f"{TREE}/contrib/prometheus/mailbell.rules.yml", encoding="utf-8") as text:
        labels = re.findall(r'\{(\w+)=~?"([^"]+)"\}', text.read())
    assert labels
    for label, values in labels:
        for value in values.split("|"):
            assert f'{label}="{value}"' in there, (label, value)


def test_dashboard_is_json():
    """It loads, and no two panels are one."""
    with open(f"{TREE}/contrib/grafana/mailbell.json", encoding="utf-8") as text:
        board = json.load(text)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) and board["title"] == "mailbell"


def test_promtool(alone, tool, tmp_path):  # noqa: F811
    """promtool finds nothing in the rules, and nothing in the figures."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done(subprocess.run(["promtool", "check", "rules", f"{TREE}/contrib/prometheus/mailbell.rules.yml"],
                        check=False, capture_output=True, text=True, timeout=60))
    out = subprocess.run(["promtool", "check", "metrics"], check=False, capture_output=True, text=True,
                         input=done(tool("stats", "--prometheus")), timeout=60)
    assert (done(out), out.stderr) == ("", "")


# Words: what names the verbs names them all


def verbs():
    """The names in the tool's own tables."""
    names = []
    for path in ("admin/verb.c", "admin/helper.c"):
        with open(f"{TREE}/{path}", encoding="utf-8") as source:
            names += re.findall(r'^\t\{ (?:\.name = )?"([a-z ]+)",', source.read(), re.M)
    assert {"status", "queue drop", "vapid retire", "trace"} <= set(names)
    return names


FIRST = {"mailbell.bash": r'-r verbs="([^"]+)"', "_mailbell": r"verbs=\(([^)]+)\)",
         "mailbell.fish": r"first -a (\w+) "}


@pytest.mark.parametrize("name", sorted(FIRST))
def test_completions_know_the_verbs(name):
    """The completions for bash, zsh and fish offer the verbs that there are, and no others."""
    with open(f"{TREE}/contrib/completions/{name}", encoding="utf-8") as source:
        text = source.read()
    found = re.findall(FIRST[name], text, re.S)
    words = found if name == "mailbell.fish" else (
        found[0].split() if name == "mailbell.bash" else re.findall(r"'(\w+):", found[0]))
    assert sorted(words) == sorted({verb.split()[0] for verb in verbs()})
    for verb in verbs():
        if " " in verb:
            assert re.search(rf"\b{verb.split()[1]}\b", text), verb
    with open(f"{TREE}/admin/main.c", encoding="utf-8") as source:
        for option in re.findall(r'\{ CALL_\w+, "--(\w+)" \}', source.read()):
            assert re.search(rf"(--|-l ){option}\b", text), option


def complete(line):
    """What bash offers at the end of a command line."""
    words = line.split(" ")
    script = (f"source {TREE}/contrib/completions/mailbell.bash\n"
              f"COMP_WORDS=({' '.join(repr(word) for word in words)})\n"
              f"COMP_CWORD={len(words) - 1}\n_mailbell\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"")
    out = subprocess.run(["bash", "--norc", "-c", script], check=False, capture_output=True, text=True,
                         timeout=20, cwd=TREE)
    assert out.stderr == "", out.stderr
    return set(out.stdout.split())


def test_bash_completes():
    """Verbs, second words, options and files are offered where they belong."""
    assert complete("mailbell tr") == {"trace"}
    assert complete("mailbell --json queue ") == {"list", "flush", "drop"}
    assert complete("mailbell -c FILE vapid r") == {"rotate", "retire"}
    assert complete("mailbell account alice --content s") == {"sync", "site"}
    assert complete("mailbell queue drop --a") == {"--all"}
    assert complete("mailbell stats --p") == {"--prometheus"}
    assert complete("mailbell import READ") == {"README.md"}
    assert complete("mailbell add alice phone READ") == {"README.md"}
    assert complete("mailbell add READ") == set()


@pytest.mark.parametrize("shell, argv, name", [
    ("bash", ["-n"], "mailbell.bash"), ("zsh", ["-n"], "_mailbell"),
    ("fish", ["--no-execute"], "mailbell.fish")])
def test_shells_read_them(shell, argv, name):
    """Each shell finds its file well-formed."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    out = subprocess.run([shell, *argv, f"{TREE}/contrib/completions/{name}"], check=False,
                         capture_output=True, text=True, timeout=20)
    assert (out.returncode, out.stdout, out.stderr) == (0, "", "")


def test_manual_page_has_every_verb():
    """mailbell(8) has an entry for each verb, and for each exit code that --help names."""
    with open(f"{TREE}/admin/mailbell.8", encoding="utf-8") as source:
        page = source.read()
    for verb in verbs():
        assert re.search(rf"^\.(It|Cm) (Xo\n\.)?(Cm )?{verb}\b", page, re.M), verb
    for code in (0, 64, 65, 66, 67, 69, 73, 74, 75, 76, 77, 78):
        assert f"\n.It {code}\n" in page, code


def test_verify(alone, tool):  # noqa: F811
    """mailbelld --verify checks a store that no daemon holds, and says so where one does."""
    argv = [f"{alone.dir}/mailbelld", "-c", alone.mailbell.config, "--verify"]

    def verify():
        return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
    busy = verify()
    assert busy.returncode == EX_UNAVAILABLE and "stop it first" in busy.stderr
    alone.daemon.stop()
    try:
        assert "every record can be read" in done(verify())
        path, = glob.glob(f"{alone.mailbell.state_dir}/store/subscription.db")
        with open(path, "r+b") as base:
            whole = base.read()
            base.seek(4096 + 2000)
            base.write(bytes(1000))
        broken = verify()
        assert broken.returncode != 0 and broken.stderr
        with open(path, "r+b") as base:
            base.write(whole)
        done(verify())
    finally:
        alone.mailbell.start_daemon()
