"""From a header to the ENVELOPE: ours against GMime 3 and Dovecot (G13), and linear in size."""

import os
import statistics
import subprocess

from bench import corpus, measure
from lab import accounts, dovecot, imaplist

LARGEST = corpus.SIZES[-1]
USUAL = 2048                    # octets of header
FETCHED = 1000                  # messages in the mailbox that Dovecot reads
SMALL, BIG = 4096, 65536        # where the cost per octet is compared
DOVECOT_CONF = {
    "2.3": "log_path = {0}/log\nmail_location = maildir:{0}/mail\nssl = no\n",
    "2.4": "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\nlog_path = {0}/log\n"
           "mail_driver = maildir\nmail_path = {0}/mail\nssl = no\n"}


class Reader:
    """One of the two programs, with its corpus."""

    def __init__(self, tool, path):
        self.child = subprocess.Popen([*measure.pinned(1), tool, path], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        self.passes = 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait(10)
        self.child.stdout.close()

    def ns(self):
        """Of CPU, for one pass over the corpus."""
        print(self.passes, file=self.child.stdin, flush=True)
        ns, _ = self.child.stdout.readline().split()
        return float(ns)

    def aim(self, ms):
        """As many passes as take so long."""
        self.passes = max(1, int(ms * 1e6 / self.ns()))


def shown(tool, path):
    return subprocess.run([tool, "--show", path], capture_output=True, check=True).stdout


def our_envelopes(tool, path):
    """Of each block: (number of addresses, Message-ID); an ENVELOPE comes of each."""
    out = shown(tool, path)
    while out:
        head, _, rest = out.partition(b"\n")
        reason, length = map(int, head.split())
        assert reason == 0, f"no ENVELOPE: reason {reason}"
        value = imaplist.envelope(rest[:length])
        people = sum(1 for field in value[2:8] for a in field or () if a[3] is not None)
        yield people, value[9].decode().strip("<>")
        out = rest[length + 1:]


def same_addresses(value):
    count, _, id = value.partition(b" ")
    return int(count), id.decode()


def compare(bench, ours, gmime, path):
    """Both read the same out of every block, before anything is timed.  Sender and Reply-To, which an
    ENVELOPE always has, are From where a message has none: GMime does not count them."""
    theirs = [same_addresses(line) for line in shown(gmime, path).splitlines()]
    mine = list(our_envelopes(ours, path))
    assert len(theirs) == len(mine)
    for (a, a_id), (b, b_id) in zip(mine, theirs):
        assert (a - 2, a_id) == (b, b_id), (a, a_id, b, b_id)


def every_size(shape):
    """As many octets of each size."""
    return [one for size in corpus.SIZES for one in corpus.blocks(shape, size, LARGEST // size)]


def against_gmime(bench, folder):
    ours, gmime = bench.tool("envelope"), bench.tool("gmime")
    if gmime is None:
        bench.skipped("GMime", "libgmime-3.0-dev is not installed")
        return
    path = f"{folder}/good"
    corpus.write(path, [one for shape in corpus.GOOD for one in every_size(shape)])
    compare(bench, ours, gmime, path)
    blocks = every_size(corpus.GOAL)
    corpus.write(path, blocks)
    with Reader(ours, path) as a, Reader(gmime, path) as b:
        a.aim(100)
        b.aim(400)
        ns = measure.interleave(bench, {"ours": a.ns, "GMime": b.ns}, rounds=9)
    bench.goal("G13", statistics.median(ns["ours"]) / 1000 / len(blocks),
               statistics.median(ns["GMime"]) / 1000 / len(blocks),
               rounds=measure.ratios(ns["GMime"], ns["ours"]), unit="us")
    octets = sum(map(len, blocks))
    bench.figure("ours, octets of header", octets / statistics.median(ns["ours"]) * 1000, "MB/s")


def by_class(bench, folder):
    """GMime / ours for each shape alone, and for the size that most mail has; of 100 addresses and more
    there is no ENVELOPE of ours."""
    if bench.tool("gmime") is None:
        return
    alone(bench, folder, f"{corpus.GOAL}, {USUAL} octets", corpus.blocks(corpus.GOAL, USUAL))
    for shape in corpus.SHAPES:
        alone(bench, folder, shape, every_size(shape))


def alone(bench, folder, words, blocks):
    path = f"{folder}/class"
    corpus.write(path, blocks)
    with Reader(bench.tool("envelope"), path) as a, Reader(bench.tool("gmime"), path) as b:
        a.aim(20)
        b.aim(60)
        ns = measure.interleave(bench, {"ours": a.ns, "GMime": b.ns}, rounds=5)
    rounds = measure.ratios(ns["GMime"], ns["ours"])
    bench.figure(f"GMime / ours, {words}", statistics.median(rounds), "x", rounds)
    bench.figure("... ours, one header", statistics.median(ns["ours"]) / 1000 / len(blocks), "us")


def per_octet(bench, folder, shape):
    """size -> ns of CPU for one octet; the median of 7 rounds."""
    readers = {}
    try:
        for size in corpus.SIZES:
            path = f"{folder}/{shape}{size}"
            blocks = corpus.blocks(shape, size)
            corpus.write(path, blocks)
            readers[size] = Reader(bench.tool("envelope"), path), sum(map(len, blocks))
            readers[size][0].aim(10)
        ns = measure.interleave(bench, {size: reader.ns for size, (reader, _) in readers.items()})
        return {size: [x / octets for x in ns[size]] for size, (_, octets) in readers.items()}
    finally:
        for reader, _ in readers.values():
            reader.__exit__()


def linear(bench, folder):
    """The worst of all shapes is what counts."""
    worst = None
    for shape in corpus.SHAPES:
        cost = per_octet(bench, folder, shape)
        medians = {size: statistics.median(rounds) for size, rounds in cost.items()}
        bench.series("envelope", shape, medians.items())
        rounds = measure.ratios(cost[BIG], cost[SMALL])
        if worst is None or statistics.median(rounds) > statistics.median(worst[2]):
            worst = medians[BIG], medians[SMALL], rounds
    bench.goal("G13-linear", worst[0], worst[1], rounds=worst[2], unit="ns")


def fetch(folder, name, blocks):
    """Seconds of CPU that Dovecot takes for FETCH ENVELOPE of a mailbox without cache."""
    place = f"{folder}/{name}"
    for part in ("cur", "new", "tmp"):
        os.makedirs(f"{place}/mail/{part}")
    for i, one in enumerate(blocks):
        with open(f"{place}/mail/cur/{i}.bench:2,", "wb") as f:
            f.write(one + b"Good morning.\r\n")
    with open(f"{place}/conf", "w", encoding="ascii") as f:
        f.write(DOVECOT_CONF[dovecot.version()].format(place))
    subprocess.run(["chown", "-R", accounts.MAIL, place], check=True)
    argv = [*measure.pinned(1), "doveadm", "-c", f"{place}/conf", "fetch", "imap.envelope", "all"]
    with open(f"{place}/out", "wb") as out:
        child = subprocess.Popen(argv, stdout=out, user=accounts.MAIL, group=accounts.MAIL,
                                 env={"HOME": place, "USER": "bench", "PATH": os.environ["PATH"]})
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = status
    with open(f"{place}/out", "rb") as out:
        assert status == 0 and out.read().count(b"imap.envelope") == len(blocks)
    return used.ru_utime + used.ru_stime


def against_dovecot(bench, folder):
    blocks = [corpus.block(corpus.GOAL, USUAL, seed) for seed in range(FETCHED)]
    path = f"{folder}/usual"
    corpus.write(path, blocks)
    users = accounts.Accounts()
    users.take()
    count = iter(range(1000))
    try:
        with Reader(bench.tool("envelope"), path) as ours:
            ours.aim(50)
            ns = measure.interleave(bench, {
                "ours": ours.ns,
                "Dovecot": lambda: 1e9 * fetch(folder, f"mail{next(count)}", blocks),
                "Dovecot, nothing to read": lambda: 1e9 * fetch(folder, f"mail{next(count)}", [])}, 5)
    finally:
        users.release()
    theirs = [a - b for a, b in zip(ns["Dovecot"], ns["Dovecot, nothing to read"])]
    bench.figure("Dovecot's FETCH ENVELOPE without cache, headers of 2 KiB",
                 statistics.median(theirs) / 1000 / FETCHED, "us")
    bench.figure("ours for the same", statistics.median(ns["ours"]) / 1000 / FETCHED, "us")
    rounds = measure.ratios(theirs, ns["ours"])
    bench.figure("Dovecot / ours (opening files included)", statistics.median(rounds), "x", rounds)


def run(bench):
    with bench.folder() as folder:
        against_gmime(bench, folder)
        by_class(bench, folder)
        linear(bench, folder)
        against_dovecot(bench, folder)
