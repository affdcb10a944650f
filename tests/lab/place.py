"""Something of many parts that is there for a while: a laboratory, or a piece of one."""

import contextlib
import os
import shutil
import tempfile

from . import accounts


class Place:
    """A subclass makes its parts in _start(), and says in `closing` how each ends; where one cannot be
    made, those that are there end, too."""

    def __init__(self):
        self.closing = contextlib.ExitStack()

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.closing.close()
            raise
        return self

    def __exit__(self, *_):
        self.closing.close()

    def _settle(self, under="/tmp"):
        """Makes the laboratory's accounts, and self.dir, a folder that they may all walk through.

        With MAILBELL_KEEP it is left behind, to be looked at."""
        users = accounts.Accounts()
        users.take()
        self.closing.callback(users.release)
        self.dir = tempfile.mkdtemp(prefix="mb.", dir=under)
        self.closing.callback(_remove, self.dir)
        os.chmod(self.dir, 0o755)


def _remove(folder):
    if os.environ.get("MAILBELL_KEEP"):
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
