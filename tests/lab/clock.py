"""A daemon's clock that tests move (libfaketime)."""

import os

LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def shifted(offset):
    """Environment variables that shift a program's wall clock for good, and nothing else."""
    return {"LD_PRELOAD": LIBRARY, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1"}


class Clock:
    """The clock of a daemon that runs: true=True moves its monotonic clock along, so that the time
    has really passed; else the wall clock alone has jumped."""

    def __init__(self, folder, true):
        self.path = f"{folder}/clock"
        self.push = self.wake = None
        self.offset = 0
        self.env = {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": self.path, "FAKETIME_NO_CACHE": "1",
                    "FAKETIME_DONT_FAKE_MONOTONIC": "0" if true else "1"}
        self.set(0)

    def follow(self, push, wake):
        """push: the service whose clock moves along.  wake: what makes the daemon look at its clock."""
        self.push, self.wake = push, wake

    def set(self, offset):
        """Seconds ahead of ours."""
        self.offset = offset
        with open(f"{self.path}.new", "w", encoding="ascii") as out:
            out.write(f"{offset:+d}\n")
        os.chmod(f"{self.path}.new", 0o644)
        os.rename(f"{self.path}.new", self.path)
        if self.push:
            self.push.ahead = offset

    def move(self, seconds):
        self.set(self.offset + seconds)
        self.wake()
