"""A private Dovecot: IMAP, LMTP and dovecot-lda with Sieve, quota and mailbell's modules.

What differs between Dovecot versions is in TEMPLATES and nowhere else.
"""

import os
import re
import subprocess

from . import accounts
from .process import Process, accepts, tail
from .wait import until

MODULES = "/usr/lib/dovecot/modules"
LDA = "/usr/lib/dovecot/dovecot-lda"
PASSWORD = "secret"
DOMAIN = "lab.test"
NAMED = ("alice", "bob", "carol", "dave", "erin", "frank")
NUMBERED = 2000                     # user000@lab.test ..., for tests that want one of their own
FULL = "full"                       # a quota that no mail fits into
OUR_MODULES = ("lib20_mailbell_plugin.so", "lib21_imap_mailbell_plugin.so")

DOVECOT_23 = """
base_dir = @dir@/run
state_dir = @dir@/state
log_path = @dir@/dovecot.log
info_log_path = @dir@/dovecot.log
debug_log_path = @dir@/dovecot.log
instance_name = mailbell-lab
protocols = imap lmtp
listen = 127.0.0.1
first_valid_uid = 100
ssl = yes
ssl_cert = <@certificate@
ssl_key = <@key@
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %Lu
recipient_delimiter = +
# What Sieve sends goes to the private Postfix, which lets nothing out.
submission_host = 127.0.0.1:@smtp_port@
mail_home = @dir@/mail/%u
mail_location = maildir:~/Maildir
mail_uid = @mail_user@
mail_gid = @mail_user@
mail_debug = yes
mail_max_userip_connections = 200
import_environment = TZ CORE_OUTOFMEM CORE_ERROR LISTEN_PID LISTEN_FDS NOTIFY_SOCKET MAILBELL_RUN_DIR=@run_dir@
mail_plugin_dir = @dir@/modules
mail_plugins = $mail_plugins quota
namespace inbox {
  inbox = yes
  separator = /
  mailbox Junk {
    special_use = \\Junk
    auto = create
  }
  mailbox Trash {
    special_use = \\Trash
    auto = create
  }
}
passdb {
  driver = passwd-file
  args = username_format=%u @dir@/users
}
userdb {
  driver = passwd-file
  args = username_format=%u @dir@/users
  default_fields = uid=@mail_user@ gid=@mail_user@ home=@dir@/mail/%u
}
service imap-login {
  service_count = 0
  process_min_avail = 1
  inet_listener imap {
    port = @imap_port@
  }
  inet_listener imaps {
    port = @imaps_port@
    ssl = yes
  }
}
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
  inet_listener lmtp {
    port = @lmtp_port@
  }
}
protocol lmtp {
  postmaster_address = postmaster@lab.test
  mail_plugins = $mail_plugins sieve @storage_plugins@
}
protocol lda {
  postmaster_address = postmaster@lab.test
  mail_plugins = $mail_plugins sieve @storage_plugins@
}
protocol imap {
  mail_plugins = $mail_plugins imap_quota @imap_plugins@
  imap_id_send = name *
}
plugin {
  sieve = file:~/.dovecot.sieve
  quota = count:User quota
  quota_vsizes = yes
}
event_exporter lab {
  format = json
  format_args = time-rfc3339
  transport = log
}
metric lab_commands {
  filter = event=imap_command_finished
  exporter = lab
}
"""

DOVECOT_24 = """
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
base_dir = @dir@/run
state_dir = @dir@/state
log_path = @dir@/dovecot.log
info_log_path = @dir@/dovecot.log
debug_log_path = @dir@/dovecot.log
instance_name = mailbell-lab
protocols {
  imap = yes
  lmtp = yes
}
listen = 127.0.0.1
first_valid_uid = 100
ssl = yes
ssl_server_cert_file = @certificate@
ssl_server_key_file = @key@
auth_allow_cleartext = yes
auth_mechanisms = plain login
auth_username_format = %{user | lower}
recipient_delimiter = +
# What Sieve sends goes to the private Postfix, which lets nothing out.
submission_host = 127.0.0.1:@smtp_port@
mail_home = @dir@/mail/%{user}
mail_driver = maildir
mail_path = ~/Maildir
mail_uid = @mail_user@
mail_gid = @mail_user@
log_debug = category=mail
mail_max_userip_connections = 200
import_environment {
  MAILBELL_RUN_DIR = @run_dir@
}
mail_plugin_dir = @dir@/modules
mail_plugins {
  quota = yes
}
quota user {
}
quota_storage_grace = 0
lmtp_user_concurrency_limit = unlimited
namespace inbox {
  inbox = yes
  separator = /
  mailbox Junk {
    special_use = \\Junk
    auto = create
  }
  mailbox Trash {
    special_use = \\Trash
    auto = create
  }
}
passdb passwd-file {
  passwd_file_path = @dir@/users
}
userdb passwd-file {
  passwd_file_path = @dir@/users
  fields {
    uid:default = @mail_user@
    gid:default = @mail_user@
    home:default = @dir@/mail/%{user}
  }
}
service imap-login {
  restart_request_count = unlimited
  process_min_avail = 1
  inet_listener imap {
    port = @imap_port@
  }
  inet_listener imaps {
    port = @imaps_port@
    ssl = yes
  }
}
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
  inet_listener lmtp {
    port = @lmtp_port@
  }
}
protocol lmtp {
  postmaster_address = postmaster@lab.test
  mail_plugins {
    sieve = yes
    @storage_plugins@
  }
}
protocol lda {
  postmaster_address = postmaster@lab.test
  mail_plugins {
    sieve = yes
    @storage_plugins@
  }
}
protocol imap {
  mail_plugins {
    imap_quota = yes
    @imap_plugins@
  }
}
sieve_script personal {
  driver = file
  path = ~/sieve
  active_path = ~/.dovecot.sieve
}
event_exporter lab {
  driver = log
  format = json
}
metric lab_commands {
  filter = event=imap_command_finished
  exporter = lab
}
"""

