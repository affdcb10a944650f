"""Small programs on the store (tests/tools), built from the sources that they try."""

import glob
import os
import subprocess

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def build(name, folder):
    """tests/tools/NAME.c as a program in a folder: its path."""
    out = f"{folder}/{name}"
    sources = [f"tests/tools/{name}.c", "lib/buf.c", "lib/frame.c", "lib/err.c", "lib/clock.c"]
    sources += sorted(glob.glob("daemon/store*.c", root_dir=TREE))
    subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-I.", "-D_GNU_SOURCE", "-g0", "-O0",
                    '-DSYSCONFDIR="/etc/mailbell"', "-o", out, *sources, "-ldb-5.3"],
                   cwd=TREE, check=True)
    return out
