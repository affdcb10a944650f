"""Who can reach what, tried by being that user."""

import glob
import grp
import os
import socket
import traceback

import pytest

from lab import accounts, webpush
from lab.alone import Alone, Talk, Verbs
from lab.frames import frame, read_frame

SOCKETS = ("arrival", "saved", "command", "admin")
STRANGER = 65533                    # a uid without a name


def as_user(uid, gid, groups, what):
    """what() in a child that has become somebody, for good: whether it ended without an OSError."""
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            code = 1
            what()
            code = 0
        except OSError:
            pass
        except BaseException:                   # pylint: disable=broad-exception-caught
            traceback.print_exc()
            code = 2
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, 1), f"the child ended with {code}"
    return code == 0


def as_hook(what):
    uid, gid = accounts.ids(accounts.HOOK)
    return as_user(uid, gid, [gid], what)


def as_mail(what):
    uid, gid = accounts.ids(accounts.MAIL)
    return as_user(uid, gid, [gid], what)


def as_stranger(what):
    return as_user(STRANGER, STRANGER, [], what)


def connecting(path):
    def connect():
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
    return connect


def reading(path):
    def read():
        if os.path.isdir(path):
            os.listdir(path)
        else:
            with open(path, "rb") as file:
                file.read(1)
    return read


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def programs(lab):
    """Each program's processes."""
    return [lab.mailbell.daemon.pid, lab.mailbell.proxy.pid, *lab.mailbell.workers(), lab.mailbell.milter.pid]


