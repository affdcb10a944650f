"""mailbelld where something has run out."""

import os
import time

from lab.alone import Alone, Talk
from lab.wait import until


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_no_descriptor_left():
    """Who connects waits, the daemon does not turn in circles, and goes on when there is one again."""
    with Alone(within=("prlimit", "--nofile=32")) as alone:
        path = f"{alone.mailbell.run_dir}/command"
        crowd = [Talk(path) for _ in range(30)]
        until(lambda: alone.descriptors() >= 31, 10, "its descriptors are used up")
        began = cpu_s(alone.daemon.pid)
        time.sleep(1)           # what is measured is what it does meanwhile
        assert cpu_s(alone.daemon.pid) - began < 0.3
        for talk in crowd:
            talk.close()
        with Talk(path) as talk:
            assert talk.read().type == "OK"
        assert alone.daemon.running
