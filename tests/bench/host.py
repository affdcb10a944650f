"""What the figures were measured on."""

import os
import platform
import re
import subprocess

PACKAGES = ("postfix", "dovecot-core", "libcurl4", "libssl3", "libssl3t64", "libdb5.3", "libdb5.3t64",
            "libmilter1.0.1", "libgmime-3.0-0", "libgmime-3.0-0t64", "nodejs", "opendkim", "haproxy",
            "nghttp2-client")


def _output(*argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
        found = re.search(r"^model name\s*:\s*(.+)$", f.read(), re.M)
    return found[1] if found else platform.machine()


def _versions():
    """Of the packages that are there."""
    lines = _output("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package} ${Version}\n", *PACKAGES)
    return {name: version for state, name, version in
            (line.split() for line in lines.splitlines() if len(line.split()) == 3) if state == "ii"}


def _system():
    with open("/etc/os-release", encoding="utf-8") as f:
        found = re.search(r'^PRETTY_NAME="?([^"\n]+)', f.read(), re.M)
    return found[1] if found else platform.system()


def describe():
    return {"cpu": cpu_model(), "cores": len(os.sched_getaffinity(0)),
            "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
            "system": _system(), "kernel": platform.release(),
            "compiler": _output("cc", "--version").split("\n")[0], "versions": _versions()}
