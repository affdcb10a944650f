"""make faults FAULTS_MAILS=100000 FAULTS_KILLS=500: one long run.

So many mails flow as fast as Postfix takes them, each message to ten people, while processes of ours
die by kill -9 at random, the kills spread over the mails: workers of the proxy, its parent (started
again on the sockets that its starter holds), the daemon, and the milter that sees all the mail.
"""

import sys
import time

from lab.wait import until

from .row import ROWS, row

PEOPLE, DEVICES = 100, 10
RECIPIENTS = 10             # of each message
OPEN = 20 * RECIPIENTS      # mails that may be under way at a kill
HOOK = ("worker", "parent")
APART_S = 6                 # what one of us held, or waited for, has been told by then
CLOSE = 0.2                 # of the kills do not wait for that
NAME = "endurance"


class Killer:
    """Kills at random, and knows what each kill may do to pushes and mail.

    A push may be lost only where a worker died with what it held for a daemon that had died before, or
    the daemon with a saved event whose worker had died: at two kills close to each other.
    """

    def __init__(self, site, this):
        self.site, self.this = site, this
        self.victims = {"worker": lambda: site.kill_worker(this.random),
                        "parent": site.kill_proxy,
                        "daemon": site.kill_daemon,
                        "milter": lambda: site.kill_milter(this.random)}
        self.counts = dict.fromkeys(self.victims, 0)
        self.last = {True: 0, False: 0}     # wall clock: of the hook, of the daemon

    def choose(self):
        """The next victim.  What the hook or the daemon lost at its last kill was told by then, mostly."""
        victim = self.this.random.choice(list(self.victims))
        if victim != "milter" and self.this.random.random() >= CLOSE:
            other = self.last[victim not in HOOK]
            until(lambda: time.time() - other >= APART_S, APART_S + 5, "the other has told all")
        return victim

    def strike(self, victim):
        """kill -9."""
        hook, daemon = victim in HOOK, victim == "daemon"
        start = time.time()
        self.victims[victim]()
        self.counts[victim] += 1
        # Only a transaction through us is doubled, and only what the daemon had sent comes again.
        self.this.killed(doubles=OPEN if hook else 0, repeats=OPEN if daemon else 0)
        if hook or daemon:
            self.last[hook] = time.time()
            if start - self.last[not hook] < APART_S:
                self.this.excuses.append((self.last[not hook] - APART_S, self.last[hook]))


def endurance(site, this, mails, kills):
    """0 lost, 0 altered; doubled only where a transaction was open at a kill; each mail rings but where
    two kills came close to each other."""
    people = this.people(PEOPLE, DEVICES)
    site.lab.mailbell.start_milter()
    site.lab.postfix.configure(smtpd_milters=site.lab.milters())
    killer = Killer(site, this)
    this.kills_wanted = kills
    with this.traffic(people, count=mails // RECIPIENTS, recipients=RECIPIENTS, threads=4) as traffic:
        for n in range(kills):
            victim = killer.choose()
            each = mails / RECIPIENTS / kills
            traffic.limit = (n + 1) * each
            goal = int(this.random.uniform(n, n + 1) * each)
            traffic.more(max(0, goal - len(traffic.mails)), timeout=300)
            killer.strike(victim)
            progress(this, traffic, mails)
        traffic.limit = None
        traffic.join()
    progress(this, traffic, mails, "\n")
    this.note(", ".join(f"{count} x {name}" for name, count in killer.counts.items())
              + f"; {len(this.excuses)} times hook and daemon within {APART_S} s")
    took = time.monotonic() - this.began
    this.note(f"{len(traffic.mails) * RECIPIENTS / took:.0f} mails a second")
    site.drain(600)
    this.check(this.kill_count == kills, f"{this.kill_count} kills")


def progress(this, traffic, mails, end="\r"):
    """For somebody who watches."""
    if sys.stderr.isatty():
        print(f"{len(traffic.mails) * RECIPIENTS:>7} of {mails} mails, {this.kill_count:>4} kills, "
              f"{time.monotonic() - this.began:>5.0f} s", end=end, file=sys.stderr, flush=True)


def register(mails, kills):
    """The row that does it, as the only one."""
    ROWS.clear()
    row(NAME, f"{mails} mails, {kills} times kill -9")(
        lambda site, this: endurance(site, this, mails, kills))
    return ROWS[NAME]
