"""The five commands over real IMAP connections."""

import re

import pytest

from lab.imapclient import Closed, ImapClient, Literal
from lab.webpush import b64

VERBS = ("GETVAPID", "WEBPUSH", "ACKWEBPUSH", "LWEBPUSH", "SILWEBPUSH")
UUID = "585078c5-fb8b-4ed0-8e77-474ab08f0a30"


def fields(device, **change):
    """The four arguments of WEBPUSH, some of them changed."""
    given = {"id": device.id, "endpoint": device.endpoint, "p256dh": device.p256dh,
             "auth": b64(device.auth), **change}
    return " ".join(given.values())


def test_before_login(lab):
    """No WEBPUSH in the capabilities, and each verb is BAD, before authentication."""
    with ImapClient(lab.dovecot.imap_port) as imap:
        assert b"WEBPUSH" not in imap.greeting
        assert "WEBPUSH" not in imap.capabilities()
    for verb in VERBS:
        with ImapClient(lab.dovecot.imap_port) as imap:
            assert imap.command(f"{verb} x").status == "BAD", verb


def test_capability_in_the_login_reply(lab, user):
    """WEBPUSH is among the capabilities that LOGIN answers with."""
    with ImapClient(lab.dovecot.imap_port) as imap:
        reply = imap.command(f"LOGIN {user} secret")
        assert "WEBPUSH" in reply.code.split()


def test_selected_state(lab, imap):
    """All verbs work in selected state, too."""
    imap.select()
    assert imap.command("GETVAPID").ok
    device = lab.device().subscribe(imap)
    assert device.third(imap) == "0"
    assert imap.command(f"SILWEBPUSH {device.id} 0").ok
    assert imap.command(f"WEBPUSH {device.id} NIL").ok


@pytest.mark.parametrize("form", ["atom", "quoted", "literal", "literal+"])
def test_forms_of_arguments(lab, imap, form):
    """Atoms, quoted strings and literals, synchronizing or not."""
    device = lab.device()
    shape = {"atom": lambda text: text, "quoted": lambda text: f'"{text}"',
             "literal": lambda text: Literal(text.encode()),
             "literal+": lambda text: Literal(text.encode(), plus=True)}[form]
    parts = ["WEBPUSH"]
    for word in fields(device).split():
        parts += [" ", shape(word)]
    reply = imap.command(*parts)
    assert reply.ok and reply.lines("WEBPUSH") == [f"* WEBPUSH {device.id} {device.endpoint} NIL"]
    assert imap.command("ACKWEBPUSH ", shape(device.next().token)).ok
    assert imap.command("LWEBPUSH ", shape(device.id)).lines("WEBPUSH")
    assert imap.command("LWEBPUSH ", shape("*")).lines("WEBPUSH")
    assert imap.command("WEBPUSH ", shape(device.id), " NIL").ok


def test_endpoint_that_is_no_atom(lab, imap):
    """An endpoint with % is understood unquoted, and echoed as a quoted string, octet for octet."""
    device = lab.device()
    device.endpoint += "%2Fx*]"
    reply = imap.command("WEBPUSH " + fields(device))
    assert reply.ok, reply
    assert reply.lines("WEBPUSH") == [f'* WEBPUSH {device.id} "{device.endpoint}" NIL']


@pytest.mark.parametrize("arguments", [
    "", "one", "one two", "one two three", "one NIL three", "a b c d e", "(a) NIL", "a (NIL)"])
def test_wrong_number_of_arguments(imap, arguments):
    """WEBPUSH takes two arguments, the second NIL, or four."""
    reply = imap.command(f"WEBPUSH {arguments}".rstrip())
    assert reply.status == "BAD" and reply.untagged == []


@pytest.mark.parametrize("line", [
    "GETVAPID now", "ACKWEBPUSH", f"ACKWEBPUSH {UUID} {UUID}", "LWEBPUSH", "LWEBPUSH a b",
    "SILWEBPUSH", "SILWEBPUSH a", "SILWEBPUSH a 1 2", "SILWEBPUSH a -1", "SILWEBPUSH a soon",
    "SILWEBPUSH a 1.5", "SILWEBPUSH (a) 1"])
def test_bad_lines(imap, line):
    """Wrong number or form of arguments: BAD, whatever the verb."""
    assert imap.command(line).status == "BAD"


@pytest.mark.parametrize("arguments", [
    b"{0+}\r\n NIL", 1000 * b"(" + b"a", b"a " + 1000 * b"(" + 1000 * b")", b"\"a\\\"b", b"a\x00b NIL"])
def test_hostile_arguments(imap, arguments):
    """What no client sends: BAD, and the session goes on."""
    imap.send(b"h1 WEBPUSH " + arguments + b"\r\n")
    assert imap.finish("h1").status == "BAD"
    assert imap.command("GETVAPID").ok


