"""F10: the Nth allocation fails, in each program that stands in the way of mail."""

import os

from lab.nomemory import NoMemory
from lab.wait import until

from .row import row


LEAST = 4       # mails, and one of them with an allocation that failed: the next has fewer, perhaps
ABORTS = ("Panic", "killed with signal", "core dumped")     # in Dovecot's log
WHOLE = 100     # allocations: so many all fail in turn, whatever time it takes
COMMAND = 1000  # a command is quick
OUTCOME_S = 100 # Dovecot's master holds a service back for up to a minute whose start failed


def walk(this, memory, send, settle=lambda: None, whole=WHOLE):
    """One mail, or command, after the other, of whose allocations another one fails each time, in the
    order of the seed: all of them in the long form, where they are not more than `whole`."""
    send()          # what a new process takes once is not counted
    memory.arm()
    send()
    memory.disarm()
    calls = memory.calls
    this.check(calls > 0, "no allocation was counted")
    failed, least = 0, calls if not this.short and calls <= whole else LEAST
    for n, nth in enumerate(this.random.sample(range(1, calls + 1), calls)):
        if n >= least and failed and this.left <= 0:
            break
        memory.arm(nth=nth)
        send()
        settle()
        failed += memory.failed
        memory.disarm()
    this.note(f"{failed} of the {calls} allocations that it takes have failed")
    this.check(failed > 0, "no allocation has failed")


def sender(site, this, people):
    """Sends one message and waits until it has arrived or was deferred."""
    def send():
        mail, = this.mail(people, count=1)
        until(lambda: site.lab.postfix.outcomes(mail.queue_id), OUTCOME_S, "an outcome")
    return send


@row("F10", "malloc fails at the Nth call: mailbell-lmtp", share=2)
def proxy_memory(site, this):
    """Mail passes or is deferred; a worker may die."""
    people, memory = this.people(2, devices=1), NoMemory(apart(site, "proxy"))
    mailbell = site.lab.mailbell
    before = mailbell.proxy.env
    mailbell.proxy.env = {**before, **memory.env}
    try:
        site.kill_proxy()
        walk(this, memory, sender(site, this, people), settle=site.workers)
    finally:
        memory.disarm()
        mailbell.proxy.env = before
        site.kill_proxy()
    allow(this)


@row("F10b", "malloc fails at the Nth call: the milter", share=2)
def milter_memory(site, this):
    """Mail passes (default_action = accept); the worker may die."""
    people, memory = this.people(2, devices=0), NoMemory(apart(site, "milter"))
    mailbell = site.lab.mailbell
    before = mailbell.milter.env
    mailbell.milter.stop()
    mailbell.milter.env = {**before, **memory.env}
    try:
        site.lab.use("milter")
        walk(this, memory, sender(site, this, people))
        this.check(mailbell.milter.running, "the milter has ended")
    finally:
        memory.disarm()
        mailbell.milter.stop()
        mailbell.milter.env = before
        site.lab.use("lmtp")


@row("F10c", "malloc fails at the Nth call: our modules", share=2)
def module_memory(site, this):
    """Mail passes or is deferred, a command gets its answer or its session ends; nothing aborts."""
    people = this.people(2, devices=1)
    memory = NoMemory(apart(site, "modules"), within="mailbell_plugin")
    before = os.path.getsize(site.lab.dovecot.log)
    with dovecot_with(site, memory.env):
        site.lab.use("dovecot")
        walk(this, memory, sender(site, this, people))
        walk(this, memory, lambda: ask(site, people[0]), whole=COMMAND)
        site.lab.use("lmtp")
    with open(site.lab.dovecot.log, encoding="utf-8", errors="replace") as log:
        log.seek(before)
        aborts = [line for line in log if any(sign in line for sign in ABORTS)]
    this.check(not aborts, f"Dovecot's log: {''.join(aborts[:5])}")
    allow(this)


def ask(site, person):
    """A command of ours on a new session, whatever becomes of it."""
    try:
        with site.lab.imap(person.address) as imap:
            imap.command("LWEBPUSH *")
            imap.logout()
    except (AssertionError, EOFError, OSError):
        pass


class dovecot_with:     # pylint: disable=invalid-name
    """Dovecot started anew with more environment, as long as the block lasts."""

    def __init__(self, site, env):
        self.dovecot, self.env = site.lab.dovecot, env

    def __enter__(self):
        with open(self.dovecot.config, encoding="ascii") as text:
            self.before = text.read()
        pairs = [f"{name}={value}" for name, value in self.env.items()]
        self._again(self.before.replace("import_environment = ", f"import_environment = {' '.join(pairs)} ")
                    .replace("import_environment {", "\n  ".join(["import_environment {", *pairs])))

    def __exit__(self, *_):
        self._again(self.before)

    def _again(self, text):
        self.dovecot.stop()
        with open(self.dovecot.config, "w", encoding="ascii") as out:
            out.write(text)
        self.dovecot.start()


def apart(site, name):
    """A folder that every user can walk."""
    folder = f"{site.lab.dir}/nomemory-{name}"
    os.makedirs(folder, exist_ok=True)
    return folder


def allow(this):
    """A process that died between the backend's 2xx and ours, or before it told of what it saved."""
    count = len(this.ledger.mails)
    this.doubles_allowed += count
    this.repeats_allowed += count
    this.silence_allowed += count
