"""Header blocks for the benchmarks: of each shape, in each size, the same ones every time.

"mail" is what G13 is judged by: what an ordinary message of 4 KiB carries, 34 lines of header with two
trace fields, a DKIM signature, encoded words and a group, in its own size and, cut short or with more
of the trace, DKIM and ARC fields that servers and lists add on the way, from 0.5 to 64 KiB.  The other
shapes each exaggerate one thing; they are shown beside it.
"""

import base64
import random

SIZES = [1 << n for n in range(9, 17)]          # 0.5 to 64 KiB
WORDS = ("report meeting invoice garden train letter window morning paper river summer coffee "
         "question answer budget harbour lantern museum orchard pepper").split()
TOP = ("Return-Path: <bounce-{n}@list.example.org>\r\n"
       "Received: from mx.example.org (mx.example.org [192.0.2.7])\r\n"
       "\tby mail.example.net (Postfix) with ESMTPS id 4jYSd65W3Gz1b{n:04}\r\n"
       "\tfor <user{n}@example.net>; Mon, 02 Mar 2026 10:{m:02}:00 +0100 (CET)\r\n"
       "Date: Mon, 2 Mar 2026 10:{m:02}:00 +0100\r\n"
       "From: {name} <{local}@example.org>\r\n"
       "To: \"User, {n}\" <user{n}@example.net>\r\n"
       "Message-ID: <{n}.{m}.bench@example.org>\r\n"
       "MIME-Version: 1.0\r\n")
HOSTILE = ("To: " + "(" * 200, "To: " + '"' * 201, "From: " + "<" * 200, "Cc: " + "a:b;" * 50,
           "Subject: " + "=?utf-8?q?" * 20, "Subject: " + "\\" * 200, "Bcc: " + ",;" * 100,
           "Reply-To: " + "(\\(" * 66, "X: \r\n \r\n \r\n", "Sender: " + "a@[" * 66, ": " * 60,
           "To: " + ". " * 100, "In-Reply-To: " + "<" * 100, "Date: " + "\t\r\n " * 50)


def _words(rng, count):
    return " ".join(rng.choice(WORDS) for _ in range(count))


def _filler(rng):
    """Fields that an ENVELOPE does not need, as real mail has most of them."""
    kind = rng.randrange(3)
    if kind == 0:
        host = rng.choice(WORDS)
        return (f"Received: from {host}.example.org ({host}.example.org [198.51.100.{rng.randrange(250)}])\r\n"
                f"\tby {rng.choice(WORDS)}.example.net with ESMTPS id {rng.getrandbits(40):010x}\r\n"
                f"\t(version=TLS1_3); Mon, 02 Mar 2026 09:{rng.randrange(60):02}:00 +0000\r\n")
    if kind == 1:
        return ("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=sel;\r\n\tb="
                + "\r\n\t ".join(f"{rng.getrandbits(256):064x}" for _ in range(5)) + "\r\n")
    return f"X-{rng.choice(WORDS).title()}-Info: {_words(rng, 8)}\r\n"


def _octets(rng, lines, width=48):
    """A signature in base64, folded."""
    return "\r\n\t".join(base64.b64encode(rng.randbytes(width)).decode() for _ in range(lines))


def _trace(rng):
    """One field that a server on the way adds."""
    host, minute = rng.choice(WORDS), rng.randrange(60)
    received = (f"from {host}.example.org ({host}.example.org [198.51.100.{rng.randrange(250)}])\r\n"
                f"\tby mx{rng.randrange(9)}.example.net (Postfix) with ESMTPS id {rng.getrandbits(40):010X}\r\n"
                f"\tfor <user@example.net>; Mon, 02 Mar 2026 09:{minute:02}:00 +0000 (UTC)\r\n")
    signature = (f"v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;\r\n\ts=sel; t=17724{minute:05};\r\n"
                 f"\th=From:To:Subject:Date:Message-ID;\r\n\tbh={_octets(rng, 1, 32)};\r\n"
                 f"\tb={_octets(rng, 6)}\r\n")
    return rng.choice((
        f"Received: {received}", f"Received: {received}", f"DKIM-Signature: {signature}",
        f"ARC-Seal: i=1; a=rsa-sha256; d=example.net; s=arc; cv=none;\r\n\tb={_octets(rng, 6)}\r\n",
        f"ARC-Message-Signature: i=1; {signature}",
        f"ARC-Authentication-Results: i=1; mx.example.net;\r\n\tdkim=pass header.d=example.org;\r\n"
        f"\tspf=pass smtp.mailfrom={host}@example.org; dmarc=pass\r\n"))


