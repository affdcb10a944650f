"""Black holes beside good push services: dead hosts cannot take the slots of the living.

MAILBELL_HOLES is how many (default 300, so that the test ends within its time; the promise is for
10,000, which `tests/bench/holes.py` measures).
"""

import os
import time

import pytest

from lab import netns
from lab.holes import SLOTS, Holes

COUNT = int(os.environ.get("MAILBELL_HOLES", "300"))
CONNECT_S = 5

pytestmark = pytest.mark.skipif(netns.why_not() is not None, reason=str(netns.why_not()))


def test_black_holes(tmp_path):
    """Ten good devices get their mail while hundreds of dead hosts have theirs waiting."""
    for path in (tmp_path, *tmp_path.parents[:3]):
        path.chmod(0o755)
    with Holes(str(tmp_path), COUNT) as holes:
        before = holes.alone.status()["later"]
        delays = holes.run(rounds=3, timeout=50)
        took = time.monotonic() - holes.began
        assert len(delays) == 30
        assert 0 < holes.most_slots <= SLOTS
        assert holes.most_descriptors < 128
        tried = holes.alone.status()["later"] - before
        assert tried <= SLOTS * (took / CONNECT_S + 2), "more tries than slots allow"
        if COUNT >= 300 and took < 30:
            assert holes.alone.status()["outbox"] > COUNT / 2, "the dead were not dead"
        assert not holes.alone.leaks()
