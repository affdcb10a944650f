"""After all other tests: no secret of any device, and no subject, is in any log."""

from lab.imapclient import Literal

SUBJECT = "canary-subject-7f3a"
SENDER = "canary-sender-91bd@example.org"


def read(path):
    with open(path, encoding="utf-8", errors="replace") as log:
        return log.read()


def test_verbs_leave_nothing_in_dovecots_log(lab, user):
    """With mail_debug and an event exporter, also for bad and refused commands and for literals."""
    device = lab.device()
    with lab.imap(user) as imap:
        arguments = f"{device.id} {device.endpoint} {device.p256dh} {device.secrets[2]}"
        imap.command(f"WEBPUSH {arguments} more")
        imap.command(f"WEBPUSH {arguments}x")
        imap.command("WEBPUSH ", Literal(device.id.encode()), " ", Literal(device.endpoint.encode()),
                     f" {device.p256dh} {device.secrets[2]}")
        device.subscribe(imap)
        imap.command(f"ACKWEBPUSH {device.tokens[0]}")
    with lab.imap(user) as imap:
        lab.mailbell.daemon.pause()
        try:
            reply = imap.command(f"WEBPUSH {arguments}")
        finally:
            lab.mailbell.daemon.resume()
        assert reply.code == "UNAVAILABLE"
    log = read(lab.dovecot.log)
    assert "imap_command_finished" in log, "the event exporter does not work"
    for secret in device.secrets:
        assert secret not in log


def test_no_secret_in_any_log(lab, way, user, phone):
    """Endpoints, keys, tokens of every device so far, a subject and a correspondent: nowhere."""
    lab.deliver(user, subject=SUBJECT, sender=f"Canary <{SENDER}>")
    assert phone.next().mails[0][2][1] == SUBJECT.encode()
    logs = {path: read(path) for path in (*lab.mailbell.logs, lab.dovecot.log, lab.postfix.log)}
    secrets = [secret for device in lab.devices for secret in device.secrets]
    assert len(secrets) > 50 or len(lab.devices) < 10
    for path, text in logs.items():
        found = [secret for secret in [*secrets, SUBJECT, SENDER] if secret in text]
        assert not found, f"{path} has {found}"
