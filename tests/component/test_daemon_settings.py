"""mailbelld and what its configuration asks for that it cannot, or will not, do."""

import os
import shutil
import subprocess

import pytest

from lab import accounts
from lab.alone import Alone
from lab.lab import build_folder


@pytest.fixture(scope="module")
def alone():
    with Alone() as daemon:
        yield daemon


def test_what_a_reload_leaves_alone(alone):
    """A changed folder, user or group waits for a restart, and that is said."""
    alone.configure(system_users="yes", admin_group="root")
    for key in ("system_users", "admin_group"):
        assert f"{key} has changed: that takes a restart" in alone.log
    alone.configure()
    assert alone.status()


def test_socket_that_is_gone():
    """mailbell says that the daemon runs where it does, and nothing of it to whom cannot know."""
    with Alone() as alone:
        shutil.copy(f"{build_folder()}/mailbell", alone.dir)
        os.unlink(f"{alone.mailbell.run_dir}/admin")
        done = alone.mailbell.run("status")
        assert done.returncode == 69
        assert f"mailbelld runs (pid {alone.mailbell.daemon.pid}), but nothing listens" in done.stderr
        alone.mailbell.daemon.kill()
        done = alone.mailbell.run("status")
        assert done.returncode == 69 and "mailbelld does not run" in done.stderr
        os.rename(alone.mailbell.state_dir, f"{alone.mailbell.state_dir}.away")
        done = alone.mailbell.run("status")
        assert done.returncode == 69 and "whether mailbelld runs is not known" in done.stderr


@pytest.mark.parametrize("started_as", ["root", "user"])
def test_open_state_dir(started_as):
    """Others who can look into state_dir are warned of; where they can write, nothing starts."""
    within = ["setpriv", f"--reuid={accounts.DAEMON}", f"--regid={accounts.DAEMON}",
              f"--groups={accounts.HOOK},{accounts.ADMIN},{accounts.MAIL}"] if started_as == "user" else []
    with Alone() as alone:
        daemon, folder = alone.mailbell.daemon, alone.mailbell.state_dir
        assert daemon.stop() == 0 and "state_dir" not in alone.log
        daemon.argv = [*within, *daemon.argv]
        os.chmod(folder, 0o755)
        alone.mailbell.start_daemon()
        assert f"warning: state_dir: {folder} has mode 0755" in alone.log and f"chmod 700 {folder}" in alone.log
        assert daemon.stop() == 0
        os.chmod(folder, 0o770)
        done = subprocess.run(daemon.argv, check=False, capture_output=True, text=True, timeout=30)
        assert done.returncode == 69 and f"fatal: {folder} has mode 0770" in done.stderr


@pytest.mark.parametrize("key, words", [("state_dir", ["--init"]), ("run_dir", [])])
def test_folder_of_others(alone, tmp_path, key, words):
    """A folder that others use, as /var/lib in a hurry, is refused and left as it was."""
    shared = tmp_path / "lib"
    (shared / "postfix").mkdir(parents=True)
    shared.chmod(0o755)
    before = shared.stat()
    config = tmp_path / "mailbell.conf"
    with open(alone.mailbell.config, encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith(key)]
    config.write_text("".join(lines) + f"{key} = {shared}\n")
    done = subprocess.run([f"{build_folder()}/mailbelld", "-c", str(config), *words], check=False,
                          capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and f"{shared} is used by others" in done.stderr
    after = shared.stat()
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)
    assert os.listdir(shared) == ["postfix"]
