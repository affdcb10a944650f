"""F8 and F11 to F14b: a backend that is full, slow, dead, or talks nonsense, and too few descriptors."""

import contextlib
import re
import select
import smtplib
import socket

from lab import accounts
from lab.dovecot import FULL, DOMAIN
from lab.lmtpserver import LOOSE, LmtpServer
from lab.relay import Cut, Wire
from lab.wait import Overdue, until

from .ledger import Person
from .row import row
from .traffic import compose


def outcomes(site, this, mail):
    """What Postfix has said of the recipients of a mail so far."""
    return site.lab.postfix.outcomes(mail.queue_id, site.log(this.mark))


# F8.

@row("F8", "disk of the mailboxes full, and quota", plain="the same")
def full_mailboxes(site, this):
    """The backend's 4xx and 5xx verbatim, no push; what was deferred arrives when there is space."""
    person, = this.people(1)
    home = site.lab.dovecot.home(person.address)
    with site.small_disk(home, "64k", accounts.ids(accounts.MAIL)) as resize:
        mail, = this.mail([person], size=200000)
        said = until(lambda: outcomes(site, this, mail), 20, "Postfix has tried")[0]
        direct = refusal(site, person.address, compose("direct", person.address, this.random, 200000))
        this.check(said.status == "deferred" and words_of(direct) in said.text,
                   f"Dovecot says {direct}, Postfix heard {said.text}")
        if person.device:
            this.check(not person.device.new(), "a push, though the mail is not there")
        resize("16m")
        site.drain()
        # It goes with the mount.
        this.ledger.copies += site.mailbox(person.address)
    quota(site, this)


def quota(site, this):
    """A mailbox that has no room: 4xx or 5xx, and never a push."""
    full = f"{FULL}@{DOMAIN}"
    this.ledger.add([Person(full)])
    direct = refusal(site, full, compose("direct", full, this.random))
    mail, = this.mail([this.ledger.people[full]])
    mail.refused = frozenset([full])
    said = until(lambda: outcomes(site, this, mail), 20, "Postfix has tried")[0]
    this.check(words_of(direct) in said.text, f"Dovecot says {direct}, Postfix heard {said.text}")
    if said.status == "deferred":
        site.lab.postfix.command("postsuper", "-d", mail.queue_id)


def refusal(site, to, message):
    """What Dovecot itself says to such a message, as one line."""
    with smtplib.LMTP(site.lab.dovecot.socket) as lmtp:
        lmtp.ehlo("direct.example")
        for code, reply in (lmtp.mail("fred@example.org"), lmtp.rcpt(to)):
            if code != 250:
                return f"{code} {reply.decode()}"
        code, reply = lmtp.data(message)
        assert code >= 400, (code, reply)
        return f"{code} {reply.decode()}"


def words_of(reply):
    """A reply without its session id."""
    return reply.split("> ", 1)[0].replace("\n", " ")


# F11.

@row("F11", "RLIMIT_NOFILE reached")
def few_descriptors(site, this):
    """No 421 and no refused connection: sessions wait, then go on."""
    people = this.people(4, devices=2)
    bell = site.lab.mailbell
    with site.few_descriptors(bell.proxy, 64, site.start_proxy), \
            site.few_descriptors(bell.daemon, 64, bell.start_daemon):
        greeted = occupied(site, this, people, 100)
        site.drain()
        # The daemon is stopped next: what is on its way to a device then would come twice.
        site.quiet()
    log = site.log(this.mark)
    for words in ("Connection refused", " 421 "):
        this.check(words not in log, f"Postfix's log says {words!r}")
    this.note(f"{greeted} of 100 idle sessions were served at once; mail waited behind them")


def occupied(site, this, people, count):
    """Mail comes while count idle sessions take what there is: how many of those were greeted."""
    with contextlib.ExitStack() as idle:
        socks = [idle.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(count)]
        for sock in socks:
            sock.connect(site.lab.proxy_socket)
        until(lambda: select.select(socks, (), (), 0)[0], 20, "a session is served")
        this.mail(people, count=20 if this.short else 200)
        answered = [sock.recv(100) for sock in select.select(socks, (), (), 0)[0]]
    refused = [said for said in answered if not said.startswith(b"220")]
    this.check(not refused, f"a session was answered {refused[:1]}")
    this.check(len(answered) < count, f"all {count} sessions were served with 64 descriptors")
    return len(answered)


