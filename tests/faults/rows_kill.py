"""F1 to F5 and F17: kill -9, SIGSTOP and restarts under load."""

import contextlib
import signal
import smtplib
import subprocess

from lab.process import children
from lab.relay import Cut, Wire
from lab.wait import until

from .pace import Pace
from .row import row
from .traffic import compose

CONCURRENCY = 20            # Postfix's transactions to one transport


@row("F1", "kill -9 of the proxy, also at its Nth send", plain="kill -9 of Dovecot's lmtp", share=2)
def kill_proxy(site, this):
    """Postfix defers what had no reply; all mail arrives."""
    people = this.people(6, devices=3)
    with this.traffic(people, rate=100) as traffic:
        for n in this.kills(100):
            traffic.more(this.random.randrange(1, 20))
            if site.plain:
                for pid in site.dovecot_lmtp()[:1]:
                    site.kill(pid)
            elif n % 3 == 0:
                kill_at_send(site, this, this.random.choice(site.workers()))
            elif n % 10 == 1:
                site.kill_proxy()
            else:
                site.kill_worker(this.random)
            this.killed(doubles=CONCURRENCY, repeats=CONCURRENCY)


def kill_at_send(site, this, pid):
    """A worker dies as it begins its Nth send from now on."""
    nth = this.random.randrange(1, 30)
    with subprocess.Popen(["strace", "-p", str(pid), "-o", "/dev/null", "-e", "trace=sendto",
                           "-e", f"inject=sendto:signal=KILL:when={nth}"],
                          stderr=subprocess.PIPE, text=True) as tracer:
        if "attached" not in tracer.stderr.readline():
            this.note("no process may be traced here: killed at random alone")
            tracer.terminate()
            return site.kill(pid)
        try:
            return tracer.wait(10)
        except subprocess.TimeoutExpired:
            # The load may have gone to its sisters.
            tracer.terminate()
            return site.kill(pid)


class Between(Wire):
    """Dovecot has said 250, and whoever should hear it dies first."""
    strike = None           # called with the wire, once

    def down(self, octets):
        if Between.strike is not None and b" Saved\r\n" in octets:
            strike, Between.strike = Between.strike, None
            return strike(self, octets)
        return octets


@row("F2", "kill -9 between the backend's 250 and ours", plain="connection cut behind Dovecot's 250")
def kill_between(site, this):
    """One duplicate at most for each transaction that a kill cuts, and one push for each copy."""
    people = this.people(4, devices=4)

    def strike(wire, octets):
        # What earlier kills cut may be on its way again, in the same worker.
        under_way.append(len(site.queued()))
        if not site.plain:
            if forward:
                wire.client.sendall(octets)
            site.kill(wire.client_pid)
        struck.append(wire)
        raise Cut

    with site.behind(Between):
        for _ in this.kills(30):
            struck, under_way, forward = [], [], this.random.random() < 0.5
            Between.strike = strike
            this.mail(people)
            until(lambda: struck, 20, "Dovecot said 250")
            this.killed(doubles=max(1, under_way[0]))
            if not site.plain:
                site.workers()
        site.drain()


@row("F3", "kill -9 of the milter mid-message and at EOM")
def kill_milter(site, this):
    """Mail passes, as default_action=accept says; what the milter did not see rings as a SYNC."""
    people = this.people(6, devices=3)
    site.lab.use("milter")
    with this.traffic(people, rate=50) as traffic:
        for n in this.kills(60):
            traffic.more(this.random.randrange(1, 10))
            if n % 2:
                one_message(site, this, this.random.choice(people), at_end=n % 4 == 1)
            else:
                site.kill_milter(this.random)
            this.killed()
    # Its arrivals are joined by then, or have become a SYNC.
    site.drain()
    site.quiet()