@pytest.mark.parametrize("size", [65537, 2**32, 2**64])
def test_hostile_literals(lab, imap, user, size):
    """A literal over Dovecot's own limit ends that session or is refused, and harms nobody else."""
    imap.send(b"h1 WEBPUSH {%d+}\r\n" % size)
    try:
        assert imap.finish("h1").status == "BAD"
    except (Closed, ConnectionError):
        pass
    with lab.imap(user) as other:
        assert other.command("GETVAPID").ok


OFF_CURVE = "B" + "A" * 85 + "E"


@pytest.mark.parametrize("change", [
    {"id": "x" * 65}, {"id": '""'}, {"p256dh": "BCVx"}, {"p256dh": OFF_CURVE},
    {"p256dh": "A" * 87}, {"auth": "BTBZ"}, {"auth": "A" * 23}, {"auth": "BTBZMqHH6r4Tts7J_aSI!g"},
    {"endpoint": '""'}, {"endpoint": '"https://127.0.0.1/' + "x" * 1024 + '"'}])
def test_bad_fields(lab, imap, change):
    """A field of the wrong form: BAD, and nothing is stored."""
    device = lab.device()
    assert imap.command("WEBPUSH " + fields(device, **change)).status == "BAD"
    assert imap.command("LWEBPUSH *").untagged == []


def test_padding_and_standard_alphabet(lab, imap):
    """Keys in standard base64 with padding are taken for the same keys."""
    device = lab.device()
    plain = device.webpush(imap)
    key = device.p256dh.replace("-", "+").replace("_", "/") + "="
    auth = b64(device.auth).replace("-", "+").replace("_", "/") + "=="
    reply = imap.command("WEBPUSH " + fields(device, p256dh=key, auth=auth))
    assert plain.ok and reply.ok
    assert imap.command(f"ACKWEBPUSH {device.next().token}").ok, "the token is void: keys differ"


@pytest.mark.parametrize("endpoint", [
    "http://push.example.net/x", "https://push.example.net:25/x", "https://u:p@push.example.net/x",
    "https://push.example.net/x#y", "https://10.0.0.1/x", "https://127.0.0.1/x",
    "https://[::1]/x", "https://192.168.1.1:8443/x", "https://2130706433/x", "https://localhost/x",
    "https://0x7f.1/x", "ftp://push.example.net/x", "mailto:push@example.net"])
def test_refused_endpoints(lab, imap, endpoint):
    """NO [CANNOT] for an endpoint whose form the guard refuses; nothing is stored."""
    reply = imap.command("WEBPUSH " + fields(lab.device(), endpoint=endpoint))
    assert (reply.status, reply.code) == ("NO", "CANNOT"), reply
    assert imap.command("LWEBPUSH *").untagged == []


def test_private_address_needs_endpoint_allow(lab, imap, settings):
    """The address of the tests' own push service is refused where endpoint_allow does not name it."""
    settings(endpoint_allow="https://push.example.net/other/")
    reply = lab.device().webpush(imap)
    assert (reply.status, reply.code) == ("NO", "CANNOT")


def test_delete(lab, imap):
    """NIL deletes, and an unknown id is OK, too; neither has an untagged line."""
    device = lab.device().subscribe(imap)
    for _ in range(2):
        reply = imap.command(f"WEBPUSH {device.id} nil")
        assert reply.ok and reply.untagged == []
        assert device.third(imap) is None


def test_quoted_nil_is_a_string(imap):
    """"NIL" is an endpoint, not the NIL token: two arguments are too few then."""
    assert imap.command('WEBPUSH abc "NIL"').status == "BAD"


def test_list(lab, imap):
    """LWEBPUSH * lists the account, an id lists that one, an unknown id lists nothing."""
    assert imap.command("LWEBPUSH *").untagged == []
    one, two = lab.device().subscribe(imap), lab.device()
    assert two.webpush(imap).ok
    listed = imap.command("LWEBPUSH *").lines("WEBPUSH")
    assert sorted(listed) == sorted([f"* WEBPUSH {one.id} {one.endpoint} 0",
                                     f"* WEBPUSH {two.id} {two.endpoint} NIL"])
    assert one.third(imap) == "0" and lab.device().third(imap) is None


def test_other_accounts_see_nothing(lab, imap, phone):
    """Subscriptions belong to their account alone."""
    with lab.imap(lab.user()) as other:
        assert other.command("LWEBPUSH *").untagged == []
        assert other.command(f"WEBPUSH {phone.id} NIL").ok
    assert phone.third(imap) == "0"


def test_identical_is_a_refresh(lab, imap, user, phone):
    """WEBPUSH with what stands there: both lines, still active, nothing is pushed."""
    reply = phone.webpush(imap)
    assert reply.ok and len(reply.lines("VAPID")) == 1
    assert reply.lines("WEBPUSH") == [f"* WEBPUSH {phone.id} {phone.endpoint} 0"]
    lab.deliver(user)
    assert phone.next().mails


