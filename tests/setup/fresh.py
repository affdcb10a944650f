"""A Debian of this host's release with stock Postfix and Dovecot, made once and kept as a tarball.

    python3 tests/setup/fresh.py        makes it, where it is not there: two or three minutes

The mirror is the host's own, as apt names it.  contrib/check-deb makes its own: MAILBELL_FRESH is that
tarball, and MAILBELL_PACKAGES a folder of mailbell's packages.
"""

import contextlib
import glob
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = ("postfix dovecot-imapd dovecot-lmtpd dovecot-sieve ca-certificates procps diffutils "
            "libdb5.3 libcurl4 libinih1 libjansson4 libmilter1.0.1").split()
PACKAGES_OF_OURS = os.environ.get("MAILBELL_PACKAGES")
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
               "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root", "TERM": "dumb"}


def release():
    with open("/etc/os-release", encoding="utf-8") as file:
        fields = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    return fields.get("VERSION_CODENAME", "unknown") if fields.get("ID") == "debian" else None


def tarball():
    return (os.environ.get("MAILBELL_FRESH") or
            f"{os.environ.get('MAILBELL_CACHE', '/var/tmp')}/mailbell-fresh-{release()}.tar")


def mirror():
    """Where this host's apt has its packages from."""
    shown = subprocess.run(["apt-get", "indextargets", "--format", "$(CODENAME) $(SITE)"], check=True,
                           capture_output=True, text=True).stdout
    for line in shown.splitlines():
        name, _, site = line.partition(" ")
        if name == release():
            return site
    raise RuntimeError(f"apt has no mirror of {release()}")


class Host:
    """The folder as a machine."""

    def __init__(self, folder):
        self.folder = folder

    def mount(self):
        for argv in (["mount", "-t", "proc", "proc", f"{self.folder}/proc"],
                     ["mount", "--bind", "/dev", f"{self.folder}/dev"]):
            subprocess.run(argv, check=True)

    def install(self, folder):
        """The packages in a folder of ours: apt has what they depend on, and asks nobody for it."""
        inside = self.path("/packages")
        shutil.rmtree(inside, ignore_errors=True)
        os.mkdir(inside)
        names = [shutil.copy(path, inside) for path in sorted(glob.glob(f"{folder}/*.deb"))]
        self.good("apt-get", "-q", "-y", "install", "--no-install-recommends",
                  *[path[len(self.folder):] for path in names], timeout=600)
        shutil.rmtree(inside)

    def processes(self):
        """The ids of all that runs in it."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):      # it has ended meanwhile
                if os.readlink(f"/proc/{entry}/root") == self.folder:
                    found.append(int(entry))
        return found

    def halt(self):
        """Ends all of it: the next machine has the same ports."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not self.processes()

    def unmount(self):
        for name in ("dev", "proc"):
            subprocess.run(["umount", "-l", f"{self.folder}/{name}"], check=True)

    def path(self, name):
        return f"{self.folder}{name}"

    def read(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def _within(self, *argv):
        """The command line that runs one in it."""
        return ["chroot", self.folder, *argv]

    def run(self, *argv, timeout=120, stdin=None):
        """A command in it: the finished process."""
        return subprocess.run(self._within(*argv), check=False, text=True, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, input=stdin)

    def shell(self, command, timeout=60):
        """Start commands as a person types them: what they leave behind does not hold us."""
        with tempfile.TemporaryFile("w+") as out:
            done = subprocess.run(self._within("/bin/sh", "-c", command), check=False, stdout=out, stderr=out,
                                  stdin=subprocess.DEVNULL, env=ENVIRONMENT, timeout=timeout)
            out.seek(0)
            assert done.returncode == 0, f"{command}: {done.returncode}\n{out.read()}"

    def good(self, *argv, **more):
        done = self.run(*argv, **more)
        assert done.returncode == 0, f"{shlex.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


def make():
    site, name = mirror(), release()
    folder = tempfile.mkdtemp(prefix="mbfresh.", dir="/var/tmp")
    try:
        subprocess.run(["debootstrap", "--variant=minbase", "--include=ca-certificates", name, folder, site],
                       check=True)
        host = Host(folder)
        with open(host.path("/usr/sbin/policy-rc.d"), "w", encoding="ascii") as file:
            file.write("#!/bin/sh\nexit 101\n")     # no package starts its daemon
        os.chmod(file.name, 0o755)
        for part in os.listdir("/etc/apt/apt.conf.d"):
            shutil.copy(f"/etc/apt/apt.conf.d/{part}", host.path(f"/etc/apt/apt.conf.d/{part}"))
        for part in ("/etc/resolv.conf", "/etc/hosts"):
            shutil.copy(part, host.path(part))
        host.mount()
        try:
            host.good("apt-get", "-q", "update", timeout=600)
            host.good("apt-get", "-q", "-y", "install", "--no-install-recommends", *PACKAGES, timeout=1800)
            host.good("apt-get", "clean")
        finally:
            host.unmount()
        subprocess.run(["tar", "-C", folder, "--one-file-system", "-cf", tarball() + ".new", "."], check=True)
        os.rename(tarball() + ".new", tarball())
    finally:
        shutil.rmtree(folder)


def main():
    if os.path.exists(tarball()):
        return 0
    if release() is None or shutil.which("debootstrap") is None:
        print("no fresh Debian can be made here: this host is no Debian, or debootstrap is not installed")
        return 0        # the tests say that they are skipped, and why
    try:
        make()
    except (RuntimeError, subprocess.SubprocessError, AssertionError) as error:
        print(f"no fresh Debian could be made: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
