"""Shows a message on its way from SMTP to the device that subscribed (contrib/quickstart)."""

import argparse
import os
import re
import signal
import sys
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from lab import imaplist                # noqa: E402
from lab.device import FIXED            # noqa: E402
from lab.lab import Lab                 # noqa: E402

USER = "alice@lab.test"
FOLDER = "New Messages"
SIEVE = f'require ["fileinto", "mailbox"];\nfileinto :create "{FOLDER}";\n'
EXAMPLE = """\
Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)
From: Fred Foobar <foobar@Blurdybloop.example>
Subject: afternoon meeting
To: mooch@owatagu.siam.edu.example
Message-ID: <B27397-0100000@Blurdybloop.example>

Can we meet at three?
"""
# Beyond these bounds a push says only where to look.
SYNC_BOUNDS = {"octets of ENVELOPE": 3900, "octets of header": 65536, "addresses in a field": 100}


class Show:
    """What is printed: steps with the seconds since the start, dialogues, pushes."""

    def __init__(self, started):
        self.started = started

    def step(self, text):
        print(f"[{time.time() - self.started:6.2f} s] {text}", flush=True)

    def dialogue(self, imap):
        for who, octets in imap.transcript:
            print(f"    {who}: {readable(octets)}")
        imap.transcript.clear()

    @staticmethod
    def push(push):
        post = push.post
        print(f"    {post.version}, TTL {push.ttl}, Urgency {push.urgency}, "
              f"{len(post.body)} octets encrypted, {len(push.text)} octets of text:")
        print(readable(push.text), flush=True)


def readable(octets):
    """Text for a terminal; what is no UTF-8, and control characters, escaped."""
    text = octets.decode("utf-8", "backslashreplace").replace("\r\n", "\n").rstrip("\n")
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", lambda match: repr(match[0])[1:-1], text)


def subscribe(lab, show, imap):
    """GETVAPID, WEBPUSH, the verification push, ACKWEBPUSH: the device."""
    capabilities = imap.capabilities()
    assert "WEBPUSH" in capabilities, "Dovecot does not offer WEBPUSH"
    imap.transcript.clear()
    device = lab.device(**FIXED, id="a8282bf9-6102-4e1b-bb61-d26d0e532e65")
    assert imap.command("GETVAPID").ok, "GETVAPID was refused"
    reply = device.webpush(imap)
    assert reply.ok, f"WEBPUSH was refused: {reply}"
    show.step("the device subscribes")
    show.dialogue(imap)
    push = device.next()
    show.step("the verification push has come")
    show.push(push)
    assert push.token, "the first push is no verification"
    reply = imap.command(f"ACKWEBPUSH {push.token}")
    assert reply.ok, f"ACKWEBPUSH was refused: {reply}"
    show.step("the device acknowledges")
    show.dialogue(imap)
    return device


def send(lab, show, message):
    show.step(f"a message goes to {USER} by SMTP")
    queue_id = lab.send(USER, message)
    outcome = lab.postfix.done(queue_id)[0]
    assert outcome.status == "sent", f"Postfix could not deliver it: {outcome.text}"
    show.step(f"Postfix has delivered it: {queue_id}, {outcome.relay}")


def compare(show, imap, push, message):
    """The push beside FETCH ENVELOPE of the same UID."""
    if not push.mails:
        return compare_sync(show, imap, push, message)
    mailbox, uid, envelope = push.mails[0]
    imap.select(mailbox)
    imap.transcript.clear()
    fetched = imap.envelope(uid)
    show.step(f"the client fetches UID {uid} of {mailbox!r}")
    show.dialogue(imap)
    assert envelope == fetched, f"the push says {envelope!r}, FETCH ENVELOPE says {fetched!r}"
    show.step("the ENVELOPE of the push and of FETCH are equal, value for value")
    return None


def compare_sync(show, imap, push, message):
    """A SYNC is right only where the message is beyond a bound."""
    assert push.syncs, "a push without any news"
    mailbox = push.syncs[0] or "INBOX"
    octets = imap.fetch_envelope(max(imap.uids(mailbox)))
    header = message.partition(b"\r\n\r\n")[0]
    lists = [len(member) for member in imaplist.envelope(octets) if isinstance(member, list)]
    sizes = dict(zip(SYNC_BOUNDS, (len(octets), len(header), max(lists, default=0))))
    beyond = [name for name, bound in SYNC_BOUNDS.items() if sizes[name] > bound]
    assert beyond, "the push is a SYNC, and the message is within all bounds"
    show.step(f"a SYNC, since the message has too many {beyond[0]} for a push")


def keep(lab, show, device, imap):
    """Leaves everything running, and shows each push, until Ctrl-C."""
    tool = f"{lab.build}/mailbell -c {lab.mailbell.config}"
    print(f"""
Everything runs in {lab.dir} until Ctrl-C.
  SMTP 127.0.0.1:{lab.postfix.port}   IMAP 127.0.0.1:{lab.dovecot.imap_port}, TLS {lab.dovecot.imaps_port}   \
push service {lab.push.origin}
  users alice bob carol dave erin frank, each @lab.test, password secret; {USER} has a device

Try, in another terminal:
  printf 'Subject: hello\\n\\nhi\\n' | sendmail -C {lab.postfix.config} -f you@example.org {USER}
  openssl s_client -quiet -crlf -connect 127.0.0.1:{lab.dovecot.imaps_port}
      a LOGIN {USER} secret
      b LWEBPUSH *
  {tool} list {USER}
  {tool} show {USER} {device.id}
  {tool} test {USER}
  tail -f {" ".join(lab.mailbell.logs)} {lab.postfix.log}
""", flush=True)
    imap.logout()
    while True:
        for push in device.new():
            show.step("a push has come")
            show.push(push)
        time.sleep(0.1)


def run(options, show):
    message = (options.eml.read() if options.eml else EXAMPLE.encode())
    message = re.sub(rb"\r?\n", b"\r\n", message)
    lab = Lab()
    try:
        lab.start("dovecot" if options.dovecot else "milter" if options.milter else "lmtp")
        show.step(f"Postfix, Dovecot and mailbell run in {lab.dir}")
        lab.dovecot.sieve(USER, SIEVE)
        with lab.imap(USER) as imap:
            device = subscribe(lab, show, imap)
            send(lab, show, message)
            push = device.next(30)
            show.step("the push has come; this is what the device decrypted:")
            show.push(push)
            compare(show, imap, push, message)
            if options.keep:
                keep(lab, show, device, imap)
    except (AssertionError, OSError, ValueError, EOFError):
        print(lab.tails(), file=sys.stderr)
        raise
    finally:
        lab.stop()
    show.step("everything has stopped, nothing is left in /tmp")


def arguments():
    parser = argparse.ArgumentParser(prog="contrib/quickstart")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dovecot", action="store_true")
    how.add_argument("--milter", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--eml", type=argparse.FileType("rb"), metavar="FILE")
    parser.add_argument("--started", type=float, default=time.time(), help=argparse.SUPPRESS)
    return parser.parse_args()


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        run(options, Show(options.started))
    except KeyboardInterrupt:
        return 0 if options.keep else 130
    except (AssertionError, OSError, ValueError, EOFError) as error:
        print(f"quickstart: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
