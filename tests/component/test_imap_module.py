"""The command module in a real Dovecot, with a scripted daemon: what the daemon is asked, what the
client gets, and that Dovecot never waits, panics or tells its log what is secret."""

import os
import signal
import time

import pytest

from lab.dovecot import hibernation
from lab.imapclient import Closed, Literal
from lab.wait import until
from module_daemon import Daemon, frame, ok
from module_lab import MailServer

ENDPOINT = "https://push.example.net/push/c4n4ryEndp0int%2F*a]b?x=1"
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
TOKEN = "585078c5-fb8b-4ed0-8e77-474ab08f0a30"
VERBS = ("GETVAPID", "WEBPUSH", "ACKWEBPUSH", "LWEBPUSH", "SILWEBPUSH")


@pytest.fixture(scope="module")
def mail():
    """An idle client hibernates, and Dovecot logs each command with its arguments."""
    with MailServer(hibernation()) as server:
        yield server
        log = server.log()
        assert "Panic" not in log and "killed with signal 6" not in log and "Leaked" not in log


@pytest.fixture
def daemon(mail):
    scripted = Daemon(mail.run_dir)
    yield scripted
    scripted.stop()


def silent(_):
    return None


def unavailable(reply):
    return (reply.status, reply.code) == ("NO", "UNAVAILABLE")



# Capability and sessions.

def test_capability_after_login_only(mail, daemon):
    """WEBPUSH is a capability of the session, not of the greeting; begin and end are told."""
    user = mail.user()
    with mail.imap() as imap:
        assert b"WEBPUSH" not in imap.greeting and "WEBPUSH" not in imap.capabilities()
        assert imap.command(f"LOGIN {user} secret").ok
        assert "WEBPUSH" in imap.capabilities()
        begin, = daemon.wait("SESSION", user)
        assert begin.begin == 1 and begin.session
        imap.logout()
    _, end = daemon.wait("SESSION", user, 2)
    assert not end.begin and end.session == begin.session
    assert {h.program for h in daemon.hellos("command")} == {b"dovecot-imap"}
    until(lambda: all(c.closed for c in daemon.connections), what="no connection is kept")


def test_no_daemon(mail):
    """Without a daemon: no capability, and the verbs say NO at once."""
    with mail.imap(mail.user()) as imap:
        assert "WEBPUSH" not in imap.capabilities()
        started = time.monotonic()
        assert unavailable(imap.command("GETVAPID"))
        assert time.monotonic() - started < 2
        assert imap.command("NOOP").ok


def test_run_dir_nowhere():
    """A run_dir that does not exist: IMAP and deliveries are as ever."""
    with MailServer(run_dir="/nonexistent/mailbell") as server:
        user = server.user()
        assert server.deliver(user)[0][0] == 250
        with server.imap(user) as imap:
            assert imap.uids() == [1]
            assert "WEBPUSH" not in imap.capabilities()
            assert unavailable(imap.command("LWEBPUSH *"))


@pytest.mark.parametrize("verb", VERBS)
def test_bad_before_login(mail, daemon, verb):
    """All five are BAD before authentication."""
    with mail.imap() as imap:
        assert imap.command(f"{verb} x").status == "BAD"
    assert not daemon.verbs()


@pytest.mark.parametrize("verb", VERBS)
def test_both_states(mail, daemon, verb):
    """All five reach the daemon in authenticated and selected state, in any case."""
    with mail.imap(mail.user()) as imap:
        assert imap.command(verb).ok
        imap.select()
        assert imap.command(verb.lower()).ok
    assert [v.name.decode() for v in daemon.verbs()] == [verb, verb]


# Arguments.

