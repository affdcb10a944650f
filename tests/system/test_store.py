"""What is promised survives: subscriptions, and what was acknowledged to the hook."""

import subprocess
import threading

from lab.httpserver import Answer
from lab.wait import until


def listed(lab, user):
    with lab.imap(user) as imap:
        return imap.command("LWEBPUSH *").lines("WEBPUSH")


def kill_and_start(lab):
    lab.mailbell.daemon.kill()
    lab.mailbell.start_daemon()


def test_subscription_survives_kill(lab, user):
    """Durable when the OK is out: kill -9 right after each OK loses nothing."""
    device = lab.device()
    with lab.imap(user) as imap:
        assert device.webpush(imap).ok
    kill_and_start(lab)
    assert listed(lab, user) == [f"* WEBPUSH {device.id} {device.endpoint} NIL"]
    push = device.next()
    with lab.imap(user) as imap:
        assert imap.command(f"ACKWEBPUSH {push.token}").ok
    kill_and_start(lab)
    assert listed(lab, user) == [f"* WEBPUSH {device.id} {device.endpoint} 0"]
    with lab.imap(user) as imap:
        assert imap.command(f"SILWEBPUSH {device.id} 3600").ok
        kill_and_start(lab)
        assert int(listed(lab, user)[0].split()[-1]) > 3500
        assert imap.command(f"WEBPUSH {device.id} NIL").ok
    kill_and_start(lab)
    assert listed(lab, user) == []


def test_restart_keeps_everything(lab, user, phone):
    """SIGTERM ends with status 0, and after the start all is as it was."""
    assert lab.mailbell.daemon.stop() == 0
    lab.mailbell.start_daemon()
    assert listed(lab, user) == [f"* WEBPUSH {phone.id} {phone.endpoint} 0"]
    lab.deliver(user)
    assert phone.next().mails


def test_outbox_survives_kill(lab, user, phone):
    """A push that the service does not take yet is sent after kill -9 and a start."""
    lab.push.always(phone.endpoint, Answer(hang=True))
    lab.deliver(user)
    lab.push.wait_for(lambda: len(lab.push.of(phone.endpoint)) > phone.taken, 10, "it was tried")
    lab.mailbell.daemon.kill()
    lab.push.always(phone.endpoint)
    lab.mailbell.start_daemon()
    post = lab.push.wait_for(lambda: [p for p in lab.push.of(phone.endpoint)[phone.taken:] if p.status],
                             30, "it was sent")[0]
    assert phone.open(post).mails[0][:2] == ("INBOX", 1)


def test_held_back_survives_kill(lab, user, phone):
    """A SYNC owed at the end of a silence is owed also when the daemon was killed in between."""
    with lab.imap(user) as holder:
        assert holder.command(f"SILWEBPUSH {phone.id} NIL").ok
        lab.deliver(user)
        until(lambda: lab.waiting(phone) >= 1, 10, "something is held back")
        kill_and_start(lab)
        assert phone.next(20).syncs


def test_killed_in_the_middle_of_100_deliveries(lab, settings):
    """kill -9 again and again: every mail is in its mailbox, every one of them rings."""
    settings(unseen_max=1000)
    users = [lab.user() for _ in range(10)]
    phones = [lab.phone(user) for user in users]
    over = threading.Event()

    def kill_often():
        while not over.wait(0.7):
            kill_and_start(lab)

    killer = threading.Thread(target=kill_often)
    killer.start()
    try:
        ids = [lab.send(users[number % 10], subject=f"number {number}") for number in range(100)]
        for queue_id in ids:
            assert {one.status for one in lab.postfix.done(queue_id, 60)} == {"sent"}
    finally:
        over.set()
        killer.join()
    for user, phone in zip(users, phones):
        with lab.imap(user) as imap:
            assert imap.uids() == list(range(1, 11))
        rung(phone, 10)


def rung(phone, count):
    """Waits until the phone has heard of each message, by its ENVELOPE or by a SYNC after it."""
    def heard():
        pushes = [phone.open(post) for post in phone.push.of(phone.endpoint) if post.status]
        told = {uid for push in pushes for _, uid, _ in push.mails}
        return told == set(range(1, count + 1)) or any(push.syncs for push in pushes)
    phone.push.wait_for(heard, 60, "every message has rung, or a SYNC stands for it")


def test_no_saved_event_is_lost_while_the_daemon_lives(lab):
    """Load without kills: 100 messages to 10 users, 100 ENVELOPEs, no SYNC."""
    users = [lab.user() for _ in range(10)]
    phones = [lab.phone(user) for user in users]
    for number in range(10):
        lab.send(users, subject=f"number {number}")
    for phone in phones:
        pushes = phone.until_mails(10, 60)
        assert sorted(uid for push in pushes for _, uid, _ in push.mails) == list(range(1, 11))
        assert not any(push.syncs for push in pushes)


def test_second_daemon(lab):
    """A second daemon on the same store gets a clear error, and the first does not notice."""
    second = subprocess.run([f"{lab.build}/mailbelld", "-c", lab.mailbell.config], check=False,
                            capture_output=True, text=True, timeout=30)
    assert second.returncode != 0 and "another process" in second.stderr
    assert lab.mailbell.admin("status")


def test_init_twice(lab):
    """--init where a store is: an error, nothing is overwritten."""
    again = subprocess.run([f"{lab.build}/mailbelld", "-c", lab.mailbell.config, "--init"],
                           check=False, capture_output=True, text=True, timeout=30)
    assert again.returncode != 0 and again.stderr
    assert lab.mailbell.admin("status")
