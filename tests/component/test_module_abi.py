"""Modules that were built for another Dovecot: one line in the log, and mail and IMAP go on."""

import os
import re
import subprocess

import pytest

from lab.dovecot import MODULES
from lab.lab import TREE, build_folder
from module_daemon import Daemon
from module_lab import MailServer

ANOTHER = "9.9.ABIv7(9.9.1)"
# What the modules call, under names that no Dovecot has: it must not even be looked for.
GONE = ("notify_register", "mailbox_get_vname", "master_service_get_name", "mail_storage_hooks_add",
        "client_send_tagline", "imap_client_created_hook_set", "command_register_array", "i_warning")


def this_abi():
    """As Dovecot's own module says it."""
    with open(f"{MODULES}/lib15_notify_plugin.so", "rb") as file:
        return re.search(rb"\d\.\d\.ABIv\d+[^\0]*", file.read())[0].decode()


def build(folder, abi, gone=()):
    """The two modules for the Dovecot of that ABI, which has other functions than ours in place of those."""
    flags = [f"-DABI_BUILT_FOR='\"{abi}\"'", *(f"-D{name}={name}_of_another_dovecot" for name in gone)]
    subprocess.run(["make", "-s", "-C", TREE, f"B={folder}", f"MODULE_FLAGS={' '.join(flags)}", "modules"],
                   check=True, timeout=300)
    return str(folder)


def refusals(log):
    """The lines of our modules."""
    return [line for line in log.splitlines() if "mailbell: " in line]


@pytest.fixture(scope="module", params=[(), GONE], ids=["other version", "functions gone"])
def foreign(request, tmp_path_factory):
    return build(tmp_path_factory.mktemp("foreign"), ANOTHER, request.param)


def test_another_abi(foreign):
    """Mail is delivered by lmtp and lda, IMAP is served, nothing is told, and the log says why."""
    with MailServer(build=foreign) as server:
        daemon = Daemon(server.run_dir)
        try:
            user = server.user()
            assert server.deliver(user)[0][0] == 250
            server.dovecot.lda(user, b"Subject: by lda\r\n\r\nHello.\r\n")
            with server.imap(user) as imap:
                assert imap.uids() == [1, 2]
                assert "WEBPUSH" not in imap.capabilities()
                assert imap.command("GETVAPID").status == "BAD"
                imap.logout()
            assert not daemon.connections
        finally:
            daemon.stop()
        server.dovecot.stop()       # the modules are taken down, too
        log = server.log()
    for name in ("lib20_mailbell_plugin.so", "lib21_imap_mailbell_plugin.so"):
        said = [line for line in refusals(log) if name in line]
        assert said and all(f"built for Dovecot's ABI {ANOTHER}, and this one has {this_abi()}: " in line
                            and "install the mailbell for this Dovecot" in line for line in said), log
    processes = [re.search(r" (lmtp|lda|imap)\([^)]*\)(<\d+>)?", line)[0] for line in refusals(log)]
    assert len(set(processes)) == len(processes) <= 5, "a line for each process"
    assert not re.search(r"Panic|Fatal|killed with signal|undefined symbol", log), log


def test_the_same_abi(tmp_path):
    """What stands behind it in parentheses is Dovecot's release, and does not count."""
    own = build(tmp_path / "own", this_abi().partition("(")[0] + "(another release)")
    with MailServer(build=own) as server:
        daemon = Daemon(server.run_dir)
        try:
            user = server.user()
            assert server.deliver(user)[0][0] == 250
            assert len(daemon.delivery(user)[0]) == 1
            with server.imap(user) as imap:
                assert "WEBPUSH" in imap.capabilities()
        finally:
            daemon.stop()
        assert not refusals(server.log())


def test_unknown_abi():
    """Without Dovecot's own module, whose word is taken, the command module keeps still."""
    with MailServer() as server:
        os.unlink(f"{server.dovecot.dir}/modules/lib15_notify_plugin.so")
        with server.imap(server.user()) as imap:
            assert imap.command("NOOP").ok
            assert imap.command("GETVAPID").status == "BAD"
        line, = refusals(server.log())
        assert "cannot be found out" in line


@pytest.mark.parametrize("name", ["lib20_mailbell_plugin.so", "lib21_imap_mailbell_plugin.so"])
def test_no_version_for_dovecot(name):
    """Dovecot would compare an exported version itself, and stop mail; nothing of it may be demanded."""
    path = f"{build_folder()}/modules/{name}"
    shown = subprocess.run(["nm", "-D", path], check=True, capture_output=True, text=True).stdout
    assert "plugin_init" in shown and "plugin_version" not in shown
    assert re.findall(r"^ +U ([^@\n]*)$", shown, re.M) == []
