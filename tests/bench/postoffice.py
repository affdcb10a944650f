"""A private Postfix and Dovecot for benchmarks: many ways to the mailbox, chosen by the recipient."""

import os
import re
import shutil
import socket
import struct
import subprocess
import time

from bench import measure
from bench.sinks import HOSTS, Dead, Sink, fill
from lab.authority import Authority
from lab.dovecot import Dovecot
from lab.mailbell import Mailbell
from lab.place import Place
from lab.postfix import Postfix
from lab.process import Process, accepts, free_ports
from lab.wait import until

SESSIONS = 8
OPENERS = 60                        # messages that open connections, of which Postfix has up to 20
FAN_OUT = 10
GROUP = 100                         # users of each kind
QUIET = 0.05                        # seconds in which an idle daemon uses next to no CPU

# NUMBERbox+WAY@: the last two digits choose the user, WAY the transport and the kind of user.
ALIASES = "".join(
    rf"/^[0-9]*([0-9][0-9])box\+{way}@lab\.test$/ user{kind}$1+{way}@lab.test" "\n"
    rf"/^([0-9])box\+{way}@lab\.test$/ user{kind}0$1+{way}@lab.test" "\n"
    for way, kind in (("dovecot", 0), ("proxy", 4), ("haproxy", 5), ("alive", 1), ("dead", 2), ("stalled", 3)))

HEADER = """\
Received: from relay.example.org (relay.example.org [192.0.2.7])
\tby mx.example.org (Postfix) with ESMTPS id 4jYSd65W3Gz1brl5
\tfor <alice@lab.test>; Mon, 7 Feb 1994 21:52:25 -0800 (PST)
From: "Fred Foobar" <fred@example.org>
To: Alice <alice@lab.test>, "Bob, of the house" <bob@lab.test>
Cc: team@lab.test
Subject: =?utf-8?Q?The_minutes_of_Thursday=E2=80=99s_meeting?= and what follows
Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)
Message-ID: <1994.bench@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
"""
BODY = ("All of this is said again on the next line, as it goes in mail.\n" * 60)[:3300].rpartition("\n")[0] + "\n"

HAPROXY = """\
global
    maxconn 1000
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
listen sink
    bind unix@{listen}.sink mode 666
    server sink unix@{sink}
listen dovecot
    bind unix@{listen}.dovecot mode 666
    server dovecot unix@{dovecot}
"""