def one_message(site, this, person, at_end):
    """A message whose milter dies in the middle of the text, or when all of it was sent."""
    id = this.ledger.new_id()
    message = compose(id, person.address, this.random, 2000)
    mail = this.ledger.enter(id, message, [person.address])
    stuffed = smtplib._quote_periods(message)       # pylint: disable=protected-access
    worker, = until(lambda: children(site.lab.mailbell.milter.pid), 10, "the milter has a worker")
    with smtplib.SMTP("127.0.0.1", site.lab.postfix.port, timeout=60) as smtp:
        smtp.ehlo()
        smtp.mail("fred@example.org")
        smtp.rcpt(person.address)
        assert smtp.docmd("DATA")[0] == 354
        half = len(stuffed) // 2
        smtp.send(stuffed[:half])
        if not at_end:
            site.kill(worker)
        smtp.send(stuffed[half:] + b".\r\n")
        if at_end:
            with contextlib.suppress(ProcessLookupError):
                site.kill(worker)
        code, reply = smtp.getreply()
    mail.taken = this.check(code == 250, f"Postfix said {code} {reply}")


@row("F4", "SIGSTOP of the daemon", share=3)
def stop_daemon(site, this):
    """Mail is as fast as without us; a verb says NO after 5 s, and NOOP answers at once."""
    people = this.people(4, devices=2)
    pace = Pace(site, this)
    before = pace.measure(20 if this.short else 400)
    with site.lab.imap(people[0].address) as imap, this.traffic(people, rate=5) as traffic:
        site.lab.mailbell.daemon.pause()
        try:
            with this.within(8, "a verb is refused in time"):
                verb = imap.start("GETVAPID")
                with this.within(2, "NOOP is answered while a verb waits"):
                    assert imap.finish(imap.start("NOOP")).ok
                this.check(verb not in imap.finished, "the verb waits")
                reply = imap.finish(verb)
            this.check((reply.status, reply.code) == ("NO", "UNAVAILABLE"), f"the verb's answer: {reply}")
            traffic.more(2)
            while pace.measure(20 if this.short else 400) and this.left > 0:
                traffic.more(2)
        finally:
            site.lab.mailbell.daemon.resume()
    this.note(f"LMTP before: {before}")
    this.note(f"LMTP while it was stopped: {pace.last}")
    pace.judge(this)


class Unjoined(Wire):
    """Dovecot has said what it saved; the arrival is not sent yet."""
    armed = None

    def down(self, octets):
        if Unjoined.armed is not None and b" Saved\r\n" in octets:
            armed, Unjoined.armed = Unjoined.armed, None
            armed()
        return octets


@row("F5", "kill -9 of the daemon, also between `saved` and arrival", share=4)
def kill_daemon(site, this):
    """No mail and no push is lost; a new one is ready in 3 s."""
    people = this.people(6, devices=3)
    took = []

    def kill():
        took.append(site.kill_daemon())

    with site.behind(Unjoined), this.traffic(people, rate=50) as traffic:
        for n in this.kills(200):
            traffic.more(this.random.randrange(1, 15))
            if n % 2:
                kill()
            else:
                count = len(took)
                Unjoined.armed = kill
                until(lambda before=count: len(took) > before, 30, "the daemon was killed in between")
            this.killed(repeats=2 * CONCURRENCY)
    this.note(f"ready again after at most {max(took):.2f} s")
    this.judge(max(took) <= 3, "ready in 3 s")


@row("F17", "restarts (SIGHUP, kill -9 of workers, of the parent)", share=2)
def restart_proxy(site, this):
    """No refused connection, no 421, and no destination that Postfix holds back for it."""
    people = this.people(6, devices=3)
    with this.traffic(people, rate=100) as traffic:
        for n in this.kills(50):
            traffic.more(this.random.randrange(2, 15))
            site.lab.mailbell.proxy.signal(signal.SIGHUP)
            traffic.more(this.random.randrange(1, 4))
            site.workers()
            if n % 3 == 2:
                site.kill_proxy()
            else:
                site.kill_worker(this.random)
            this.killed(doubles=CONCURRENCY, repeats=CONCURRENCY)
    site.drain()
    log = site.log(this.mark)
    # Where a kill cuts all open sessions at once, Postfix itself holds the destination back for a while.
    held, cut = "delivery temporarily suspended: ", "lost connection with "
    this.note(f"{log.count(held + cut)} deliveries were held back because kills cut all open sessions")
    log = log.replace(held + cut, cut)
    for words in ("Connection refused", " 421 ", held):
        this.check(words not in log, f"Postfix's log says {words!r} {log.count(words)} times")