# By the first two numbers of `dovecot --version`.
TEMPLATES = {"2.3": DOVECOT_23, "2.4": DOVECOT_24}
# A word in a list of plugins, and the quota of FULL in the users' file.
PLUGIN = {"2.3": "{} ", "2.4": "{} = yes\n"}
NO_ROOM = {"2.3": "userdb_quota_rule=*:bytes=10", "2.4": "userdb_quota_storage_size=10B"}

# Idle IMAP clients hibernate: their process ends, their connection stays.
HIBERNATION = """
log_debug = category=imap
imap_hibernate_timeout = 1s
service imap {{
  unix_listener imap-master {{
    user = {}
  }}
}}
service imap-hibernate {{
  unix_listener imap-hibernate {{
    mode = 0666
  }}
}}
"""
INTERNAL_USER = {"2.3": "$default_internal_user", "2.4": "$SET:default_internal_user"}


def hibernation():
    """What to add to dovecot.conf."""
    return HIBERNATION.format(INTERNAL_USER[version()])


def version():
    shown = subprocess.run(["dovecot", "--version"], check=True, capture_output=True, text=True)
    return re.match(r"\d+\.\d+", shown.stdout)[0]


def plugins(*names):
    return "".join(PLUGIN[version()].format(name) for name in names)


class Dovecot:
    def __init__(self, folder, ports, authority, run_dir, build=None):
        """build: the folder with mailbell's modules; None: a Dovecot without them."""
        self.dir = folder
        self.smtp_port, self.imap_port, self.imaps_port, self.lmtp_port = ports
        self.run_dir = run_dir
        self.build = build
        self.log = f"{folder}/dovecot.log"
        self.config = f"{folder}/dovecot.conf"
        self.socket = f"{folder}/run/lmtp"
        self.process = Process("dovecot", ["dovecot", "-F", "-c", self.config], f"{folder}/out.log")
        self._make(authority)

    def _make(self, authority):
        for name in ("run", "state", "mail", "modules"):
            os.makedirs(f"{self.dir}/{name}")
        os.chown(f"{self.dir}/mail", *accounts.ids(accounts.MAIL))
        self._link_modules()
        certificate, key = authority.issue("imap")
        with_modules = self.build is not None
        values = {
            "dir": self.dir, "run_dir": self.run_dir, "mail_user": accounts.MAIL,
            "certificate": certificate, "key": key,
            "smtp_port": self.smtp_port, "imap_port": self.imap_port,
            "imaps_port": self.imaps_port, "lmtp_port": self.lmtp_port,
            "storage_plugins": plugins("notify", "mailbell") if with_modules else "",
            "imap_plugins": plugins("imap_mailbell") if with_modules else ""}
        text = re.sub(r"@(\w+)@(?!\w)", lambda match: str(values[match[1]]), TEMPLATES[version()])
        self.usual = text
        with open(self.config, "w", encoding="ascii") as out:
            out.write(text)
        with open(f"{self.dir}/users", "w", encoding="ascii") as out:
            for name in (*NAMED, *(f"user{n:03}" for n in range(NUMBERED))):
                out.write(f"{name}@{DOMAIN}:{{PLAIN}}{PASSWORD}::::::\n")
            out.write(f"{FULL}@{DOMAIN}:{{PLAIN}}{PASSWORD}::::::{NO_ROOM[version()]}\n")

    def _link_modules(self):
        """One folder with Dovecot's own modules and ours: nothing is installed in /usr."""
        for name in os.listdir(MODULES):
            os.symlink(f"{MODULES}/{name}", f"{self.dir}/modules/{name}")
        for name in OUR_MODULES if self.build is not None else ():
            os.symlink(f"{self.build}/modules/{name}", f"{self.dir}/modules/{name}")

    def start(self):
        self.process.start()
        until(self._ready, 20, "Dovecot listens")

    def _ready(self):
        assert self.process.running, f"Dovecot did not start:\n{self.tail()}"
        return accepts(("127.0.0.1", self.imap_port)) and accepts(self.socket)

    def stop(self):
        self.process.stop()

    def restart(self, extra=""):
        """Anew, with more settings than usual."""
        self.stop()
        with open(self.config, "w", encoding="ascii") as out:
            out.write(self.usual + extra)
        self.start()

    def tail(self, lines=15):
        return self.process.tail(lines) + tail(self.log, lines)

    # Users.

    def home(self, user):
        return f"{self.dir}/mail/{user}"

    def sieve(self, user, script=None):
        """Gives a user a Sieve script, or takes it away."""
        home = self.home(user)
        if not os.path.isdir(home):
            os.mkdir(home, 0o700)
            os.chown(home, *accounts.ids(accounts.MAIL))
        # A compiled script of the same second would be taken for fresh.
        for name in (".dovecot.sieve", ".dovecot.svbin"):
            if os.path.exists(f"{home}/{name}"):
                os.unlink(f"{home}/{name}")
        if script is not None:
            with open(f"{home}/.dovecot.sieve", "w", encoding="utf-8") as out:
                out.write(script)

    def lda(self, user, message):
        """Delivers by dovecot-lda, past Postfix and LMTP."""
        done = subprocess.run([LDA, "-c", self.config, "-d", user], input=message, check=False,
                              capture_output=True, timeout=30)
        assert done.returncode == 0, (done.returncode, done.stderr, self.tail())

    def doveadm(self, *argv):
        return subprocess.run(["doveadm", "-c", self.config, *argv], check=True, timeout=30,
                              capture_output=True).stdout
