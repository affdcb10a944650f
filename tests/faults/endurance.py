"""make faults FAULTS_MAILS=100000 FAULTS_KILLS=500: one long run.

So many mails flow as fast as Postfix takes them, each message to ten people, while processes of ours
die by kill -9 at random, the kills spread over the mails: workers of the proxy, its parent (started
again on the sockets that its starter holds), the daemon, and the milter that sees all the mail.
"""

import sys
import time

from .row import ROWS, row

PEOPLE, DEVICES = 100, 10
RECIPIENTS = 10             # of each message
OPEN = 20 * RECIPIENTS      # mails that may be under way at a kill
NAME = "endurance"


def endurance(site, this, mails, kills):
    """0 lost, 0 altered; doubled only where a transaction was open at a kill."""
    people = this.people(PEOPLE, DEVICES)
    site.lab.mailbell.start_milter()
    site.lab.postfix.configure(smtpd_milters=site.lab.milters())
    victims = {"worker": lambda: site.kill(this.random.choice(site.workers())),
               "parent": site.kill_proxy,
               "daemon": site.kill_daemon,
               "milter": lambda: site.kill_milter(this.random)}
    counts = dict.fromkeys(victims, 0)
    with this.traffic(people, count=mails // RECIPIENTS, recipients=RECIPIENTS, threads=4) as traffic:
        for n in range(kills):
            goal = this.random.uniform(n, n + 1) * mails / RECIPIENTS / kills
            traffic.more(max(0, int(goal) - len(traffic.mails)), timeout=300)
            victim = this.random.choice(list(victims))
            victims[victim]()
            counts[victim] += 1
            this.killed(doubles=OPEN, repeats=OPEN)
            progress(this, traffic, mails)
        traffic.join()
    progress(this, traffic, mails, "\n")
    # What a killed worker held for a dead daemon is lost, and what a killed daemon knew of its mail.
    this.silence_allowed = this.kill_count * OPEN
    this.note(", ".join(f"{count} x {name}" for name, count in counts.items()))
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
