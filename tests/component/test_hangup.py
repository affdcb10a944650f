"""SIGHUP that arrives while a program still starts: none may die of it."""

import signal

from lab.alone import Alone
from lab.wait import until
from lmtp_peers import Proxy
from milter_peers import Milter


def hung_up(process, config):
    """The next start gets a SIGHUP as it opens its configuration for the first time."""
    process.argv = ["strace", "-D", "-o", "/dev/null", "-P", config,
                    "-e", f"inject=openat:signal={signal.SIGHUP.name}:when=1", *process.argv]


def test_mailbelld():
    with Alone() as alone:
        daemon = alone.mailbell.daemon
        assert daemon.stop() == 0
        hung_up(daemon, alone.mailbell.config)
        alone.mailbell.start_daemon()
        until(lambda: "mailbelld: reloaded" in alone.log, 10, "it reloads when it is ready")
        assert alone.status()


def test_mailbell_lmtp():
    """It becomes itself anew, which opens the configuration again and is hit no more."""
    with Proxy() as proxy:
        hung_up(proxy.process, proxy.config)
        proxy.start()
        until(lambda: "starting anew in place" in proxy.log(), 10, "it reloads when it is ready")
        assert proxy.process.running


def test_mailbell_milter():
    with Milter() as milter:
        hung_up(milter.process, milter.config)
        milter.start()
        until(lambda: "reloaded" in milter.log(), 20, "it reloads when it is ready")
        assert milter.process.running
