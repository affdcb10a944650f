"""A fresh Debian that systemd has booted: the first process of namespaces of its own, with the tests' network.

Its /run is the folder's, so that a test sees its sockets.
"""

import subprocess

import fresh
from lab.process import children
from lab.wait import until

BOOT = r"""
mount --make-rprivate / && mount --rbind "$1" "$1" && cd "$1" && mount -t proc proc proc &&
	mount -o ro -t sysfs sysfs sys && mount -t tmpfs -o mode=755 tmpfs dev || exit
for name in null zero full random urandom tty; do
	: >dev/$name && mount --bind /dev/$name dev/$name || exit
done
mkdir dev/pts dev/shm && mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts &&
	ln -s pts/ptmx dev/ptmx && mount --bind run run && mount -t cgroup2 cgroup2 sys/fs/cgroup || exit
exec chroot . env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system \
	--log-target=journal --show-status=0
"""


class Booted(fresh.Host):
    """Commands run beside systemd, once boot() has been called."""
    outer = None

    def mount(self):
        """systemd's namespaces have their own."""

    def unmount(self):
        """They went with them."""

    def boot(self):
        self.outer = subprocess.Popen(      # pylint: disable=consider-using-with
            ["unshare", "-m", "-p", "-u", "-i", "-C", "--fork", "--kill-child", "sh", "-c", BOOT, "-", self.folder],
            stdin=subprocess.DEVNULL)
        until(lambda: self.run("systemctl", "is-active", "multi-user.target").stdout == "active\n", 60,
              "the system is up")

    def power_off(self):
        """As a machine that is switched off in order."""
        self.run("systemctl", "--no-block", "poweroff")
        self.outer.wait(60)

    def halt(self):
        """As one that loses its power."""
        self.outer.kill()
        self.outer.wait(10)
        return super().halt()

    def _within(self, *argv):
        inner = children(self.outer.pid)
        return ["nsenter", "-t", str(inner[0] if inner else self.outer.pid), "-m", "-p", "-u", "-i", "-C", "-r", "-w",
                *argv]
