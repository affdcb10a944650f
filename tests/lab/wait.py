"""Waiting for what must come true: a condition and a deadline, never a bare sleep."""

import time


class Overdue(AssertionError):
    """What was waited for did not happen in time."""


def until(condition, timeout=10.0, what="the condition", every=0.01):
    """Calls condition until it gives something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Overdue(f"not within {timeout:g} s: {what}")
        time.sleep(every)
