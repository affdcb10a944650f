"""Clocks, memory and rounds: how everything here is measured."""

import os
import statistics
import time


def cpu_clock(pid):
    """The CPU time of another process and all its threads, in seconds: CLOCK_PROCESS_CPUTIME_ID of
    its process id, which counts nanoseconds where /proc/PID/stat counts ticks."""
    return time.clock_gettime((~pid << 3) | 2)


def _rollup(pid, name):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return 0


def pss(*pids):
    """Octets of resident memory; what processes share is counted once."""
    return sum(_rollup(pid, "Pss") for pid in pids)


def rss(pid):
    return _rollup(pid, "Rss")


def pin(pid, core):
    """Sets the core of all threads of a process; more cores than the machine has wrap around."""
    cores = sorted(os.sched_getaffinity(0))
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {cores[core % len(cores)]})


def pinned(core):
    """The words in front of a command that is to run on one core."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[core % len(cores)])]


def give_way(pid):
    """A tenth of the weight that others have where CPUs are busy: what CPUWeight=10 of the daemon's unit does,
    where no systemd is.  False: this kernel does not weigh sessions."""
    assert os.getsid(pid) == pid
    try:
        with open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as f:
            f.write("10")
    except FileNotFoundError:
        return False
    return True


def interleave(bench, variants, rounds=7, warm_up=1):
    """Runs each variant (name -> function that returns one figure) once in every round, and returns
    name -> figures.  The order turns round from one round to the next, so that what drifts hits all
    alike; the first `warm_up` rounds are dropped."""
    figures = {name: [] for name in variants}
    for i in range(-warm_up, rounds):
        for name in list(variants) if i % 2 == 0 else reversed(list(variants)):
            bench.progress(f"{name}, round {i + 1} of {rounds}" if i >= 0 else f"{name}, warm-up")
            figure = variants[name]()
            if i >= 0:
                figures[name].append(figure)
    return figures


def ratios(above, below):
    """Round by round."""
    return [a / b for a, b in zip(above, below)]


def quartiles(values):
    """The median, and the bounds of the middle half."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high
