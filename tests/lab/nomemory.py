"""Allocations that fail in a program that is started with .env (tests/tools/nomemory.c)."""

import mmap
import os
import struct
import subprocess

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIELDS = ("armed", "nth", "every", "calls", "failed")


class NoMemory:
    def __init__(self, folder, within=None):
        """folder: every user can walk it.  within: only calls below functions of such an object count."""
        self.library, path = f"{folder}/nomemory.so", f"{folder}/nomemory"
        subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-fexceptions", "-O1", "-o",
                        self.library, f"{TREE}/tests/tools/nomemory.c", "-lgcc_s"], check=True)
        with open(path, "wb") as out:
            out.write(bytes(8 * len(FIELDS)))
        os.chmod(path, 0o666)
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.env = {"LD_PRELOAD": self.library, "NOMEMORY": path}
        if within:
            self.env["NOMEMORY_IN"] = within

    def _put(self, name, value):
        struct.pack_into("=Q", self.map, 8 * FIELDS.index(name), value)

    def _get(self, name):
        return struct.unpack_from("=Q", self.map, 8 * FIELDS.index(name))[0]

    def arm(self, nth=0, every=0):
        """From now on calls are counted; the nth fails, or one in every."""
        self.disarm()
        for name, value in (("calls", 0), ("failed", 0), ("nth", nth), ("every", every), ("armed", 1)):
            self._put(name, value)

    def disarm(self):
        self._put("armed", 0)

    @property
    def calls(self):
        return self._get("calls")

    @property
    def failed(self):
        return self._get("failed")
