"""F29 and F31: hostile users, and hostile octets on every socket."""

import contextlib
import resource
import socket
import subprocess
import sys
import threading
import time

from lab.frames import frame
from lab.imapclient import Closed, Literal
from lab.wait import until

from .daemon import descriptors
from .row import row

P99_S = 0.05
SUBSCRIPTIONS = 16
VERIFICATIONS_AN_HOUR = 10


class Witness(threading.Thread):
    """Another user's verbs, one after the other: how long each takes."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.imap = site.lab.imap(site.lab.user())
        self.took, self.over = [], threading.Event()

    def run(self):
        while not self.over.is_set():
            start = time.monotonic()
            assert self.imap.command("LWEBPUSH *").ok
            self.took.append(time.monotonic() - start)
            self.over.wait(0.005)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
        self.imap.drop()

    def p99(self):
        took = sorted(self.took)
        return took[int(len(took) * 0.99)] if took else float("inf")


@row("F29", "a hostile user: 100,000 WEBPUSH, huge arguments", share=2)
def hostile_user(site, this):
    """Limits hold, and others' p99 stays under 50 ms."""
    people, user = this.people(2, devices=1), site.lab.user()
    wanted = 1000 if this.short else 100000
    posts = len(site.lab.push.posts)
    with this.traffic(people, rate=20), Witness(site) as witness:
        done = flood(site, this, user, wanted)
        for _ in range(3):
            huge(site, user)
            gone(site, user)
    listed = site.lab.mailbell.admin("list", user)
    this.check(len(listed) <= SUBSCRIPTIONS, f"{len(listed)} subscriptions")
    ids = {row["id"] for row in listed}
    this.check(ids, "not one was taken")
    told = [post for post in site.lab.push.posts[posts:] if "/hostile" in post.path]
    this.check(len(told) <= VERIFICATIONS_AN_HOUR, f"{len(told)} verifications in an hour")
    this.judge(witness.p99() <= P99_S, f"p99 of others {witness.p99() * 1000:.0f} ms")
    this.note(f"{done} WEBPUSH; {len(witness.took)} verbs of another user, p99 "
              f"{witness.p99() * 1000:.1f} ms")


def flood(site, this, user, wanted):
    """WEBPUSH after WEBPUSH, four at a time: how many were answered."""
    device, done = site.lab.device(), 0
    with site.lab.imap(user) as imap:
        while done < wanted and (not this.short or this.left > 0 or done < 400):
            tags = [imap.start(f"WEBPUSH id{done + n} {site.lab.push.prefix}hostile{done + n} "
                               f"{device.p256dh} AAAAAAAAAAAAAAAAAAAAAA") for n in range(4)]
            for tag in tags:
                reply = imap.finish(tag)
                assert reply.ok or reply.code in ("LIMIT", "UNAVAILABLE"), reply
            done += len(tags)
    return done


def huge(site, user):
    """Arguments that no frame and no limit of Dovecot's holds."""
    with site.lab.imap(user) as imap:
        assert not imap.command("WEBPUSH", *[" ", Literal(b"x" * 30000, plus=True)] * 2).ok
        assert not imap.command("LWEBPUSH " + "(" * 1000 + ")" * 1000).ok
        with contextlib.suppress(Closed, ConnectionError, AssertionError):
            imap.command("WEBPUSH ", Literal(b"x" * 70000, plus=True))


def gone(site, user):
    """Four commands at once, and nobody waits for their answers."""
    with site.lab.imap(user) as imap:
        for n in range(4):
            imap.start(f"LWEBPUSH gone{n}")


# What comes on a socket that frames are expected on.
HELLO = frame("HELLO", PROGRAM="x", VERSION="0", LOST=0)
GARBAGE = {
    "garbage": b"\x00\x00\x00\x05\x01\xff\xff\xff\xff" * 3, "text": b"GET / HTTP/1.1\r\n\r\n",
    "nothing": b"", "a cut head": b"\x00\x00", "an oversized frame": b"\xff\xff\xff\xff\x01\x01",
    "an empty frame": b"\x00\x00\x00\x00", "a frame before HELLO": frame("END", TOKEN="t", USER="u", N=1),
    "HELLO twice": HELLO * 2, "a cut frame": HELLO + b"\x00\x00\x10\x00\x01\x05abc",
    "an unknown type": HELLO + b"\x00\x00\x00\x02\x01\xee", "a field that is too long":
    HELLO + b"\x00\x00\x00\x07\x01\x05\x01\xff\xff\xff\xff",
}
# Connected as somebody else: what came back, as hexadecimal digits.
STRANGER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
try:
    s.connect(sys.argv[1])
    s.sendall(bytes.fromhex(sys.argv[2]))
    print(s.recv(1000).hex())
except PermissionError:
    print("denied")
except OSError:
    print("")
"""


@row("F31", "garbage, slow frames, wrong uid, 1000 connections", share=2)
def hostile_octets(site, this):
    """That connection ends, the daemon lives, and mail goes on."""
    people = this.people(4, devices=2)
    site.lab.use("milter")
    site.lab.use("lmtp")
    run_dir = site.lab.mailbell.run_dir
    frames = [f"{run_dir}/{name}" for name in ("arrival", "saved", "command", "admin")]
    others = [site.lab.proxy_socket, site.lab.milter_socket]
    count = 50 if this.short else 1000
    hard = max(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, hard))
    with this.traffic(people, rate=20) as traffic:
        for path in frames:
            for name, octets in GARBAGE.items():
                ends(this, path, name, octets)
            stranger(this, path)
        for path in (*frames, *others):
            drip(path)
            crowd(site, this, traffic, path, count)
    for program in (site.lab.mailbell.daemon, site.lab.mailbell.proxy):
        this.check(program.running, f"{program.name} has ended")
    pid = site.lab.mailbell.daemon.pid
    until(lambda: descriptors(pid) < 128, 20, "its descriptors are free again")
    site.lab.mailbell.milter.stop()


def ends(this, path, name, octets):
    """What is sent, and then no more: the connection ends."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(path)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            peer.sendall(octets)
            peer.shutdown(socket.SHUT_WR)
        try:
            while peer.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            this.check(False, f"{path.rpartition('/')[2]}: {name}: the connection stays")


def stranger(this, path):
    """Who may not speak here is not listened to."""
    said = subprocess.run([sys.executable, "-c", STRANGER, path, HELLO.hex()], check=True,
                          capture_output=True, text=True, timeout=30).stdout.strip()
    this.check(said in ("denied", "") or b"may not" in bytes.fromhex(said), f"{path}: a stranger got {said}")


def drip(path):
    """A frame octet by octet, on a connection that stays for a while."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        for octet in HELLO:
            peer.sendall(bytes([octet]))
            time.sleep(0.001)       # the fault itself


def crowd(site, this, traffic, path, count):
    """So many connections that say nothing; mail goes on, and others are heard."""
    peers = []
    try:
        for _ in range(count):
            peer = socket.socket(socket.AF_UNIX)
            peers.append(peer)
            peer.setblocking(False)
            with contextlib.suppress(BlockingIOError):      # a full backlog
                peer.connect(path)
        if path != site.lab.proxy_socket:
            traffic.more(5)
            with site.lab.imap(site.lab.user()) as imap:
                this.check(imap.command("GETVAPID").ok, f"{path}: a crowd keeps others out")
    finally:
        for peer in peers:
            peer.close()
