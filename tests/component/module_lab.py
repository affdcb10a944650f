"""A real Dovecot with mailbell's modules, and no mailbell: what the modules say is read by a
scripted daemon."""

import os
import shutil
import socket

from lab.authority import Authority
from lab.dovecot import DOMAIN, OUR_MODULES, Dovecot, version
from lab.imapclient import ImapClient
from lab.lab import build_folder
from lab.place import Place
from lab.process import free_ports

# What Sieve's reject is sent with goes nowhere.
SENDMAIL = "submission_host =\nsendmail_path = {sendmail}\n"

# What differs between Dovecot versions in the settings that only these tests make.
STORAGE = {"2.3": "mail_location = {driver}:~/box\n",
           "2.4": "mail_driver = {driver}\nmail_path = ~/box\n"}[version()]
# One lmtp process for all deliveries, so that what it counts is all there is.
ONE_PROCESS = "service lmtp {{\n  process_limit = 1\n  {}\n}}\n".format(
    {"2.3": "service_count = 0", "2.4": "restart_request_count = unlimited"}[version()])

MESSAGE = """\
Received: from front.example (front.example [192.0.2.1])\r
\tby mx.lab.test (Postfix) with ESMTPS id {queue_id}\r
\tfor <x@lab.test>; Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r
From: Fred Foobar <foobar@blurdybloop.example>\r
To: x@lab.test\r
Subject: {subject}\r
Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r
Message-ID: <{id}>\r
{headers}\r
Hello.\r
"""


def message(subject="afternoon meeting", id="B27397@blurdybloop.example", queue_id="4jYSd65W3Gz1b",
            headers=""):
    """octets; headers: whole lines with their CRLF."""
    return MESSAGE.format(subject=subject, id=id, queue_id=queue_id, headers=headers).encode()


class MailServer(Place):
    """Dovecot in a throwaway folder; extra is added to its configuration.  build: of the modules."""

    def __init__(self, extra="", run_dir=None, build=None):
        super().__init__()
        self.extra = extra
        self.build = build or build_folder()
        self.run_dir = run_dir
        self.serial = 0

    def _start(self):
        self._settle()
        os.makedirs(f"{self.dir}/run")
        os.makedirs(f"{self.dir}/build/modules")
        for name in OUR_MODULES:
            shutil.copy(f"{self.build}/modules/{name}", f"{self.dir}/build/modules/{name}")
        self.run_dir = self.run_dir or f"{self.dir}/run"
        self.dovecot = Dovecot(f"{self.dir}/dc", free_ports(4), Authority(self.dir), self.run_dir,
                               f"{self.dir}/build")
        with open(self.dovecot.config, "a", encoding="ascii") as config:
            config.write(SENDMAIL.format(sendmail=self._sendmail()) + self.extra)
        self.closing.callback(self.dovecot.stop)
        self.dovecot.start()

    def _sendmail(self):
        path = f"{self.dir}/sendmail"
        with open(path, "w", encoding="ascii") as script:
            script.write("#!/bin/sh\ncat >/dev/null\n")
        os.chmod(path, 0o755)
        return path

    def user(self):
        """An account that no test has used yet."""
        self.serial += 1
        return f"user{self.serial:03}@{DOMAIN}"

    def settings(self, text=None):
        """Writes or removes run_dir/module."""
        path = f"{self.run_dir}/module"
        if os.path.exists(path):
            os.unlink(path)
        if text is not None:
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)

    def imap(self, user=None):
        return ImapClient(self.dovecot.imap_port, user)

    def log(self):
        with open(self.dovecot.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def deliver(self, *recipients, data=None):
        """One LMTP transaction: the replies after the dot, one for each recipient."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(self.dovecot.socket)
            stream = sock.makefile("rb")
            lines = [b"LHLO test", b"MAIL FROM:<sender@example.org>",
                     *(b"RCPT TO:<%s>" % r.encode() for r in recipients), b"DATA"]
            _reply(stream)
            for line in lines:
                sock.sendall(line + b"\r\n")
                code, text = _reply(stream)
                assert code in (250, 354), text
            sock.sendall((data or message()) + b".\r\n")
            return [_reply(stream) for _ in recipients]


def _reply(stream):
    """(code, the last line)"""
    while True:
        line = stream.readline()
        assert line, "LMTP ended"
        if line[3:4] != b"-":
            return int(line[:3]), line.decode().rstrip()


def token(reply):
    """The delivery token in a reply after the dot."""
    words = reply[1].split()
    assert words[-1] == "Saved", reply
    return words[-2].encode()