@pytest.mark.parametrize("way", ["milter"])
def test_started_as_root(lab, way):
    """Every process has become its user for good: no capability, no new rights, no core dump."""
    daemon, hook = accounts.ids(accounts.DAEMON), accounts.ids(accounts.HOOK)
    for pid in programs(lab):
        found = status(pid)
        uid, gid = daemon if pid == lab.mailbell.daemon.pid else hook
        assert found["Uid"].split() == 4 * [str(uid)] and found["Gid"].split() == 4 * [str(gid)]
        assert {0} == {int(found[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")}
        assert found["NoNewPrivs"] == "1"
        with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
            core, = [line for line in limits if line.startswith("Max core file size")]
        assert core.split()[4:6] == ["0", "0"]
        # What is not dumpable belongs to root in /proc, whoever it runs as.
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0


def test_key_and_store(lab):
    """Neither the hooks' user nor Dovecot's can read the key or the store, and the daemon's can."""
    secret = [lab.mailbell.state_dir, f"{lab.mailbell.state_dir}/store",
              *glob.glob(f"{lab.mailbell.state_dir}/vapid/*"), *glob.glob(f"{lab.mailbell.state_dir}/store/*")]
    assert len(secret) > 3
    uid, gid = accounts.ids(accounts.DAEMON)
    for path in secret:
        assert as_user(uid, gid, [gid], reading(path)), path
        for somebody in (as_hook, as_mail, as_stranger):
            assert not somebody(reading(path)), path


def test_sockets(lab):
    """A local user can connect to none of the four, everybody else to his own alone."""
    path = {name: f"{lab.mailbell.run_dir}/{name}" for name in SOCKETS}
    for name in SOCKETS:
        assert not as_stranger(connecting(path[name])), name
        assert as_hook(connecting(path[name])) == (name == "arrival"), name
        assert as_mail(connecting(path[name])) == (name in ("saved", "command")), name


def test_run_dir_is_the_daemons(lab):
    """Nobody else can put a socket of his own into the place of one."""
    def making():
        with open(f"{lab.mailbell.run_dir}/planted", "xb"):
            pass

    for somebody in (as_hook, as_mail, as_stranger):
        assert not somebody(making)
        assert not somebody(lambda: os.unlink(f"{lab.mailbell.run_dir}/saved"))


def answers(path, *request):
    """What the admin socket says to one verb: the octets of all rows, and the exit code."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(path)
        s.sendall(frame("HELLO", PROGRAM="mailbell", VERSION="0.1", LOST=0))
        s.sendall(frame("REQUEST", request[1:], NAME=request[0]))
        with s.makefile("rb") as stream:
            said = []
            while (got := read_frame(stream)).type != "DONE":
                said.append(repr(vars(got)))
            return f"{said}{got.text}", got.exit


def test_the_admin_group_reaches_no_secret(lab, user, phone):
    """What holds secrets is root's; in what the group may ask for, no endpoint path, token or key appears."""
    group = grp.getgrnam(accounts.ADMIN).gr_gid
    path = f"{lab.mailbell.run_dir}/admin"

    def ask():
        for verb in (("export",), ("vapid export",), ("import",),
                     ("add", user, "x", phone.endpoint, phone.p256dh, webpush.b64(phone.auth))):
            said, code = answers(path, *verb)
            assert code == os.EX_NOPERM, (verb, said)
        for verb in (("status",), ("list",), ("list", user), ("show", user, phone.id), ("stats",), ("origins",),
                     ("programs",), ("queue list",), ("accounts",), ("account", user), ("vapid list",)):
            said, code = answers(path, *verb)
            assert code == 0, (verb, said)
            assert not [one for one in phone.secrets if one in said], verb
            assert "PRIVATE KEY" not in said, verb

    assert as_user(STRANGER, group, [group], ask)


def test_what_the_admin_group_may_do(lab, user, phone):
    """Verbs that do something, or ask the world, work for the group; the other three sockets do not."""
    group = grp.getgrnam(accounts.ADMIN).gr_gid
    path = f"{lab.mailbell.run_dir}/admin"

    def ask():
        for verb in (("test", user), ("test", user, "force"), ("reach",), ("queue flush", user),
                     ("queue flush",), ("queue drop", user), ("preview", user, "bulk")):
            said, code = answers(path, *verb)
            assert code == 0, (verb, said)
            assert not [one for one in phone.secrets if one in said], verb
        said, code = answers(path, "trace", "nothing-of-that-name")
        assert code == os.EX_NOUSER, said

    assert as_user(STRANGER, group, [group], ask)
    assert as_user(STRANGER, group, [group], connecting(path))
    for name in ("arrival", "saved", "command"):
        assert not as_user(STRANGER, group, [group], connecting(f"{lab.mailbell.run_dir}/{name}")), name


def test_a_wrong_user_is_told():
    """Who is in a socket's group and is the wrong user: the log has the uid and the setting, 20 times a
    minute."""
    with Alone() as alone:
        def talking(name):
            def talk():
                with Talk(f"{alone.mailbell.run_dir}/{name}") as daemon:
                    if daemon.read().type != "REFUSED":
                        raise OSError("not refused")
            return talk

        for name, group, key in (("saved", accounts.MAIL, "mail_users"),
                                 ("command", accounts.MAIL, "mail_users"),
                                 ("arrival", accounts.HOOK, "hook_user")):
            gid = grp.getgrnam(group).gr_gid
            assert as_user(STRANGER, gid, [gid], talking(name))
            line, = [one for one in alone.log.splitlines() if f"uid={STRANGER}, socket={name}" in one]
            assert "warning: " in line and f"not {key}" in line.replace("not in", "not")
            assert "restart mailbelld" in line
        gid = grp.getgrnam(accounts.HOOK).gr_gid
        for _ in range(30):
            assert as_user(STRANGER, gid, [gid], talking("arrival"))
        assert alone.log.count("socket=arrival, status=refused") == 20


def test_a_user_of_the_system_speaks_for_himself_alone():
    """system_users = yes: a process of user A is heard for A, and its connection ends where it speaks for B."""
    uid, gid = accounts.ids(accounts.HOOK)
    with Alone(system_users="yes", mail_users="") as alone:
        def says(user):
            def lwebpush():
                with Verbs(alone.mailbell.run_dir, user) as verbs:
                    verbs.send("VERB", ["*"], USER=user, SESSION="session", NAME="LWEBPUSH")
                    if not verbs.stream.read(4):
                        raise OSError("the connection has ended")
            return lwebpush

        assert as_user(uid, gid, [gid], says(accounts.HOOK))
        assert not as_user(uid, gid, [gid], says("alice@lab.test"))
        assert not as_user(uid, gid, [gid], says("root"))
