"""How long LMTP takes through the proxy, compared with Dovecot direct: one of each in turn."""

import smtplib
import time

from .traffic import compose

P50_MS, P99_MS = 1, 5       # promised, above direct


class Pace:
    def __init__(self, site, this):
        self.this = this
        self.people = this.people(2, devices=0)
        self.paths = (site.lab.dovecot.socket, site.lab.proxy_socket)
        self.all = ([], [])     # ms: direct, through the proxy
        self.last = None

    def measure(self, count):
        """count transactions each way: what they took, in words."""
        took = [], []
        with smtplib.LMTP(self.paths[0]) as direct, smtplib.LMTP(self.paths[1]) as proxy:
            for lmtp in (direct, proxy):
                lmtp.ehlo("pace.example")
            for _ in range(count):
                for n, lmtp in enumerate((direct, proxy)):
                    took[n].append(self._one(lmtp, self.people[n].address))
        for n, values in enumerate(took):
            self.all[n].extend(values)
        self.last = "direct p50 {:.2f} ms, p99 {:.2f} ms; through us p50 {:.2f} ms, p99 {:.2f} ms".format(
            *(at(values, share) for values in took for share in (50, 99)))
        return self.last

    def _one(self, lmtp, to):
        id = self.this.ledger.new_id()
        message = compose(id, to, self.this.random)
        mail = self.this.ledger.enter(id, message, [to])
        start = time.monotonic()
        lmtp.mail("fred@example.org")
        lmtp.rcpt(to)
        code, reply = lmtp.data(message)
        assert code == 250, reply
        mail.taken = True
        return 1000 * (time.monotonic() - start)

    def judge(self, this):
        """Over all that was measured."""
        for share, most in ((50, P50_MS), (99, P99_MS)):
            added = at(self.all[1], share) - at(self.all[0], share)
            this.judge(added <= most, f"LMTP p{share} {added:.2f} ms over direct, promised {most} ms")


def at(values, share):
    """The value below which so many percent lie."""
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]
