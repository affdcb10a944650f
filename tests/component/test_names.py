"""A user or group that the settings name and the system does not have: one exit status, and what to do."""

import os
import subprocess
import tempfile

import pytest

from lab import accounts
from lab.lab import build_folder

EX_NOUSER = 67
STRANGER = 65533                    # a uid without a name
NOBODY = "mailbell-gone"
DAEMON = ("user", "hook_user", "admin_group", "mail_users", "mail_group")
WAYS = [("mailbelld", (), DAEMON), ("mailbelld", ("--check",), DAEMON),
        ("mailbelld", ("--init",), DAEMON[:1]), ("mailbelld", ("--verify",), DAEMON[:1])]
WAYS += [(hook, way, ("hook_user",)) for hook in ("mailbell-lmtp", "mailbell-milter")
         for way in ((), ("--check",))]


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(dir="/tmp") as made:       # others may look into it
        os.chmod(made, 0o755)
        yield made


@pytest.fixture(scope="module", autouse=True)
def users():
    made = accounts.Accounts()
    made.take()
    yield
    made.release()


@pytest.fixture
def settings(folder):
    return {"state_dir": f"{folder}/state", "run_dir": f"{folder}/run", "user": accounts.DAEMON,
            "hook_user": accounts.HOOK, "admin_group": accounts.ADMIN, "mail_users": f"root {accounts.MAIL}",
            "mail_group": accounts.MAIL, "vapid_contact": "mailto:postmaster@example.org",
            "lmtp_listen": f"unix:{folder}/lmtp", "lmtp_backend": f"unix:{folder}/backend",
            "milter_listen": f"unix:{folder}/milter"}


def call(folder, settings, program, *words, user=0):
    config = f"{folder}/mailbell.conf"
    with open(config, "w", encoding="ascii") as out:
        out.writelines(f"{key} = {value}\n" for key, value in settings.items())
    return subprocess.run([f"{build_folder()}/{program}", "-c", config, *words], check=False,
                          capture_output=True, text=True, timeout=30, user=user)


@pytest.mark.parametrize("program, words, key", [
    (program, words, key) for program, words, keys in WAYS for key in keys])
def test_missing(folder, settings, program, words, key):
    """The setting, the name and the remedy are told, and nothing is made."""
    settings[key] = f"root {NOBODY}" if key == "mail_users" else NOBODY
    done = call(folder, settings, program, *words)
    assert done.returncode == EX_NOUSER, done.stderr
    kind = "group" if key.endswith("group") else "user"
    assert f"{key} = {NOBODY}: there is no {kind} '{NOBODY}'" in done.stderr
    assert ("doveconf" if key.startswith("mail_") else "mailbell setup") in done.stderr
    assert os.listdir(folder) == ["mailbell.conf"]


@pytest.mark.parametrize("program", ["mailbelld", "mailbell-lmtp", "mailbell-milter"])
def test_there(folder, settings, program):
    """With names that exist there is nothing to say; with system_users mail_group is none of ours."""
    for more in ({}, {"system_users": "yes", "mail_users": "", "mail_group": NOBODY}):
        done = call(folder, {**settings, **more}, program, "--check")
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("program", ["mailbelld", "mailbell-lmtp", "mailbell-milter"])
def test_somebody_else(folder, settings, program):
    """Who is neither root nor the program's user serves himself alone: the name is missed, but not needed."""
    done = call(folder, {**settings, "hook_user": NOBODY}, program, "--check", user=STRANGER)
    assert done.returncode == 0 and f"warning: hook_user = {NOBODY}" in done.stderr