@pytest.mark.parametrize("parts, args", [
    (["GETVAPID"], []),
    (["LWEBPUSH *"], [b"*"]),
    ([f"WEBPUSH id {ENDPOINT} {P256DH} {AUTH}"],
     [b"id", ENDPOINT.encode(), P256DH.encode(), AUTH.encode()]),
    (['WEBPUSH "a \\"b\\\\" NIL'], [b'a "b\\', None]),
    (["WEBPUSH nil Nil"], [None, None]),
    (['WEBPUSH "NIL" NIL'], [b"NIL", None]),
    (["SILWEBPUSH ", Literal(b"i d"), " 3600"], [b"i d", b"3600"]),
    (["SILWEBPUSH ", Literal(b"NIL", plus=True), " NIL"], [b"NIL", None]),
    (["WEBPUSH ", Literal(b""), ' ""'], [b"", b""]),
    (["WEBPUSH ", Literal("Grüße".encode(), plus=True), " x"], ["Grüße".encode(), b"x"]),
    (["LWEBPUSH a b c d e f g h i j"], [b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h", None, None]),
])
def test_arguments(mail, daemon, parts, args):
    """Atoms, unquoted runs, quoted strings and literals come to the daemon as octets, NIL as nil."""
    user = mail.user()
    with mail.imap(user) as imap:
        assert imap.command(*parts).ok
    verb, = daemon.verbs()
    assert verb.args == args and not verb.malformed
    assert verb.user == user.encode() and verb.session == daemon.of("SESSION", user)[0].session


@pytest.mark.parametrize("text", [
    "LWEBPUSH (a b)", "LWEBPUSH a(b", "LWEBPUSH a)b", 'LWEBPUSH a"b', "LWEBPUSH a\\b", "LWEBPUSH a{b",
    "WEBPUSH id https://p.example/\u00fc k a", "LWEBPUSH a\x01b", "LWEBPUSH ((((((((a))))))))",
    "WEBPUSH " + "(" * 1000 + ")" * 1000,
])
def test_malformed(mail, daemon, text):
    """What is no astring is told as malformed: the daemon words the BAD."""
    daemon.answer = lambda verb: {"TAGGED": "BAD no"} if verb.malformed else ok(verb)
    with mail.imap(mail.user()) as imap:
        assert imap.command(text.encode()).status == "BAD"
        assert imap.command("NOOP").ok
    assert [v.malformed for v in daemon.verbs()] == [1]


@pytest.mark.parametrize("octets", [b"a\0" + b"b" * 4000, b"\0", b"a\0"], ids=["front", "alone", "end"])
def test_nul_in_a_literal(mail, daemon, octets):
    """IMAP has no NUL: such an argument is malformed, and nothing that lies behind it in memory is read."""
    daemon.answer = lambda verb: {"TAGGED": "BAD no"} if verb.malformed else ok(verb)
    with mail.imap(mail.user()) as imap:
        assert imap.command("LWEBPUSH ", Literal(octets, plus=True)).status == "BAD"
        assert imap.command("NOOP").ok
    verb, = daemon.verbs()
    assert verb.malformed and verb.args == [None]


@pytest.mark.parametrize("text", ['LWEBPUSH "abc', "LWEBPUSH {x}", "LWEBPUSH (a", "LWEBPUSH )",
                                  'LWEBPUSH "a\x00b"'])
def test_bad_by_dovecot(mail, daemon, text):
    """What Dovecot's own parser refuses is BAD without us."""
    with mail.imap(mail.user()) as imap:
        assert imap.command(text).status == "BAD"
        assert imap.command("NOOP").ok
    assert not daemon.verbs()


def test_big_arguments(mail, daemon):
    """Arguments that no frame holds are told as malformed; Dovecot ends a session for a huge one."""
    user = mail.user()
    with mail.imap(user) as imap:
        assert imap.command("WEBPUSH", *[" ", Literal(b"x" * 20000, plus=True)] * 2).ok
        assert imap.command("WEBPUSH", *[" ", Literal(b"x" * 25000, plus=True)] * 2).ok
        with pytest.raises((Closed, ConnectionError)):
            imap.command("WEBPUSH ", Literal(b"x" * 70000, plus=True))
    assert [[len(a) for a in v.args] for v in daemon.verbs()] == [[20000, 20000], [25000, 25000]]


# Answers.

def test_answer_is_sent_as_it_is(mail, daemon):
    """Untagged lines octet for octet, literals too, then the tagged text."""
    untagged = b'* VAPID abc\r\n* WEBPUSH id "https://x/%" NIL\r\n* WEBPUSH id {3}\r\na\r\n 0\r\n'
    daemon.answer = lambda _: {"UNTAGGED": untagged, "TAGGED": "NO [LIMIT] Too many"}
    with mail.imap(mail.user()) as imap:
        reply = imap.command("WEBPUSH a b c d")
    assert (reply.status, reply.code) == ("NO", "LIMIT") and reply.text.startswith("Too many")
    assert b"\r\n".join(reply.untagged) + b"\r\n" == untagged


@pytest.mark.parametrize("answer", [
    b"\0", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 10, frame("HELLO"), b"\0\0\0\2\2\1",
    frame("ANSWER", UNTAGGED="* X\r\n"), frame("ANSWER", TAGGED="OK x\r\na1 OK y"),
    frame("ANSWER", UNTAGGED="* X", TAGGED="OK"), frame("REFUSED", TEXT="wrong version"),
], ids=range(9))
def test_odd_answers(mail, daemon, answer):
    """Garbage, another version, a refusal: NO, and the session lives."""
    def close_behind(verb):
        verb.connection.send(answer)
        verb.connection.close()
    daemon.answer = close_behind
    with mail.imap(mail.user()) as imap:
        assert unavailable(imap.command("GETVAPID"))
        assert imap.command("NOOP").ok


def test_an_answer_in_pieces(mail, daemon):
    """An answer may come octet by octet, and may be as big as a frame can be."""
    untagged = b"* X\r\n" * 20000

    def slowly(verb):
        whole = frame("ANSWER", UNTAGGED=untagged, TAGGED="OK done")
        for octet in whole[:40]:
            verb.connection.send(bytes([octet]))
        return whole[40:]
    daemon.answer = slowly
    with mail.imap(mail.user()) as imap:
        reply = imap.command("LWEBPUSH *")
    assert reply.ok and len(reply.untagged) == 20000


# Waiting.

@pytest.mark.parametrize("accepting", [True, False])
def test_stopped_daemon(mail, accepting):
    """A stopped daemon: NOOP is answered at once, the verbs say NO after 5 s, the session lives."""
    stopped = Daemon(mail.run_dir, answer=silent, accepting=accepting)
    try:
        with mail.imap(mail.user()) as imap:
            assert "WEBPUSH" in imap.capabilities()
            started = time.monotonic()
            verbs = [imap.start("GETVAPID"), imap.start("LWEBPUSH *")]
            assert imap.command("NOOP").ok
            assert time.monotonic() - started < 2
            for tag in verbs:
                assert unavailable(imap.finish(tag))
            assert 4.5 < time.monotonic() - started < 8
            assert imap.command("NOOP").ok
    finally:
        stopped.stop()


def test_more_pipelined_than_dovecot_takes(mail, daemon):
    """Ten verbs at once, each with its own answer, and a NOOP behind them."""
    daemon.answer = lambda verb: {"TAGGED": f"OK {verb.args[0].decode()}"}
    with mail.imap(mail.user()) as imap:
        tags = [imap.start(f"LWEBPUSH number{i}") for i in range(10)]
        assert imap.command("NOOP").ok
        for i, tag in enumerate(tags):
            assert imap.finish(tag).text.startswith(f"number{i}")


def test_client_gone_while_waiting(mail, daemon):
    """A client that disconnects mid-wait: the connection to the daemon ends, nothing panics."""
    daemon.answer = silent
    user = mail.user()
    imap = mail.imap(user)
    imap.start("GETVAPID")
    imap.start("SILWEBPUSH id NIL")
    until(lambda: len(daemon.verbs()) == 2, what="both verbs")
    imap.drop()
    daemon.wait("SESSION", user, 2)
    until(lambda: all(c.closed for c in daemon.connections), what="all connections closed")


def test_logout_while_waiting(mail, daemon):
    """LOGOUT behind a verb that waits."""
    daemon.answer = silent
    with mail.imap(mail.user()) as imap:
        imap.start("GETVAPID")
        logout = imap.start("LOGOUT")
        assert imap.finish(logout).ok


# The kept connection.

def keeping(verb):
    return {"TAGGED": "OK SILWEBPUSH completed", "KEEP": 1}


def kept(daemon):
    return [c for c in daemon.connections if not c.closed and any(f.type == "VERB" for f in c.frames)]


def test_silence_ends_with_logout(mail, daemon):
    """SILWEBPUSH id NIL keeps its connection; LOGOUT says release on it."""
    daemon.answer = keeping
    with mail.imap(mail.user()) as imap:
        assert imap.command("SILWEBPUSH id NIL").ok
        connection, = kept(daemon)
        assert imap.command("SILWEBPUSH other NIL").ok
        assert kept(daemon) == [connection] and len(daemon.verbs()) == 2
        daemon.answer = ok
        assert imap.command("LWEBPUSH *").ok
        assert not connection.closed and len(connection.frames) == 3
        imap.logout()
    until(lambda: connection.closed, what="the kept connection ends")
    assert [f.type for f in connection.frames] == ["HELLO", "VERB", "VERB", "RELEASE"]


@pytest.mark.parametrize("how", ["dropped", "killed"])
def test_silence_is_dropped(mail, daemon, how):
    """A dropped client, or a killed imap process: the kept connection ends without release."""
    daemon.answer = keeping
    user = mail.user()
    imap = mail.imap(user)
    assert imap.command("SILWEBPUSH id NIL").ok
    connection, = kept(daemon)
    if how == "dropped":
        imap.drop()
    else:
        os.kill(process_of(mail, user), signal.SIGKILL)
    until(lambda: connection.closed, what="the kept connection ends")
    assert [f.type for f in connection.frames] == ["HELLO", "VERB"]
    imap.drop()


def process_of(mail, user):
    """The imap process of a user: Dovecot's log names it at login, doveadm too."""
    lines = mail.dovecot.doveadm("who", "-1", user).decode().split()
    return int(lines[lines.index(user) + 2])


def test_daemon_closes_the_kept_connection(mail, daemon):
    """A daemon that closes it, as at its restart, is noticed by nobody; the next silence has its own."""
    daemon.answer = keeping
    with mail.imap(mail.user()) as imap:
        assert imap.command("SILWEBPUSH id NIL").ok
        kept(daemon)[0].close()
        assert imap.command("NOOP").ok
        assert imap.command("SILWEBPUSH id NIL").ok
        assert len(kept(daemon)) == 1
        imap.logout()


def test_late_answer_on_the_kept_connection(mail, daemon):
    """A late answer goes to nobody; the answers behind it still find their commands."""
    daemon.answer = keeping
    with mail.imap(mail.user()) as imap:
        assert imap.command("SILWEBPUSH id NIL").ok
        daemon.answer = silent
        assert unavailable(imap.command("SILWEBPUSH id 1"))
        connection, = kept(daemon)
        connection.send(frame("ANSWER", TAGGED="OK too late"))
        daemon.answer = lambda verb: {"TAGGED": "OK in time"}
        assert imap.command("SILWEBPUSH id 2").text.startswith("in time")
        assert imap.command("SILWEBPUSH id 3").text.startswith("in time")
        imap.logout()
    until(lambda: connection.closed, what="the kept connection ends")
    assert connection.frames[-1].type == "RELEASE"


def test_hibernation(mail, daemon):
    """An idle client hibernates, which is no end of its session; one that holds a silence does not."""
    user = mail.user()
    with mail.imap(user) as imap:
        before = process_of(mail, user)
        imap.send(b"i1 IDLE\r\n")
        imap.wait_plus("i1")
        until(lambda: f"imap({user})" in mail.log() and "Successfully hibernated" in mail.log(), 15,
              "hibernation")
        assert not [f for f in daemon.of("SESSION", user) if not f.begin]
        imap.send(b"DONE\r\n")
        assert imap.finish("i1").ok
        daemon.answer = keeping
        assert imap.command("SILWEBPUSH id NIL").ok
        assert process_of(mail, user) != before
        connection, = kept(daemon)
        imap.send(b"i2 IDLE\r\n")
        imap.wait_plus("i2")
        until(lambda: "a silence lasts until this connection ends" in mail.log(), 15, "the veto")
        assert not connection.closed
        imap.send(b"DONE\r\n")
        assert imap.finish("i2").ok
        imap.logout()
    until(lambda: connection.closed, what="the kept connection ends")
    assert connection.frames[-1].type == "RELEASE"


def test_nothing_secret_in_the_log(mail, daemon):
    """With mail_debug and an event exporter, Dovecot logs no endpoint, key or token."""
    with mail.imap(mail.user()) as imap:
        assert imap.command(f"WEBPUSH marker {ENDPOINT} {P256DH} {AUTH}").ok
        assert imap.command("WEBPUSH ", Literal(b"marker"), f' "{ENDPOINT}" "{P256DH}" "{AUTH}"').ok
        assert imap.command(f"ACKWEBPUSH {TOKEN}").ok
        assert imap.command(f"WEBPUSH (marker {ENDPOINT}) {P256DH}").ok
        daemon.answer = silent
        imap.start(f"WEBPUSH marker {ENDPOINT} {P256DH} {AUTH}")
        until(lambda: len(daemon.verbs()) == 5, what="the last verb")
        imap.drop()
    until(lambda: mail.log().count("Command finished: WEBPUSH") >= 4, what="Dovecot's own log lines")
    log = mail.log()
    for secret in ("c4n4ry", P256DH[:20], AUTH, TOKEN):
        assert secret not in log
