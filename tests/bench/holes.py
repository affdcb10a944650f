"""10,000 dead push services beside ten that live: how long the living wait."""

import time

from lab import netns
from lab.holes import Holes

COUNT = 10000


def run(bench):
    why = netns.why_not()
    if why is not None:
        bench.skipped("holes", why)
        return
    with bench.folder() as folder:
        began = time.monotonic()
        bench.progress(f"{COUNT} hosts subscribe, acknowledge and die")
        with Holes(folder, COUNT) as holes:
            bench.figure("start", time.monotonic() - began, "s")
            bench.progress("pushes to the living")
            delays = sorted(holes.run(rounds=20, timeout=60))
            bench.goal("holes-p95", delays[len(delays) * 95 // 100])
            bench.goal("holes-descriptors", holes.most_descriptors)
            bench.figure("median wait", delays[len(delays) // 2], "s")
            bench.figure("longest wait", delays[-1], "s")
            bench.figure("most connections to the dead", holes.most_slots)
