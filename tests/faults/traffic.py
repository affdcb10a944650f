"""Mail that flows while something else happens."""

import random
import smtplib
import threading
import time

from lab.postfix import send_in
from lab.wait import until

HEAD = ("From: Fred <fred@example.org>\r\nTo: {to}\r\nSubject: {subject}\r\n"
        "Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <{id}@faults.example>\r\n\r\n")
# What a relay could spoil.
LINES = (".", "..", ".leading", "", " ", "trailing \t", "x" * 900, "8 bit: Grüße", "From here", "end")


def compose(id, to, dice, size=300):
    """A message of about so many octets, with lines that a relay could spoil."""
    lines, left = [], size
    while left > 0:
        lines.append(dice.choice(LINES) if dice.random() < 0.3 else f"{dice.getrandbits(200):x}")
        left -= len(lines[-1]) + 2
    text = HEAD.format(to=to, subject=f"mail {id}", id=id) + "\r\n".join(lines) + "\r\n"
    return text.encode()


class Traffic:
    """with Traffic(site, ledger, people, seed, rate=50): ...

    rate: messages a second over all threads; None: as fast as it goes.  count: so many, then it ends;
    None: until the block ends.  recipients: how many of the people each message goes to.
    """

    def __init__(self, site, ledger, people, seed, rate=None, count=None, recipients=1, threads=2,
                 size=300):
        self.site, self.ledger, self.people = site, ledger, people
        self.rate, self.recipients, self.size = rate, recipients, size
        self.left = count
        self.limit = None       # no more than so many messages for now
        self.mails = []
        self.errors = []
        self.over = threading.Event()
        self.lock = threading.Lock()
        threads = min(threads, count or threads)
        self.threads = [threading.Thread(target=self._run, args=(random.Random(f"{seed} {n}"),
                                                                 rate and rate / threads))
                        for n in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def join(self):
        """Waits until all is sent; an error of a thread is raised here."""
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise self.errors.pop()

    def more(self, count=10, timeout=30):
        """Waits for so many messages from now on."""
        goal = len(self.mails) + count
        until(lambda: len(self.mails) >= goal or self.errors, timeout, "mail goes on")

    # In the threads.

    def _run(self, dice, rate):
        try:
            with smtplib.SMTP("127.0.0.1", self.site.lab.postfix.port, "client.lab.test", 60) as smtp:
                smtp.ehlo()
                due = time.monotonic()
                while self._another():
                    self._send(smtp, dice)
                    due = max(due + 1 / rate, time.monotonic() - 1) if rate else 0
                    self.over.wait(max(0, due - time.monotonic()))
        except (OSError, AssertionError, smtplib.SMTPException) as error:
            self.errors.append(error)

    def _another(self):
        while self.limit is not None and len(self.mails) >= self.limit and not self.over.is_set():
            self.over.wait(0.01)
        with self.lock:
            if self.left is not None:
                self.left -= 1
            return not self.over.is_set() and (self.left is None or self.left >= 0)

    def _send(self, smtp, dice):
        to = [one.address for one in dice.sample(self.people, self.recipients)]
        id = self.ledger.new_id()
        message = compose(id, to[0], dice, self.size)
        mail = self.ledger.enter(id, message, to)
        mail.queue_id = send_in(smtp, to, message)
        mail.taken = True
        with self.lock:
            self.mails.append(mail)