class Office(Place):
    """Everything on the machine's memory: no disk takes part.  In /dev/shm where that is there."""

    def __init__(self, bench, keys):
        super().__init__()
        self.bench, self.keys = bench, keys

    def _start(self):
        self._settle("/dev/shm" if os.path.isdir("/dev/shm") else "/tmp")
        self.build = f"{self.dir}/build"
        os.makedirs(f"{self.build}/modules")
        for name in ("mailbelld", "mailbell-lmtp", "mailbell-milter", "modules/lib20_mailbell_plugin.so",
                     "modules/lib21_imap_mailbell_plugin.so"):
            shutil.copy(self.bench.program(name), f"{self.build}/{name}")
        self.authority = Authority(self.dir)
        self._start_pushes()
        smtp, imap, imaps, lmtp, self.milter_port, self.dkim_port, self.bare_port = free_ports(7)
        self._start_mailbox((smtp, imap, imaps, lmtp))
        self._start_mailbell()
        self._start_postfix(smtp)

    def _start_pushes(self):
        self.alive = self.closing.enter_context(Sink(self.bench, self.authority, hosts=HOSTS[:1]))
        self.stalled = self.closing.enter_context(
            Sink(self.bench, self.authority, "--never", hosts=HOSTS[1:2]))
        self.dead = Dead(HOSTS[2])

    def _start_mailbox(self, ports):
        self.dovecot = Dovecot(f"{self.dir}/dc", ports, self.authority, f"{self.dir}/mb/run", self.build)
        _quiet(self.dovecot.config)
        self.closing.callback(self.dovecot.stop)
        self.dovecot.start()
        os.makedirs(f"{self.dir}/s")
        shutil.chown(f"{self.dir}/s", "postfix")
        self.sink_socket = f"{self.dir}/s/lmtp"
        self.lmtp_sink = subprocess.Popen(["smtp-sink", "-u", "postfix", "-L", f"unix:{self.sink_socket}", "256"],
                                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, umask=0)
        self.closing.callback(_end, self.lmtp_sink)

    def _start_mailbell(self):
        self.mailbell = Mailbell(f"{self.dir}/mb", self.build, {
            "lmtp_listen": f"unix:{self.dir}/mb/lmtp", "lmtp_backend": f"unix:{self.dovecot.socket}",
            "milter_listen": f"unix:{self.dir}/mb/milter", "push_ca_file": self.authority.path,
            "endpoint_allow": [*self.alive.prefix, *self.stalled.prefix, *self.dead.prefix],
            "burst": 1000, "unseen_max": 1000000})
        self.mailbell.init()
        for program in (self.mailbell.daemon, self.mailbell.proxy, self.mailbell.milter):
            self.closing.callback(program.stop)
        self.mailbell.start_daemon()
        if not measure.give_way(self.mailbell.daemon.pid):
            self.bench.skipped("CPUWeight=10 of mailbelld", "this kernel has no groups by session")
        for kind, service in ((1, self.alive), (2, self.dead), (3, self.stalled)):
            fill(self.bench, self.mailbell, [f"user{kind}{i % GROUP:02}@lab.test" for i in range(GROUP * FAN_OUT)],
                 service, self.keys)
        self.mailbell.start_proxy(f"{self.dir}/mb/lmtp")
        self._start_second_proxy()

    def _start_second_proxy(self):
        """The same before smtp-sink."""
        path = f"{self.dir}/mb/second.conf"
        with open(self.mailbell.config, encoding="utf-8") as first, open(path, "w", encoding="utf-8") as out:
            text = first.read().replace(f"{self.dir}/mb/lmtp", f"{self.dir}/mb/second")
            out.write(re.sub(r"lmtp_backend = .*", f"lmtp_backend = unix:{self.sink_socket}", text))
        self.second = Process("mailbell-lmtp", [f"{self.build}/mailbell-lmtp", "-c", path], f"{self.dir}/second.log")
        self.closing.callback(self.second.stop)
        self.second.start()
        until(lambda: os.path.exists(f"{self.dir}/mb/second"), 20, "the second proxy listens")

    def _start_postfix(self, port):
        self.postfix = Postfix(f"{self.dir}/pf", port, "discard:")
        ways = {"sink": self.sink_socket, "through": f"{self.dir}/mb/second",
                "haproxy-sink": f"{self.dir}/haproxy.sink", "haproxy": f"{self.dir}/haproxy.dovecot",
                "dovecot": self.dovecot.socket}
        self._write("pf/ways", "".join(rf"/\+{way}@/ lmtp:unix:{path}" "\n" for way, path in ways.items()) +
                    rf"/\+(proxy|alive|dead|stalled)@/ lmtp:unix:{self.dir}/mb/lmtp" "\n")
        self._write("pf/aliases", ALIASES)
        with open(f"{self.dir}/pf/conf/master.cf", "a", encoding="ascii") as out:
            for listener, path in ((self.milter_port, f"{self.dir}/mb/milter"),
                                   (self.dkim_port, f"{self.dir}/dkim/socket"),
                                   (self.bare_port, f"{self.dir}/bare")):
                out.write(f"127.0.0.1:{listener} inet n - n - - smtpd\n"
                          f"  -o {{ smtpd_milters = {{ unix:{path}, default_action=accept }} }}\n")
        with open(f"{self.dir}/pf/conf/main.cf", "a", encoding="ascii") as out:
            out.write(f"transport_maps = regexp:{self.dir}/pf/ways\nsmtpd_recipient_limit = 2000\n"
                      "lmtp_destination_recipient_limit = 1000\nlmtp_destination_concurrency_limit = 20\n"
                      "maximal_queue_lifetime = 1h\n")
        self.closing.callback(self.postfix.stop)
        self.postfix.start()
        self.message = self._write("message", HEADER + "\n" + BODY)

    # What is underneath ours.

    def start_haproxy(self):
        """Whether it is there: a relay before smtp-sink and before Dovecot that only passes octets on.  SCHED_BATCH
        takes a quarter off its CPU time, and ours runs so, too."""
        program = self.bench.peer("haproxy")
        if program is None:
            return False
        config = self._write("haproxy.conf", HAPROXY.format(
            listen=f"{self.dir}/haproxy", sink=self.sink_socket, dovecot=self.dovecot.socket))
        self._start_peer(f"{self.dir}/haproxy.dovecot", ["chrt", "--batch", "0", program, "-db", "-f", config])
        return True

    def start_bare(self):
        """A milter that takes what ours takes."""
        self._start_peer(f"{self.dir}/bare", ["chrt", "--batch", "0", self.bench.tool("bare"), f"unix:{self.dir}/bare"])
        ours, bare = (negotiated(f"{self.dir}/{name}") for name in ("mb/milter", "bare"))
        assert ours == bare, (ours, bare)

    def _start_peer(self, path, argv):
        process = Process(os.path.basename(path), argv, f"{path}.log")
        self.closing.callback(process.stop)
        process.start()
        until(lambda: accepts(path), 20, f"{process.name} listens")

    def _write(self, name, text):
        path = f"{self.dir}/{name}"
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    # Mail.

    def source(self, recipient, count, port=None, sessions=SESSIONS, message=None):
        """Injects messages: seconds until Postfix has taken all of them."""
        began = time.monotonic()
        subprocess.run(["smtp-source", "-d", "-N", "-s", str(sessions), "-m", str(count), "-f", "fred@example.org",
                        "-t", recipient, "-F", message or self.message,
                        f"inet:127.0.0.1:{port or self.postfix.port}"],
                       check=True, stdout=subprocess.DEVNULL, timeout=300)
        return time.monotonic() - began

    def settle(self):
        """Waits until the daemon has pushed what it had to push: that is not to be the cost of what comes next."""
        last = [-1.0]

        def idle():
            before, last[0] = last[0], measure.cpu_clock(self.mailbell.daemon.pid)
            return last[0] - before < QUIET / 20

        until(idle, 120, "mailbelld has nothing left to push", every=QUIET)

    def rate(self, way, count, **source):
        """Messages a second, from the first that is injected until the last was delivered.  Postfix's connections of
        this way, and Dovecot's processes for them, were made by some messages before."""
        self.settle()
        self._deliver(way, OPENERS)
        self.settle()
        return count / self._deliver(way, count, **source)

    def _deliver(self, way, count, **source):
        """Seconds."""
        began, log = time.monotonic(), _Log(self.postfix.log)
        self.source(f"box+{way}@lab.test", count, **source)
        until(lambda: log.sent() >= count, 300, f"{count} messages were delivered")
        return time.monotonic() - began

    def inject(self, count, port=None, message=None):
        """Messages a second that Postfix takes and throws away."""
        self.settle()
        return count / self.source("box+discard@lab.test", count, port, message=message)

    def hook(self, name):
        self.mailbell.changes["hook"] = name
        self.mailbell.write()
        self.mailbell.reload()

    def proxies(self):
        """Octets of the second proxy's memory, its workers with it."""
        with open(f"/proc/{self.second.pid}/task/{self.second.pid}/children", encoding="ascii") as children:
            return measure.pss(self.second.pid, *map(int, children.read().split()))


