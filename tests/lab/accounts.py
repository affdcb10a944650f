"""The system users that the laboratory's programs run as.

They have names of their own, so that nothing of the machine's is touched, and are shared by all
laboratories that run at the same time.  Each of those holds a shared lock on /tmp; the one that gets
the exclusive lock when it ends was the last, and removes them.
"""

import fcntl
import grp
import os
import pwd
import subprocess

MAIL = "mailbell-lab-mail"          # Dovecot's processes, the owner of all mail
DAEMON = "mailbell-lab"             # mailbelld
HOOK = "mailbell-lab-hook"          # mailbell-lmtp
ADMIN = "mailbell-lab-admin"        # a group
USERS = (MAIL, DAEMON, HOOK)


def _run(*argv):
    subprocess.run(argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Accounts:
    def __init__(self):
        self.lock = None

    def take(self):
        """Makes what is missing."""
        self.lock = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self.lock, fcntl.LOCK_SH)
        for user in USERS:
            _run("useradd", "--system", "--user-group", "--no-create-home",
                 "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", user)
            pwd.getpwnam(user)
        _run("groupadd", "--system", ADMIN)
        grp.getgrnam(ADMIN)

    def release(self):
        """Removes them, where no other laboratory uses them."""
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for user in USERS:
                _run("userdel", user)
            _run("groupdel", ADMIN)
        except BlockingIOError:
            pass
        os.close(self.lock)


def ids(user):
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid
