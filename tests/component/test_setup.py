"""mailbell setup on folders that stand for /etc: what it would do, and how it takes things back."""

import os
import shutil
import subprocess

import pytest

from lab.dovecot import version
from lab.lab import TREE, build_folder

MASTER = "/usr/share/postfix/master.cf.dist"
MAIN = """\
compatibility_level = 3.6
myhostname = mx.example.org
mydestination = $myhostname, localhost
# the last line
"""
# As Debian's own, with the names of an account at delivery and at login, by the version of Dovecot.
DOVECOT, CUT, WHOLE = {"2.3": ("""\
protocols = imap lmtp
mail_location = mbox:~/mail:INBOX=/var/mail/%u
ssl = no
passdb {
  driver = pam
}
userdb {
  driver = passwd
}
!include conf.d/*.conf
""", "%Ln", "%Lu"), "2.4": ("""\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols {
  imap = yes
  lmtp = yes
}
mail_driver = mbox
mail_home = /home/%{user | username}
mail_path = %{home}/mail
mail_inbox_path = /var/mail/%{user}
ssl = no
passdb pam {
}
userdb passwd {
}
!include conf.d/*.conf
""", "%{user | username | lower}", "%{user | lower}")}[version()]


class Etc:
    def __init__(self, folder):
        self.folder = folder
        for name in ("libexec", "mailbell", "postfix", "dovecot/conf.d"):
            os.makedirs(f"{folder}/{name}")
        for name in os.listdir(f"{TREE}/setup"):
            shutil.copy(f"{TREE}/setup/{name}", f"{folder}/libexec")
        self.write("libexec/paths.bash", f"""\
VERSION=0.1
SYSCONFDIR={folder}/mailbell
RUNDIR={folder}/run
STATEDIR={folder}/state
SBINDIR={build_folder()}
UNITDIR={folder}/units
MODULEDIR={folder}/modules
POSTFIX_DIR={folder}/postfix
DOVECOT_CONF={folder}/dovecot/dovecot.conf
""")
        self.write("postfix/main.cf", MAIN)
        shutil.copy(MASTER, f"{folder}/postfix/master.cf")
        self.write("dovecot/dovecot.conf", DOVECOT)
        self.write("dovecot/conf.d/10-mail.conf", "# Dovecot wants to find something here\n")
        self.write("mailbell/mailbell.conf", "# comments stay\n#hook = lmtp\n")

    def write(self, name, text):
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as out:
            out.write(text)

    def read(self, name):
        with open(f"{self.folder}/{name}", encoding="utf-8") as file:
            return file.read()

    def setup(self, *argv):
        return subprocess.run([f"{self.folder}/libexec/setup", *argv], capture_output=True, text=True,
                              check=False, timeout=60, stdin=subprocess.DEVNULL)

    def dry(self, *argv):
        done = self.setup("--dry-run", "--contact", "mailto:postmaster@example.org", *argv)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def bash(self, script):
        """The functions that keep and put back, without the rest."""
        head = (f'set -u; program=test; . "{self.folder}/libexec/common.bash"; '
                f'. "{self.folder}/libexec/keep.bash"; work={self.folder}/work; mkdir -p $work; '
                f'cd {self.folder}\n')
        return subprocess.run(["bash", "-c", head + script], capture_output=True, text=True, check=False,
                              timeout=60)


@pytest.fixture
def etc(tmp_path):
    return Etc(str(tmp_path))


# What it would do.

def test_system_users(etc):
    """local(8): people's mail goes to Dovecot, that of root does not; names are the same at both ends."""
    shown = etc.dry()
    assert "hook = lmtp; system users" in shown
    assert "that is the same place" in shown
    assert "+mailbox_transport_maps = pipemap:{unix:passwd.byname, regexp:" in shown
    assert f"+  auth_username_format = {CUT}\n" in shown and "another at login" not in shown
    assert "+system_users = yes" in shown and "+mail_users =\n" in shown
    assert etc.read("postfix/main.cf") == MAIN and os.listdir(f"{etc.folder}/dovecot/conf.d") == ["10-mail.conf"]


def test_another_place_for_mail(etc):
    """Where Dovecot would write somewhere else than Postfix does, that is said."""
    etc.write("postfix/main.cf", MAIN + "home_mailbox = Maildir/\nmailbox_command = procmail\n")
    shown = etc.dry()
    assert "look whether that is the same place" in shown
    assert "mailbox_command = procmail is not run any more" in shown


def test_virtual(etc):
    """Virtual mailboxes: virtual_transport, the user that Dovecot names, whole addresses."""
    etc.write("postfix/main.cf", MAIN + "virtual_mailbox_domains = example.org\n"
              "virtual_transport = lmtp:unix:private/dovecot-lmtp\n")
    etc.write("dovecot/dovecot.conf", DOVECOT.replace("ssl = no", "ssl = no\nmail_uid = mail"))
    shown = etc.dry()
    assert "virtual mailboxes of the user mail" in shown
    assert "-virtual_transport = lmtp:unix:private/dovecot-lmtp" in shown
    assert "+virtual_transport = lmtp:unix:private/mailbell-lmtp" in shown
    assert "mail stays where it is" in shown
    assert "+mail_users = mail\n" in shown and "system_users" not in shown
    assert "auth_username_format" not in shown


def test_virtual_where_the_domain_is_cut(etc):
    """A format in protocol lmtp that names other users than at login gives way."""
    etc.write("postfix/main.cf", MAIN + "virtual_mailbox_domains = example.org\n"
              "virtual_transport = lmtp:unix:private/dovecot-lmtp\n")
    etc.write("dovecot/dovecot.conf", DOVECOT + "mail_uid = mail\n")
    etc.write("dovecot/conf.d/20-lmtp.conf", f"protocol lmtp {{\n  auth_username_format = {CUT}\n}}\n")
    shown = etc.dry()
    assert f"+  auth_username_format = {WHOLE}\n" in shown
    assert "an account has one name at delivery and another at login" in shown


def test_modules_that_are_loaded_already(etc):
    """Ours come beside those that are there, globally or in the protocol."""
    blocks = {"2.3": ("mail_plugins = quota acl\n", "  mail_plugins = $mail_plugins sieve\n"),
              "2.4": ("mail_plugins {\n  quota = yes\n  acl = yes\n}\n", "  mail_plugins {\n    sieve = yes\n  }\n")}
    everywhere, here = blocks[version()]
    etc.write("dovecot/dovecot.conf", DOVECOT.replace("ssl = no\n", "ssl = no\n" + everywhere))
    etc.write("dovecot/conf.d/20-lmtp.conf", f"protocol lmtp {{\n{here}}}\n")
    assert "notify" in etc.dry()
    for protocol, wanted in (("lmtp", ["acl", "quota", "sieve"]), ("imap", ["acl", "quota"])):
        assert sorted(etc.bash(f"find_servers; plugins {protocol}").stdout.split()) == wanted


def test_dovecot_on_another_host(etc):
    """A Dovecot elsewhere is not replaced by the one here."""
    etc.write("postfix/main.cf", MAIN + "mailbox_transport = lmtp:inet:imap.example.org:24\n")
    done = etc.setup("--dry-run", "--contact", "mailto:postmaster@example.org")
    assert done.returncode == 78 and "another host" in done.stderr


def test_hook_dovecot_leaves_postfix_alone(etc):
    """Where Dovecot delivers already, hook = dovecot changes nothing in Postfix."""
    etc.write("postfix/main.cf", MAIN + "mailbox_command = /usr/lib/dovecot/dovecot-lda\n")
    shown = etc.dry("--hook", "dovecot")
    assert f"{etc.folder}/postfix/main.cf:\n  stays as it is" in shown
    assert "service lmtp" not in shown


def test_hook_milter_keeps_other_milters(etc):
    """The milter is added behind those that are there, and is the only one that may be missing."""
    etc.write("postfix/main.cf", MAIN + "mailbox_transport = lmtp:unix:private/dovecot-lmtp\n"
              "smtpd_milters = inet:localhost:8891\n")
    shown = etc.dry("--hook", "milter")
    assert "+smtpd_milters = inet:localhost:8891, { unix:mailbell/milter, default_action=accept," in shown
    assert "+non_smtpd_milters = { unix:mailbell/milter, default_action=accept," in shown
    assert "milter_default_action" not in shown


def test_settings_in_their_place(etc):
    """A setting that is there is changed where it stands, and comments stay."""
    etc.write("mailbell/mailbell.conf", "# mine\nhook = milter\nburst = 5\nmail_users = a b\nmail_users = c\n")
    shown = etc.dry("--hook", "lmtp")
    assert "-hook = milter\n+hook = lmtp\n burst = 5\n-mail_users = a b\n-mail_users = c\n+mail_users =\n" in shown


def test_conf_d_not_included(etc):
    """A dovecot.conf that reads no conf.d is told, before anything is done."""
    etc.write("dovecot/dovecot.conf", DOVECOT.replace("!include conf.d/*.conf\n", ""))
    done = etc.setup("--dry-run", "--contact", "mailto:postmaster@example.org")
    assert done.returncode == 78 and "!include" in done.stderr


@pytest.mark.parametrize("argv", [
    ["--hook", "pigeon"], ["--road"], ["--road", "long"], ["--frobnicate"], ["now"]])
def test_usage(etc, argv):
    """What it does not understand ends it with 64."""
    assert etc.setup(*argv).returncode == 64


def test_nobody_to_ask(etc):
    """Without a terminal and without --yes nothing is done."""
    done = etc.setup("--contact", "mailto:postmaster@example.org")
    assert done.returncode == 64 and "--yes" in done.stderr
    assert etc.read("postfix/main.cf") == MAIN


# What doctor sees.

def doctor(etc, check):
    """What one of its looks finds: `level topic what` for each line."""
    return etc.bash("""
. libexec/checks.bash
config=$PWD/mailbell/mailbell.conf
good() { echo good "$@"; }
notice() { echo notice "$@"; }
problem() { echo problem "$@"; }
""" + check).stdout.splitlines()


def test_doctor_and_a_domain_that_is_cut(etc):
    """Two names of one account are a problem with virtual users, and none with users of the system."""
    etc.write("mailbell/mailbell.conf", "vapid_contact = mailto:a@mail.test\n")
    line, = doctor(etc, "check_names")
    assert line == "good dovecot an account has the same name at delivery and at login"
    etc.write("dovecot/conf.d/20-lmtp.conf", f"protocol lmtp {{\n  auth_username_format = {CUT}\n}}\n")
    line, = doctor(etc, "check_names")
    assert line.startswith(f"problem dovecot auth_username_format is {CUT} in protocol lmtp, and {WHOLE} in")
    etc.write("mailbell/mailbell.conf", "vapid_contact = mailto:a@mail.test\nsystem_users = yes\n"
              "account_format = localpart\n")
    assert doctor(etc, "check_names") == []


def test_doctor_and_modules_of_another_dovecot(etc):
    """Which Dovecot a module was built for is read from its file."""
    os.mkdir(f"{etc.folder}/modules")
    for name, abi in (("lib15_notify_plugin", "2.4.ABIv1"), ("lib20_mailbell_plugin", "2.3.ABIv19(2.3.19.1)"),
                      ("lib21_imap_mailbell_plugin", "2.4.ABIv1(2.4.1)")):
        etc.write(f"modules/{name}.so", f"\0some octets\0{abi}\0and others\0")
    line, = doctor(etc, "check_abi")
    assert line.startswith("problem dovecot lib20_mailbell_plugin.so was built for Dovecot's ABI 2.3.ABIv19, "
                           "and this one has 2.4.ABIv1")


def test_doctor_and_another_run_dir(etc):
    """The modules need no setting, but where run_dir is not the usual one."""
    contact = "vapid_contact = mailto:a@mail.test\n"
    there = {"2.3": "import_environment = $import_environment MAILBELL_RUN_DIR={}\n",
             "2.4": "import_environment {{\n  MAILBELL_RUN_DIR = {}\n}}\n"}[version()]
    usual = etc.bash("echo $RUNDIR").stdout.strip()
    etc.write("mailbell/mailbell.conf", f"{contact}run_dir = {usual}\n")
    assert doctor(etc, "check_run_dir") == []
    etc.write("mailbell/mailbell.conf", f"{contact}run_dir = /else/where\n")
    for said, found in (("", 1), (there.format("/else/wherever"), 1), (there.format("/else/where"), 0)):
        etc.write("dovecot/conf.d/10-mail.conf", said or "# nothing\n")
        lines = doctor(etc, "check_run_dir")
        assert len(lines) == found and all("run_dir is /else/where, and" in line for line in lines), said


@pytest.mark.parametrize("milters, default, found", [
    ("{ unix:mailbell/milter, default_action=accept }", "shutdown", False),
    ("unix:mailbell/milter", "shutdown", True), ("unix:mailbell/milter", "tempfail", True),
    ("unix:mailbell/milter", "accept", False)])
def test_doctor_and_a_milter_without_its_own_action(etc, milters, default, found):
    """milter_default_action is tempfail in Postfix 3.7 and shutdown in 3.10: both stop mail."""
    etc.write("postfix/main.cf", f"{MAIN}smtpd_milters = {milters}\nmilter_default_action = {default}\n")
    etc.write("mailbell/mailbell.conf", "vapid_contact = mailto:a@mail.test\nhook = milter\n"
              "milter_listen = 127.0.0.1:1\n")
    lines = [line for line in doctor(etc, "check_milter") if line.startswith("problem postfix")]
    assert [f"milter_default_action = {default}" in line for line in lines] == [True] * found, lines


# Taking back.

BEFORE = "a\nb = 1\nc\n"
AFTER = "a\nb = 2\nc\nours 1\nours 2\n"

# name: what the file is now, what it is afterwards, whether all could be taken out
EDITS = {
    "untouched": (AFTER, BEFORE, True),
    "lines behind": (AFTER + "theirs\n", BEFORE + "theirs\n", True),
    "lines before": ("theirs\n" + AFTER, "theirs\n" + BEFORE, True),
    "within ours": (AFTER.replace("ours 2", "theirs\nours 2"), BEFORE + "theirs\n", True),
    "one of ours changed": (AFTER.replace("ours 2", "mine 2"), BEFORE + "mine 2\n", True),
    "one of ours gone": (AFTER.replace("ours 1\n", ""), BEFORE, True),
    "a changed line changed again": (AFTER.replace("b = 2", "b = 3"), "a\nb = 3\nc\n", False),
    "other lines changed": (AFTER.replace("c\n", "d\n"), "a\nb = 1\nd\n", True),
}


@pytest.mark.parametrize("name", EDITS)
def test_taken_out(etc, name):
    """What was added goes, what was changed is as before, and what others wrote stays."""
    now, wanted, whole = EDITS[name]
    for part, text in (("file", BEFORE), ("new", AFTER), ("now", now)):
        etc.write(part, text)
    done = etc.bash("keep $PWD/file file new; cp now file; original $PWD/file out")
    assert done.returncode == (0 if whole else 1), done
    assert etc.read("out") == wanted


def test_exactly_as_before(etc):
    """Octets, mode, owner and time of an untouched file come back, even without a line end."""
    path = f"{etc.folder}/file"
    with open(path, "wb") as out:
        out.write(b"odd\x00\xff no line end")
    os.chmod(path, 0o640)
    os.chown(path, 0, 8)
    os.utime(path, (1000000000, 1000000000))
    was = os.stat(path)
    etc.write("new", "all new\n")
    done = etc.bash("keep $PWD/file file new && put new $PWD/file && cat file && "
                    "original $PWD/file out && put_back $PWD/file out")
    assert (done.returncode, done.stdout) == (0, "all new\n"), done
    now = os.stat(path)
    with open(path, "rb") as file:
        assert file.read() == b"odd\x00\xff no line end"
    assert [(s.st_mode, s.st_uid, s.st_gid, s.st_mtime) for s in (was, now)] == 2 * [
        (0o100640, 0, 8, 1000000000)]


def test_made_files_go(etc):
    """A file that setup made goes; where somebody has added to it, what he added stays."""
    etc.write("new", "ours\n")
    script = "keep $PWD/dir/file none new; put new $PWD/dir/file; {}; original $PWD/dir/file out; put_back $PWD/dir/file out"
    assert etc.bash(script.format(":")).returncode == 0
    assert not os.path.exists(f"{etc.folder}/dir/file")
    assert etc.bash(script.format("echo theirs >>dir/file")).returncode == 0
    assert etc.read("dir/file") == "theirs\n"


def test_kept_folder_is_private(etc):
    """What is kept, mailbell.conf among it, is for root alone."""
    etc.write("file", BEFORE)
    etc.write("new", AFTER)
    etc.bash("umask 0; keep $PWD/file file new")
    assert os.stat(f"{etc.folder}/mailbell/setup").st_mode & 0o777 == 0o700


@pytest.mark.parametrize("least", [0, 1, 9, 99, 100, 500, 999, 1000, 1999, 10000])
def test_numbers_from(etc, least):
    """The expression for uids matches from its number on, and nothing below."""
    script = f'. {etc.folder}/libexec/plan.bash; e="^$(at_least {least})\\$"; ' \
             'for n in $(seq 0 2100) 9999 10000 65534 100000; do [[ $n =~ $e ]] && echo $n; done; true'
    got = [int(n) for n in etc.bash(script).stdout.split()]
    assert got == [n for n in [*range(2101), 9999, 10000, 65534, 100000] if n >= least]
