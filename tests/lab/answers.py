"""What protocol.md's table of answers promises of each answer that means "later"."""

import email.utils
import time

MINUTE, HOUR, DAY = 60, 3600, 86400
BACKOFF = (7, 10)       # 10 s, with 20 % of jitter, and what the clock cuts off


def after(value):
    return {"Retry-After": value}


class HttpDate(str):
    """A date so many seconds from when it is sent: the tests of a long run begin late."""

    def __new__(cls, seconds):
        return super().__new__(cls, f"HTTP date in {seconds} s")

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds


def as_sent(headers):
    """Headers for an Answer of this moment."""
    return {name: email.utils.formatdate(time.time() + value.seconds, usegmt=True)
            if isinstance(value, HttpDate) else value for name, value in headers.items()}


# The answer, its header, seconds until the next try, what `show` calls the subscription.
LATER = [
    (404, {}, (HOUR - 20, HOUR), "failing"),
    (401, {}, (DAY - 20, DAY), "key refused"),
    (403, {}, (DAY - 20, DAY), "key refused"),
    (429, {}, (MINUTE - 20, MINUTE), "failing"),
    (429, after("300"), (300 - 20, 300), "failing"),
    (429, after(HttpDate(400)), (400 - 90, 400), "failing"),
    (429, after("a while"), (MINUTE - 20, MINUTE), "failing"),
    (429, after("-5"), (MINUTE - 20, MINUTE), "failing"),
    (429, after("0"), (MINUTE - 20, MINUTE), "failing"),
    (429, after(HttpDate(-400)), (MINUTE - 20, MINUTE), "failing"),
    (429, after("9" * 70), (MINUTE - 20, MINUTE), "failing"),
    (503, {}, BACKOFF, "failing"),
    (503, after("120"), (120 - 20, 120), "failing"),
    (500, {}, BACKOFF, "failing"),
    (500, after("120"), BACKOFF, "failing"),
    (502, {}, BACKOFF, "failing"),
    (507, {}, BACKOFF, "failing"),
    (599, {}, BACKOFF, "failing"),
    (301, {"Location": "https://127.0.0.1/"}, BACKOFF, "failing"),
    (302, {}, BACKOFF, "failing"),
    (307, {}, BACKOFF, "failing"),
    (308, {}, BACKOFF, "failing"),
]
