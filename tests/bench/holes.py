"""10,000 dead push services beside ten that live: how long the living wait.

    tests/bench/holes.py [COUNT]        as root; MAILBELL_BUILD names the build folder
"""

import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

from lab import netns                   # noqa: E402
from lab.holes import Holes             # noqa: E402


def main(count):
    why = netns.why_not()
    if why is not None:
        sys.exit(why)
    with tempfile.TemporaryDirectory(prefix="mb.", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        began = time.monotonic()
        with Holes(folder, count) as holes:
            print(f"{count} hosts subscribed, acknowledged and dead: {time.monotonic() - began:.0f} s")
            delays = sorted(holes.run(rounds=20, timeout=60))
            p95 = delays[len(delays) * 95 // 100]
            print(f"{len(delays)} pushes to the living: p50 {delays[len(delays) // 2]:.3f} s, "
                  f"p95 {p95:.3f} s, longest {delays[-1]:.3f} s (promised: p95 under 5 s)")
            print(f"most descriptors {holes.most_descriptors} (promised: under 128), "
                  f"most connections to the dead {holes.most_slots}")
    return 0 if p95 < 5 and holes.most_descriptors < 128 else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10000))
