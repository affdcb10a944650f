"""mailbelld, mailbell-lmtp, mailbell-milter and the operator's tool, with one mailbell.conf."""

import json
import os
import signal
import subprocess

from . import accounts
from .process import Process, accepts, children
from .wait import until

EX_OK = 0


class Mailbell:
    def __init__(self, folder, build, settings):
        self.dir = folder
        self.build = build
        self.state_dir = f"{folder}/state"
        self.run_dir = f"{folder}/run"
        self.config = f"{folder}/mailbell.conf"
        self.settings = {
            "state_dir": self.state_dir, "run_dir": self.run_dir, "user": accounts.DAEMON,
            "hook_user": accounts.HOOK, "admin_group": accounts.ADMIN,
            "mail_users": accounts.MAIL, "mail_group": accounts.MAIL,
            "vapid_contact": "mailto:postmaster@example.org", **settings}
        self.changes = {}       # what a test has set
        for name in (self.state_dir, self.run_dir):
            os.makedirs(name)
            os.chown(name, *accounts.ids(accounts.DAEMON))
        os.chmod(self.state_dir, 0o700)
        self.daemon = self._process("mailbelld")
        self.proxy = self._process("mailbell-lmtp")
        self.milter = self._process("mailbell-milter")
        self.write()

    def _process(self, name, env=None):
        return Process(name, [f"{self.build}/{name}", "-c", self.config],
                       f"{self.dir}/{name}.log", env)

    @property
    def logs(self):
        return [process.log for process in (self.daemon, self.proxy, self.milter)
                if os.path.exists(process.log)]

    def write(self):
        """mailbell.conf; a list stands for a key that is repeated."""
        with open(self.config + ".new", "w", encoding="utf-8") as out:
            for key, value in {**self.settings, **self.changes}.items():
                for one in value if isinstance(value, list) else [value]:
                    out.write(f"{key} = {one}\n")
        os.rename(self.config + ".new", self.config)

    # The daemon.

    def init(self):
        done = subprocess.run([f"{self.build}/mailbelld", "-c", self.config, "--init"], check=False,
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"mailbelld --init: {done.stderr}"

    def start_daemon(self):
        before = self._module_file()
        self.daemon.start()
        until(lambda: self._daemon_ready(before), 20, "mailbelld listens")

    def _daemon_ready(self, before):
        """The sockets come first, the file last: a SIGHUP from then on is a reload of its own."""
        assert self.daemon.running, f"mailbelld did not start:\n{self.daemon.tail()}"
        return self._module_file() != before and all(accepts(f"{self.run_dir}/{name}")
                   for name in ("saved", "arrival", "command", "admin"))

    def restart_daemon(self):
        assert self.daemon.stop() in (0, None), self.daemon.tail()
        self.start_daemon()

    def reload(self):
        """SIGHUP to the daemon; it has read the file anew when it has put run_dir/module in place."""
        before = self._module_file()
        self.daemon.signal(signal.SIGHUP)
        until(lambda: self._module_file() != before, 10, "mailbelld reloaded")

    def _module_file(self):
        try:
            found = os.stat(f"{self.run_dir}/module")
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_ctime_ns

    # The proxy.

    def start_proxy(self, address):
        self.proxy.start()
        until(lambda: self._proxy_ready(address), 20, "mailbell-lmtp listens")

    def _proxy_ready(self, address):
        assert self.proxy.running, f"mailbell-lmtp did not start:\n{self.proxy.tail()}"
        return accepts(address)

    def reload_proxy(self):
        """SIGHUP; the workers that take connections from now on have read the file anew.  Those
        of an earlier SIGHUP may still be there, with open sessions."""
        before = set(self.workers())
        self.proxy.signal(signal.SIGHUP)
        until(lambda: len(set(self.workers()) - before) >= self.settings["lmtp_workers"], 20,
              "the workers are new")

    def workers(self):
        return children(self.proxy.pid)

    # The milter.

    def start_milter(self):
        """Where it does not run."""
        if self.milter.running:
            return
        before = self._milter_says("is ready")
        self.milter.start()
        until(lambda: self._milter_ready(before), 20, "mailbell-milter is ready")

    def _milter_ready(self, before):
        assert self.milter.running, f"mailbell-milter did not start:\n{self.milter.tail()}"
        return self._milter_says("is ready") > before

    def _milter_says(self, what):
        try:
            with open(self.milter.log, encoding="utf-8", errors="replace") as log:
                return log.read().count(what)
        except FileNotFoundError:
            return 0

    def reload_milter(self):
        if not self.milter.running:
            return
        before = self._milter_says("reloaded")
        self.milter.signal(signal.SIGHUP)
        until(lambda: self._milter_says("reloaded") > before, 20, "mailbell-milter has reloaded")

    # The operator's tool.

    def run(self, *argv):
        """mailbell VERB ...: the finished process, with text output."""
        return subprocess.run([f"{self.build}/mailbell", "-c", self.config, *argv], check=False,
                              capture_output=True, text=True, timeout=30)

    def admin(self, *argv):
        """mailbell VERB ... --json: what it printed, as Python values."""
        done = self.run(*argv, "--json")
        assert done.returncode == EX_OK, (argv, done.returncode, done.stderr)
        return json.loads(done.stdout) if done.stdout else None
