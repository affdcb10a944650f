"""Both sides of a comparison, on one laboratory: what each says and stores, and what must be equal.

Masked are, and nothing else:
  in replies      the session id of `250 2.0.0 <user> SESSION[:Rn][:Tn] Saved` and n of :Tn, for which some
                  Dovecots count RSET as well
  in mailboxes    the same of the Received field that Dovecot itself puts on top, and its date
Where mail travels through a tee behind the proxy, its octets are compared with what was sent.
"""

import os
import re

from . import by_design, messages
from .front import Front

SESSION = rb"[A-Za-z0-9+/]{22}"
SAVED = re.compile(rb"\A(2\d\d [^\r\n]*> )" + SESSION + rb"((?::[RT]\d+)* Saved\r\n)\Z")
RECEIVED = re.compile(rb"\A((?:Return-Path: [^\n]*\n)?(?:Delivered-To: [^\n]*\n)?Received: from [^\n]*\n"
                      rb"\tby [^\n]* with LMTP\n\tid )" + SESSION
                      + rb"((?::[RT]\d+)*\n(?:\t[^\n;]*\n)*\t[^\n]*; )[^\n;]*\n")


TRANSACTION = re.compile(rb":T\d+")


def masked_reply(reply):
    return SAVED.sub(lambda found: found[1] + b"SESSION" + TRANSACTION.sub(b"", found[2]), reply)


def masked_mail(mail):
    text, count = RECEIVED.subn(
        lambda found: found[1] + b"SESSION" + TRANSACTION.sub(b"", found[2]) + b"DATE\n", mail, count=1)
    assert count == 1, f"no Received of Dovecot's on top: {mail[:300]!r}"
    return text


class Mailboxes:
    def __init__(self, dovecot):
        self.dovecot = dovecot

    def _files(self, user):
        folder = f"{self.dovecot.home(user)}/Maildir/new"
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            return []
        return [f"{folder}/{name}" for name in sorted(names, key=_age)]

    def take(self, users):
        """The mails of each user, masked, in the order of their delivery; they are removed."""
        mails = {}
        for user in users:
            mails[user] = []
            for path in self._files(user):
                with open(path, "rb") as file:
                    mails[user].append(masked_mail(file.read()))
                os.unlink(path)
        return mails


def _age(name):
    """Maildir names are SECONDS.MmicrosecondsP...: neither is padded."""
    found = re.match(r"(\d+)\.M(\d+)", name)
    return int(found[1]), int(found[2])


class Both:
    def __init__(self, direct, proxied, mailboxes, tee):
        """direct, proxied: the sockets that a front connects to."""
        self.direct = direct
        self.proxied = proxied
        self.mailboxes = mailboxes
        self.tee = tee

    def compare(self, conversation):
        """One conversation with each side: asserts that nothing differs but by design.

        How many replies and mails were compared."""
        direct = Front(self.direct).speak(conversation)
        direct_mails = self.mailboxes.take(conversation.users)
        proxied = Front(self.proxied).speak(conversation)
        behind = self.tee.take()
        mails = self.mailboxes.take(conversation.users)
        if conversation.ambiguous:
            refused(direct, proxied, behind, mails)
        else:
            same_answers(direct, proxied)
            same_octets(conversation, proxied, behind)
            assert mails == direct_mails, _first_difference(direct_mails, mails)
        return len(proxied.replies), sum(map(len, mails.values()))


def same_answers(direct, proxied):
    assert proxied.greeting == direct.greeting
    for (unit, one), (_, other) in zip(direct.answers, proxied.answers):
        want = [masked_reply(by_design.expected(unit, reply)) for reply in one]
        got = [masked_reply(reply) for reply in other]
        assert got == want, f"to {unit.octets[:200]!r}: {got} through the proxy, {want} without it"
    assert len(proxied.answers) == len(direct.answers)
    assert (proxied.rest, proxied.ended) == (direct.rest, direct.ended)


def same_octets(conversation, proxied, behind):
    """Behind the proxy is what was sent to it, octet for octet."""
    units = [unit for unit, _ in proxied.answers]
    if conversation.end != "cut":
        want = by_design.relayed(units)
        assert behind == want, _first_octet(want, behind)
        return
    part = conversation.flights[-1].octets
    want = by_design.relayed(units) + part
    assert want.startswith(behind), _first_octet(want, behind)
    assert len(behind) >= len(want) - len(part)


def refused(direct, proxied, behind, mails):
    """An end of data that is ambiguous: 451, the end, no mail, and not one octet from its dot on."""
    *before, (message, replies) = proxied.answers
    same_answers_before(direct, before)
    assert replies == [by_design.NOT_CRLF] and proxied.rest == b"" and proxied.ended
    want = by_design.relayed([unit for unit, _ in before]) + messages.released(message.octets)
    assert want.startswith(behind), _first_octet(want, behind)
    assert not any(mails.values()), mails


def same_answers_before(direct, before):
    for (unit, one), (_, other) in zip(direct.answers, before):
        assert other == [by_design.expected(unit, reply) for reply in one], unit


def _first_octet(want, got):
    at = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b), min(len(want), len(got)))
    lo = max(at - 60, 0)
    return f"octet {at} of {len(want)}: sent {want[lo:at + 60]!r}, behind the proxy {got[lo:at + 60]!r}"


def _first_difference(direct, proxied):
    for user, want in direct.items():
        got = proxied[user]
        if len(got) != len(want):
            return f"{user} has {len(got)} mails through the proxy, {len(want)} without it"
        for one, other in zip(want, got):
            if one != other:
                return f"{user}: {_first_octet(one, other)}"
    return "other users"