@pytest.mark.parametrize("field", ["endpoint", "p256dh", "auth"])
def test_changed_field_deactivates(lab, imap, phone, field):
    """Any different field: inactive until acknowledged by a new token."""
    new = lab.device(id=phone.id)
    device = lab.device(id=phone.id)
    device.private, device.auth, device.endpoint = phone.private, phone.auth, phone.endpoint
    device.taken = phone.taken
    attribute = {"p256dh": "private"}.get(field, field)
    setattr(device, attribute, getattr(new, attribute))
    if field == "endpoint":
        device.taken = 0
    reply = device.webpush(imap)
    assert reply.ok
    assert reply.lines("WEBPUSH") == [f"* WEBPUSH {device.id} {device.endpoint} NIL"]
    assert imap.command(f"ACKWEBPUSH {device.next().token}").ok
    assert device.third(imap) == "0"


def test_a_change_voids_tokens(lab, imap):
    """The token of a subscription's earlier form is no good any more."""
    device = lab.device()
    assert device.webpush(imap).ok
    token = device.next().token
    device.auth = lab.device().auth
    assert device.webpush(imap).ok
    reply = imap.command(f"ACKWEBPUSH {token}")
    assert (reply.status, reply.code) == ("NO", "CANNOT")
    assert imap.command(f"ACKWEBPUSH {device.next().token}").ok


def test_identical_and_unacknowledged(lab, imap):
    """Within a minute no second verification push is sent, and the OK says so."""
    device = lab.device()
    assert device.webpush(imap).ok
    token = device.next().token
    reply = device.webpush(imap)
    assert reply.ok and "verification sent" in reply.text
    assert len(reply.untagged) == 2
    assert imap.command(f"ACKWEBPUSH {token}").ok
    assert device.new() == []


def test_wrong_tokens(lab, imap, phone):
    """Wrong, used, malformed, or another account's: one and the same NO [CANNOT]."""
    other = lab.device()
    with lab.imap(lab.user()) as owner:
        assert other.webpush(owner).ok
        foreign = other.next().token
        replies = [imap.command(f"ACKWEBPUSH {token}")
                   for token in (UUID, phone.tokens[0], "x", foreign)]
        assert {(r.status, r.code) for r in replies} == {("NO", "CANNOT")}
        assert len({re.sub(r" \(.*", "", r.text) for r in replies}) == 1
        assert owner.command(f"ACKWEBPUSH {foreign}").ok


def test_too_many_wrong_tokens(lab, imap):
    """Over ten wrong ones in an hour: NO [UNAVAILABLE], also for the right one."""
    device = lab.device()
    assert device.webpush(imap).ok
    token = device.next().token
    codes = [imap.command(f"ACKWEBPUSH {UUID}").code for _ in range(11)]
    assert codes[:10] == ["CANNOT"] * 10 and codes[10] == "UNAVAILABLE"
    assert imap.command(f"ACKWEBPUSH {token}").code == "UNAVAILABLE"


def test_reinstalled_client(lab, imap, phone):
    """The same endpoint under another id: the older subscription goes at the acknowledgement."""
    again = lab.device()
    again.private, again.auth, again.endpoint = phone.private, phone.auth, phone.endpoint
    again.taken = phone.taken
    assert again.webpush(imap).ok
    assert phone.third(imap) == "0"
    assert imap.command(f"ACKWEBPUSH {again.next().token}").ok
    assert (phone.third(imap), again.third(imap)) == (None, "0")


def test_subscriptions_max(lab, imap, settings):
    """One more than subscriptions_max: NO [LIMIT]; a change of an existing one is still taken."""
    settings(subscriptions_max=2)
    devices = [lab.device() for _ in range(3)]
    replies = [device.webpush(imap) for device in devices]
    assert [r.status for r in replies] == ["OK", "OK", "NO"] and replies[2].code == "LIMIT"
    devices[0].auth = devices[2].auth
    assert devices[0].webpush(imap).ok


def test_verifications_are_counted(lab, imap):
    """Over ten verification pushes an hour a new WEBPUSH gets NO [UNAVAILABLE], nothing is stored."""
    replies = [lab.device().webpush(imap) for _ in range(11)]
    assert [r.status for r in replies] == ["OK"] * 10 + ["NO"]
    assert replies[10].code == "UNAVAILABLE" and "try again in" in replies[10].text
    assert len(imap.command("LWEBPUSH *").untagged) == 10


def test_subscribers(lab, user, settings):
    """Accounts that `subscribers` does not admit get NO [NOPERM]; mail is read as ever."""
    settings(subscribers=["*", f"!{user}"])
    with lab.imap(user) as imap:
        for line in ("GETVAPID", "LWEBPUSH *"):
            assert imap.command(line).code == "NOPERM"
        assert lab.device().webpush(imap).code == "NOPERM"
        imap.select()