# F12.

class Slow(Wire):
    """What Dovecot says behind the dot comes late, as `how` has it for the recipient: called once with
    the wire and the octets, it gives what is left to pass on."""
    how = {}
    deaf = False            # a big message is not read for as long as this is so

    def up(self, octets):
        self.sent += octets
        while self.deaf and len(self.sent) > 1 << 20 and not self.over.wait(0.05):
            pass
        return octets

    def down(self, octets):
        found = re.search(rb"<([^>]*)> \S+ Saved", octets)
        how = found and self.how.pop(found[1].decode(), None)
        return how(self, octets) if how else octets

    def drop(self, octets, seconds):
        """One octet after the other, for 30 of them."""
        for n in range(30):
            self.client.sendall(octets[n:n + 1])
            self.over.wait(seconds)
        return octets[30:]

    def late(self, octets, seconds):
        """All of it, later; None: never."""
        self.over.wait(seconds)
        if seconds is None:
            raise Cut
        return octets


@row("F12", "backend slow, late, or silent", plain="the same", alongside=True)
def slow_backend(site, this):
    """Postfix's own timers decide; memory stays flat."""
    timer, late, drop = (3, 0.5, 0.005) if this.short else (600, 590, 1)
    slow, tardy, mute, big = this.people(4, devices=1)
    ways = {slow.address: lambda wire, octets: wire.drop(octets, drop),
            tardy.address: lambda wire, octets: wire.late(octets, late),
            mute.address: lambda wire, octets: wire.late(octets, None)}
    # A class of its own: this row may run on two sites at the same time.
    wire = type("SlowHere", (Slow,), {"how": ways})
    with site.postfix(lmtp_data_done_timeout=f"{timer}s"), site.behind(wire) as relay:
        mails = {one.address: this.mail([one])[0] for one in (slow, tardy, mute)}
        unread(site, this, relay, big, (4 if this.short else 20) << 20)
        said = {}
        for address, mail in mails.items():
            said[address] = until(lambda one=mail: outcomes(site, this, one), timer + 60,
                                  f"an outcome for {address}")[0]
    for one in (slow, tardy):
        this.judge(said[one.address].status == "sent", f"late, but in time: {said[one.address]}")
    this.check(said[mute.address].status == "deferred", f"a silent backend: {said[mute.address]}")
    # Each that Postfix gave up was stored all the same.
    this.doubles_allowed += len(site.deferred(this.mark))


def unread(site, this, relay, person, size):
    """A message of many megabytes that the backend does not read: it does not pile up in us."""
    before = memory_kib(site)
    relay.wire.deaf = True
    try:
        this.mail([person], size=size)
        until(lambda: any(len(wire.sent) > 1 << 20 for wire in relay.wires), 30, "it is under way")
        grown = memory_kib(site) - before
        this.check(grown < 2048, f"the workers have grown by {grown} KiB")
    finally:
        relay.wire.deaf = False


def memory_kib(site):
    """Of the proxy's workers."""
    total = 0
    for pid in [] if site.plain else site.workers():
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            total += int(re.search(r"RssAnon:\s+(\d+)", status.read())[1])
    return total


# F13.

MIXED = ("250 2.0.0 <{0}> {1} Saved", "250-2.0.0 first line\r\n250 2.0.0 <{0}> {1} Saved",
         "450 4.2.1 <{0}> busy", "452-4.2.2 <{0}> over\r\n452-4.2.2 quota\r\n452 4.2.2 today",
         "550 5.1.1 <{0}> unknown", "552-5.2.2 <{0}> is\r\n552 5.2.2 full", "554 5.7.1 no")


class Mixed:
    """What a backend says to each recipient, chosen once; what was 4xx is taken the second time."""

    def __init__(self, dice, server):
        self.dice, self.server = dice, server
        self.said = {}          # (address, place): the first answer

    def rcpt(self, address):
        """At RCPT most are accepted."""
        return self._once(address, "rcpt", lambda: "250 2.1.5 OK" if self.dice.random() < 0.8 else
                          self.dice.choice(MIXED[2:]))

    def dot(self, address, _message):
        """Behind the dot anything goes."""
        return self._once(address, "dot", lambda: self.dice.choice(MIXED))

    def _once(self, address, place, choose):
        """Chosen at the first try of a recipient; all are taken at the second."""
        if self.first(address) is not None:
            return "250 2.1.5 OK" if place == "rcpt" else MIXED[0].format(address, self.server().token())
        answer = choose().format(address, self.server().token())
        self.said[address, place] = answer
        return answer

    def first(self, address):
        """What decided about a recipient at the first try; None: nothing yet."""
        rcpt = self.said.get((address, "rcpt"), "2")
        return rcpt if rcpt[0] != "2" else self.said.get((address, "dot"))


