"""F1 to F5, F8, F11 to F17: what concerns mail."""

import os
import signal

from lab.process import process_state
from lab.wait import until

from .row import row


@row("F1", "kill -9 of a proxy worker at random", share=2)
def kill_proxy(site, this):
    """Postfix defers what had no reply; all mail arrives."""
    people = this.people(4, devices=2)
    with this.traffic(people, rate=100) as traffic:
        for _ in this.kills(50):
            victim = this.random.choice(site.lab.mailbell.workers())
            traffic.more(this.random.randrange(1, 20))
            os.kill(victim, signal.SIGKILL)
            this.killed(doubles=20, repeats=20)
            until(lambda pid=victim: process_state(pid) in (None, "Z"), 5, "it is dead")
            until(lambda: len(site.lab.mailbell.workers()) == 2, 10, "there are two workers again")
