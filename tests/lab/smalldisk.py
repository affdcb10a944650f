"""A folder on a file system of its own with little room, as long as the block lasts.  Nobody else sees
it where the process has mounts of its own (unshare --mount)."""

import contextlib
import os
import shutil
import subprocess


class SmallDisk:
    def __init__(self, folder, **options):
        """options: tmpfs's, such as size="48m" or nr_inodes=100."""
        self.folder, self.beside = folder, f"{folder}.small"
        self.options = ",".join(f"{name}={value}" for name, value in options.items())

    def __enter__(self):
        """Everything that lies in the folder is there, too.  Nobody may have it open."""
        os.mkdir(self.beside)
        subprocess.run(["mount", "-t", "tmpfs", "-o", self.options, "none", self.beside], check=True)
        self._move(self.folder, self.beside)
        shutil.copystat(self.folder, self.beside)
        owner = os.stat(self.folder)
        os.chown(self.beside, owner.st_uid, owner.st_gid)
        subprocess.run(["mount", "--bind", self.beside, self.folder], check=True)
        return self

    def __exit__(self, *_):
        self.free()
        subprocess.run(["umount", self.folder], check=True)
        self._move(self.beside, self.folder)
        subprocess.run(["umount", self.beside], check=True)
        os.rmdir(self.beside)

    @staticmethod
    def _move(source, target):
        for name in os.listdir(target):
            path = f"{target}/{name}"
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        subprocess.run(["cp", "-a", f"{source}/.", target], check=True)

    @property
    def filler(self):
        return f"{self.folder}/filler"

    def fill(self):
        """No octet and no file more."""
        os.makedirs(self.filler, exist_ok=True)
        with contextlib.suppress(OSError):
            while True:
                with open(f"{self.filler}/{len(os.listdir(self.filler))}", "wb", buffering=0) as out:
                    for size in (1 << 20, 4096, 1):
                        with contextlib.suppress(OSError):
                            while out.write(bytes(size)):
                                pass

    def fill_inodes(self):
        """No file more."""
        os.makedirs(self.filler, exist_ok=True)
        with contextlib.suppress(OSError):
            for n in range(1 << 20):
                with open(f"{self.filler}/i{n}", "wb"):
                    pass

    def free(self):
        shutil.rmtree(self.filler, ignore_errors=True)