@row("F13", "2xx, 4xx, 5xx mixed for up to 1000 recipients", plain="the same")
def mixed_answers(site, this):
    """Each recipient gets its own code verbatim; pushes for 2xx alone."""
    people = this.people(12, devices=6)
    for turn in this.turns(1 if this.short else 5):
        mixed_once(site, this, people, 300 if this.short else 1000, turn)


def mixed_once(site, this, people, count, turn):
    """One message to count recipients, of whom people are the first."""
    addresses = [one.address for one in people]
    addresses += [f"many{turn}.{n}@{DOMAIN}" for n in range(count - len(people))]
    server = None
    mixed = Mixed(this.random, lambda: server)
    server = LmtpServer(f"{site.lab.dir}/mixed", rcpt=mixed.rcpt, dot=mixed.dot)
    with site.instead(server):
        id = this.ledger.new_id()
        message = compose(id, addresses[0], this.random)
        queue_id = site.lab.postfix.send(addresses, message)
        site.drain()
        if not site.plain:
            site.quiet()
    this.tried += count
    check_mixed(site, this, mixed, queue_id, addresses)
    check_rings(site, this, mixed, people)


def check_rings(site, this, mixed, people):
    """Who was taken rings, also where that was at the second try; who was refused does not."""
    due = {one.address for one in people if one.device and mixed.first(one.address)[0] in "24"}

    def rang():
        site.listen(this.ledger)
        return {one.address for one in people if any(push.syncs or push.mails for push in one.pushes)}
    if not site.plain:
        with contextlib.suppress(Overdue):
            until(lambda: rang() >= due, 20, "all have rung")
        this.check(rang() == due, f"{rang() - due} rang for nothing, {due - rang()} did not ring")
    for one in people:
        one.pushes.clear()


def check_mixed(site, this, mixed, queue_id, addresses):
    """Postfix heard for each recipient what the backend said, and nothing else."""
    heard = {}
    for one in site.lab.postfix.outcomes(queue_id, site.log(this.mark)):
        heard.setdefault(one.to, []).append(one)
    wrong = 0
    for address in addresses:
        want = mixed.first(address)
        outcome = {"2": "sent", "4": "deferred", "5": "bounced"}[want[0]]
        first = heard[address][0]
        wrong += first.status != outcome or want.replace("\r\n", " ") not in first.text
    this.check(not wrong, f"{wrong} of {len(addresses)} recipients got another answer than their own")
    this.note(f"{len(addresses)} recipients: " + ", ".join(
        f"{sum(mixed.first(one)[0] == code for one in addresses)} x {code}xx" for code in "245"))


# F14.

class Broken(Wire):
    """Changes the answers behind the dot: `how` is given the lines as Dovecot gave them."""
    how = None

    def __init__(self, client):
        super().__init__(client)
        self.lines = b""
        self.count = 0

    def up(self, octets):
        if b"MAIL FROM" in octets:
            self.count = 0
        self.count += octets.count(b"RCPT TO")
        return super().up(octets)

    def down(self, octets):
        if Broken.how is None or not (self.lines or b" Saved\r\n" in octets):
            return octets
        self.lines += octets
        if self.lines.count(b" Saved\r\n") < self.count:
            return b""
        lines = [line + b"\r\n" for line in self.lines.split(b"\r\n")[:-1]]
        self.lines, self.count = b"", 0
        how, Broken.how = Broken.how, None
        passed, ended = how(lines)
        if ended:
            self.client.sendall(passed)
            raise Cut
        return passed


