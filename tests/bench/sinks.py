"""The push service of the benchmarks, running, and a daemon that pushes to it."""

import json
import os
import secrets
import signal
import socket
import subprocess
import time

from cryptography.hazmat.primitives.asymmetric import ec

from bench import measure
from lab import webpush
from lab.alone import ENVELOPE, Alone
from lab.frames import frame
from lab.process import free_ports
from lab.wait import until

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
KEYS = 1000                         # different keys of devices; more subscriptions share them


class Sink:
    """sink.c; also what Alone takes for its push service."""

    def __init__(self, bench, authority, *options, hosts=HOSTS):
        certificate, key = authority.issue("sink", hosts)
        self.hosts = hosts
        self.child = subprocess.Popen(
            [bench.tool("sink"), "--certificate", certificate, "--key", key, *map(str, options), *hosts],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline())
        measure.pin(self.child.pid, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.stdout.read()
        self.child.wait(10)

    @property
    def prefix(self):
        return [f"https://{host}:{self.port}/" for host in self.hosts]

    def counts(self):
        self.child.send_signal(signal.SIGUSR1)
        return json.loads(self.child.stdout.readline())

    def until_good(self, count, timeout=120):
        """Waits until it has answered so many pushes with 201."""
        until(lambda: self.counts()["good"] >= count, timeout, f"{count} pushes")


class Dead:
    """Where a push service should be and nobody listens."""

    def __init__(self, host=HOSTS[0]):
        self.port = free_ports(1)[0]
        self.hosts = (host,)
        self.prefix = [f"https://{host}:{self.port}/"]


def device_keys():
    """KEYS of them: (p256dh, auth)."""
    return [(webpush.b64(webpush.public_octets(ec.generate_private_key(ec.SECP256R1()))),
             webpush.b64(secrets.token_bytes(16))) for _ in range(KEYS)]


def subscription(account, endpoint, keys, vapid_key):
    """A row for `mailbell import`: acknowledged, and it has worked before."""
    now = int(time.time())
    return {"version": 1, "kind": "subscription", "account": account,
            "id": secrets.token_hex(8), "state": "active", "endpoint": endpoint,
            "endpoint_normal": endpoint, "p256dh": keys[0], "auth": keys[1], "vapid_key": vapid_key,
            "topic_sync": secrets.token_hex(12), "topic_verify": secrets.token_hex(12),
            "topic_vapid": secrets.token_hex(12), "created": now, "refreshed": now,
            "acknowledged": now, "last_success": now, "last_try": now}


def fill(bench, mailbell, accounts, sink, keys, hosts=None):
    """Subscribes a device for each of accounts, by `mailbell import`, spread over the sink's hosts."""
    hosts = hosts or sink.hosts[:1]
    vapid_key = os.readlink(f"{mailbell.state_dir}/vapid/current").partition(".")[0]
    path = f"{mailbell.dir}/import.jsonl"
    with open(path, "w", encoding="ascii") as out:
        for i, account in enumerate(accounts):
            endpoint = f"https://{hosts[i % len(hosts)]}:{sink.port}/p/{secrets.token_urlsafe(60)}"
            out.write(json.dumps(subscription(account, endpoint, keys[i % len(keys)], vapid_key)) + "\n")
    subprocess.run([bench.program("mailbell"), "-c", mailbell.config, "import", path], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.unlink(path)


def account(number):
    return f"user{number:06}@lab.test"


class Pusher:
    """A daemon with `count` accounts, a device each, and mail for them.  It runs on the second core,
    whoever speaks to it on the first."""

    def __init__(self, bench, authority, sink, keys, count, hosts=None, accounts=None, **settings):
        self.sink, self.uid = sink, 0
        self.accounts = accounts or [account(i) for i in range(count)]
        self.alone = Alone(sink, authority, endpoint_allow=sink.prefix, **settings)
        self.bench, self.keys, self.hosts = bench, keys, hosts

    def __enter__(self):
        self.alone.__enter__()
        try:
            fill(self.bench, self.alone.mailbell, self.accounts, self.sink, self.keys, self.hosts)
        except BaseException:
            self.alone.__exit__()
            raise
        self.pid = self.alone.daemon.pid
        measure.pin(self.pid, 1)
        return self

    def __exit__(self, *_):
        self.alone.__exit__()

    def mail(self, accounts):
        """What Dovecot's module would say of one new message for each, as octets."""
        self.uid += 1
        now = int(time.time() * 1000)
        return frame("HELLO", PROGRAM="bench", VERSION="0", LOST=0) + b"".join(
            frame("SAVED", TIME=now, TOKEN=f"t{self.uid}.{i}", SERVICE="lmtp", USER=name, MAILBOX="INBOX",
                  UIDVALIDITY=7, UID=self.uid, QUEUE_ID=f"4j{i:09}", MESSAGE_ID=f"<{i}@example.org>",
                  ENVELOPE=ENVELOPE.format(subject="benchmark", serial=i), REASON=0, KIND=0)
            for i, name in enumerate(accounts))

    def say(self, octets):
        """Over a connection of its own."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{self.alone.mailbell.run_dir}/saved")
            s.sendall(octets)

    def push(self, count):
        """One message for each of the first `count` accounts, until all devices were rung: seconds of
        CPU and of wall time for one push."""
        octets = self.mail(self.accounts[:count])
        goal = self.sink.counts()["good"] + count
        cpu, wall = measure.cpu_clock(self.pid), time.monotonic()
        self.say(octets)
        self.sink.until_good(goal)
        return ((measure.cpu_clock(self.pid) - cpu) / count, (time.monotonic() - wall) / count)