def _mail(rng):
    """With TOP and one more Received: 34 lines, 1.7 KB."""
    own = ("Subject: =?utf-8?Q?The_minutes_of_Thursday=E2=80=99s?=\r\n"
           f" =?utf-8?Q?_caf=C3=A9?= {_words(rng, 3)}\r\n"
           f"Cc: {rng.choice(WORDS)}: {WORDS[0]} <{WORDS[0]}@example.net>, {WORDS[1]}@example.net;,\r\n"
           "\t=?iso-8859-1?Q?J=FCrgen?= <juergen@example.net>\r\n")
    rest = (f"In-Reply-To: <{rng.getrandbits(48):x}@example.net>\r\n"
            f"References: <{rng.getrandbits(48):x}@example.net>\r\n\t<{rng.getrandbits(48):x}@example.net>\r\n"
            "Received: from client.example.org (unknown [203.0.113.9])\r\n"
            f"\tby mx.example.org (Postfix) with ESMTPSA id {rng.getrandbits(40):010X}\r\n"
            "\tfor <user@example.net>; Mon, 02 Mar 2026 10:00:00 +0100 (CET)\r\n"
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;\r\n"
            f"\ts=sel; h=From:To:Subject:Date;\r\n\tbh={_octets(rng, 1, 32)};\r\n\tb={_octets(rng, 4)}\r\n"
            "User-Agent: Mozilla Thunderbird\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\nContent-Language: en\r\n"
            f"List-Id: <{rng.choice(WORDS)}.example.org>\r\nX-Mailer-Info: {_words(rng, 5)}\r\n"
            f"X-Spam-Status: No, score=-2.{rng.randrange(10)}\r\n")
    return own, Pieces([rest], _trace)


class Pieces:
    """What comes next, and when that is used up, more of the same kind."""

    def __init__(self, first, more):
        self.first, self.more = first, more

    def __call__(self, rng):
        return self.first.pop(0) if self.first else self.more(rng)


def _plain(rng):
    return f"Subject: {_words(rng, 6)}\r\n", _filler


def _folded(rng):
    subject = "\r\n ".join(_words(rng, 2) for _ in range(8))
    people = ",\r\n\t".join(f"{_words(rng, 2).title()}\r\n <p{i}@example.net>" for i in range(5))
    return f"Subject: {subject}\r\nCc: {people}\r\n", lambda rng: "X-Long: " + "\r\n ".join(
        _words(rng, 3) for _ in range(15)) + "\r\n"


def _encoded(rng):
    subject = "\r\n ".join("=?utf-8?B?R3LDvMOfZSBhdXMgS8O2bG4gdW5kIFrDvHJpY2g=?=" for _ in range(6))
    people = ", ".join(f"=?iso-8859-1?Q?J=FCrgen_{i}?= <p{i}@example.net>" for i in range(5))
    return f"Subject: {subject}\r\nCc: {people}\r\n", _filler


def _groups(rng):
    people = ",\r\n ".join(
        f"{rng.choice(WORDS)} {i}: " + ", ".join(f"{w} <{w}{i}@example.net>" for w in WORDS[:4]) + ";"
        for i in range(2))
    return f"Subject: {_words(rng, 4)}\r\nCc: {people}\r\n", _filler


def _addresses(rng):
    """Nearly as many as an ENVELOPE of ours may have."""
    people = ",\r\n ".join(f"{_words(rng, 2).title()} <p{i}@example.net>" for i in range(60))
    return f"Subject: {_words(rng, 4)}\r\nTo: {people}\r\n", _filler


def _recipients(rng):
    """As many as fit; from 100 on there is no ENVELOPE of ours."""
    return "To: x@example.net", lambda rng: f",\r\n {rng.choice(WORDS)} <p{rng.randrange(10**6)}@example.net>"


def _hostile(rng):
    return "", lambda rng: rng.choice(HOSTILE) + "\r\n"


SHAPES = {"mail": _mail, "plain": _plain, "folded": _folded, "encoded": _encoded, "groups": _groups,
          "addresses": _addresses, "recipients": _recipients, "hostile": _hostile}
GOOD = ("mail", "plain", "folded", "encoded", "groups", "addresses")    # an ENVELOPE comes of each
GOAL = "mail"                                                           # what G13 is judged by


def block(shape, size, seed):
    """One header block of at most `size` octets, and not much less where the shape allows it; the
    smallest has what its shape needs and nothing else."""
    rng = random.Random(f"{shape} {size} {seed}")
    own, more = SHAPES[shape](rng)
    text = TOP.format(n=seed, m=rng.randrange(60), name=_words(rng, 2).title(), local=rng.choice(WORDS))
    text += own
    while len(text) + len(piece := more(rng)) + 4 <= size:
        text += piece
    return (text + ("" if text.endswith("\r\n") else "\r\n") + "\r\n").encode()


def blocks(shape, size, count=20):
    return [block(shape, size, seed) for seed in range(count)]


def write(path, blocks):
    """As tests/bench/headers/headers.h reads them."""
    with open(path, "wb") as f:
        for one in blocks:
            f.write(len(one).to_bytes(4, "big") + one)