def breaks(n):
    """The ways to break n answers: (name, how many Postfix must take as sent or None, how): how gives
    what is passed on, and whether the backend dies then."""
    for j in range(n):
        yield f"dies after {j} of {n}", j, lambda lines, j=j: (b"".join(lines[:j]), True)
    yield "one too few, then death", n - 1, lambda lines: (b"".join(lines[:-1]), True)
    yield "one too few, then silence", n - 1, lambda lines: (b"".join(lines[:-1]), False)
    yield "one too many", None, lambda lines: (b"".join(lines + lines[-1:]), False)
    yield "garbage", 1, lambda lines: (lines[0] + b"\0\xffgarbage\r\n" + b"".join(lines[1:]), False)
    long = b"250 " + 65536 * b"x" + b"\r\n"
    yield "64 KiB", 1, lambda lines: (lines[0] + long + b"".join(lines[1:]), False)
    yield "half a line", 1, lambda lines: (lines[0] + lines[1][:20], True)


@row("F14", "backend dies after j of n replies, or talks nonsense", plain="the same")
def broken_backend(site, this):
    """j are relayed, the rest deferred; never a shifted reply."""
    people = this.people(4, devices=2)
    ways = list(breaks(len(people)))
    if this.short:
        ways = this.random.sample(ways, 2)
    with site.postfix(lmtp_data_done_timeout="3s"), site.behind(Broken):
        for name, good, how in ways:
            Broken.how = how
            mail, = this.mail(people, recipients=len(people))
            until(lambda: Broken.how is None, 20, "Dovecot has answered")
            this.doubles_allowed += len(people)
            site.drain()
            firsts = {}
            for one in outcomes(site, this, mail):
                firsts.setdefault(one.to, one.status)
            sent = list(firsts.values()).count("sent")
            if good is not None and not site.plain:
                this.check(sent == good, f"{name}: {sent} were sent at once, not {good}")


# F14b.

ENDINGS = (b"\r\n.\n", b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r\n.\r\r\n", b"\r\n..\r\n", b"\r.\r\n",
           b"\n.\r", b"\r.\n", b"\r\n.\0\r\n", b"\r\n .\r\n", b"\r\n.\n\r\n")
SMUGGLED = ("MAIL FROM:<evil@example.org>\r\nRCPT TO:<{0}>\r\nDATA\r\n"
            "Subject: smuggled\r\n\r\nsmuggled\r\n.\r\n")


@row("F14b", "every spelling of end-of-data, loose and strict backend")
def endings(site, this):
    """Never a second transaction."""
    person, = site.people(1, devices=0)
    for ending in ENDINGS:
        smuggle(site.lab.proxy_socket, person.address, ending, this.random.random() < 0.5)
    strict = list(site.mailbox(person.address))
    this.check(all(copy.octets.count(b"Subject: carrier") == 1 for copy in strict),
               "Dovecot has a message that was not sent as one")
    this.check(0 < len(strict) <= len(ENDINGS), f"Dovecot has {len(strict)} messages of {len(ENDINGS)}")
    with site.instead(LmtpServer(f"{site.lab.dir}/loose", end=LOOSE)) as server:
        for ending in ENDINGS:
            before = len(server.messages)
            smuggle(site.lab.proxy_socket, person.address, ending, this.random.random() < 0.5)
            got = server.messages[before:]
            this.check(len(got) <= 1 and all(one.sender != "evil@example.org" for one in got),
                       f"{ending!r}: {len(got)} messages at a loose backend")
    this.tried += 2 * len(ENDINGS)
    this.note(f"{len(ENDINGS)} spellings: {len(strict)} messages at Dovecot, {len(server.messages)} at the "
              "loose backend")


def smuggle(path, to, ending, trickle):
    """A message that may hold another one behind the ending; all that was answered."""
    octets = (b"Subject: carrier\r\n\r\nbody" + ending + SMUGGLED.format(to).encode())
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(path)
        stream = sock.makefile("rb")
        stream.readline()
        for line in (b"LHLO me", b"MAIL FROM:<fred@example.org>", f"RCPT TO:<{to}>".encode(), b"DATA"):
            sock.sendall(line + b"\r\n")
            while stream.readline()[3:4] == b"-":
                pass
        with contextlib.suppress(ConnectionError):
            for n in range(0, len(octets), 1 if trickle else len(octets)):
                sock.sendall(octets[n:n + (1 if trickle else len(octets))])
            sock.sendall(b"QUIT\r\n")
            return stream.read()
    return b""
