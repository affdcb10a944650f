"""The manual pages against the programs."""

import glob
import re
import subprocess

import pytest

from lab.frames import TREE
from lab.lab import build_folder


def read(path):
    with open(f"{TREE}/{path}", encoding="utf-8") as page:
        return page.read()


def printed_keys(tmp_path):
    """Every key of the program's own table."""
    conf = tmp_path / "mailbell.conf"
    conf.write_text("vapid_contact = mailto:postmaster@example.org\n", encoding="ascii")
    shown = subprocess.run([f"{build_folder()}/mailbelld", "-c", conf, "--print"], check=True,
                           capture_output=True, text=True).stdout
    return re.findall(r"^(\w+) =", shown, re.M)


def test_the_page_of_the_configuration_has_every_key(tmp_path):
    """mailbell.conf(5) describes each key once, and no other."""
    described = re.findall(r"^\.It Cm (\w+)$", read("lib/mailbell.conf.5"), re.M)
    assert len(described) == len(set(described))
    assert set(described) == set(printed_keys(tmp_path))


@pytest.mark.parametrize("program, pages", [
    ("mailbelld", "daemon/*.8"), ("mailbell-lmtp", "lmtp/*.8"), ("mailbell-milter", "milter/*.8"),
    ("mailbell", "admin/*.8")])
def test_the_pages_have_every_option(program, pages):
    """What --help names is on the program's pages."""
    shown = subprocess.run([f"{build_folder()}/{program}", "--help"], check=True,
                           capture_output=True, text=True).stdout
    text = "".join(subprocess.run(["mandoc", "-T", "ascii", page], check=True, capture_output=True,
                                  text=True).stdout for page in glob.glob(f"{TREE}/{pages}"))
    text = re.sub(".\x08", "", text)      # bold and underlined, as terminals once had it
    for option in set(re.findall(r"--([a-z-]+)", shown)):
        assert re.search(rf"--{option}\b", text), (program, option)