class _Log:
    """What Postfix logs from now on."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.file.seek(0, os.SEEK_END)
        self.count, self.rest = 0, b""

    def sent(self):
        text = self.rest + self.file.read()
        lines, _, self.rest = text.rpartition(b"\n")
        bad = [line for line in lines.splitlines() if b"status=deferred" in line or b"status=bounced" in line]
        assert not bad, bad[0]
        self.count += lines.count(b"status=sent")
        return self.count


def _quiet(config):
    """The tests' Dovecot tells all it does."""
    with open(config, encoding="ascii") as file:
        text = file.read()
    with open(config, "w", encoding="ascii") as out:
        out.write(text.replace("mail_debug = yes\n", "").replace("debug_log_path", "#debug_log_path"))


def negotiated(path):
    """What a milter answers to an MTA that offers all there is: steps to be left out, macros ..."""
    with socket.socket(socket.AF_UNIX) as mta:
        mta.settimeout(10)
        mta.connect(path)
        mta.sendall(struct.pack(">IcIII", 13, b"O", 6, 0x1ff, 0x1fffff))
        with mta.makefile("rb") as answer:
            return answer.read(struct.unpack(">I", answer.read(4))[0])


def _end(child):
    child.terminate()
    child.wait(10)


class Client:
    """One session in which messages follow each other, as Postfix's own client writes them."""

    def __init__(self, address, recipient, hello="LHLO"):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.connect(address)
        if not isinstance(address, str):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")
        self.start = f"MAIL FROM:<fred@example.org>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()
        self._expect(b"220")
        self.socket.sendall(f"{hello} client.lab.test\r\n".encode())
        self._expect(b"250")
        self.message = (HEADER + "\n" + BODY).replace("\n", "\r\n").encode() + b".\r\n"

    def _expect(self, code):
        while (line := self.stream.readline())[3:4] == b"-":
            pass
        assert line.startswith(code), line

    def send(self):
        """Seconds that one message takes."""
        began = time.perf_counter()
        self.socket.sendall(self.start)
        for code in (b"250", b"250", b"354"):
            self._expect(code)
        self.socket.sendall(self.message)
        self._expect(b"250")
        return time.perf_counter() - began

    def close(self):
        self.socket.sendall(b"QUIT\r\n")
        self.stream.close()
        self.socket.close()
