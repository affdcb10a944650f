"""What the benchmarks are held against: the one place where numbers stand that nobody measured."""

import collections

Goal = collections.namedtuple("Goal", "id words must dream unit better")


def _more(id, words, must, dream, unit="x"):
    return Goal(id, words, must, dream, unit, "more")


def _less(id, words, must, dream, unit):
    return Goal(id, words, must, dream, unit, "less")


GOALS = {goal.id: goal for goal in (
    _more("G1", "encryption / textbook EVP code", 2.4, 8),
    _more("G2", "encryption / scalar floor of two multiplications", 0.85, 2.7),
    _more("G4", "encryption and VAPID / npm web-push generateRequestDetails", 10, 35),
    _more("G7", "whole push, outbox included / npm web-push sendNotification, per core", 6, 15),
    _more("G9a", "Postfix to an LMTP sink: through the proxy / direct", 0.95, 0.99),
    _more("G9b", "Postfix to Dovecot: through the proxy / direct", 0.97, 1.00),
    _more("G9c", "Postfix inject rate: with the milter / without", 0.62, 0.80),
    _more("G9c-opendkim", "Postfix inject rate: with the milter / with opendkim", 1.6, 2),
    _less("G11-proxy", "added wall time of one message in one session: proxy", 0.4, 0.15, "ms"),
    _less("G11-milter", "added wall time of one message in one session: milter", 1.4, 0.5, "ms"),
    _more("G12", "mail rate: 10 pushes a message, push on the same cores / none", 0.80, 0.93),
    _more("G13", "ENVELOPE / GMime 3, same corpus", 20, 30),
    _less("G13-linear", "ENVELOPE: cost per octet at 64 KiB / at 4 KiB", 1.5, 1.1, "x"),
    _less("G14", "arrival for an account without subscriptions, 1,000,000 accounts", 15, 5, "us"),
    _less("G15-resets", "RST_STREAM per 10,000 good pushes", 0, 0, ""),
    _less("G15-reconnects", "reconnects per 10,000 good pushes", 1, 0, ""),
    _less("G15-failures", "failures per 10,000 good pushes", 0, 0, ""),
    _more("G16-dead", "mail rate: push service dead / alive", 0.98, 1.00),
    _more("G16-stalled", "mail rate: push service stalled / alive", 0.98, 1.00),
    _less("G17-idle", "resident memory of the idle daemon, 100,000 subscriptions", 32, 16, "MB"),
    _less("G17-load", "resident memory of the daemon under load, 100,000 subscriptions", 64, 32, "MB"),
    _less("G17-proxy", "resident memory of the proxy, 100 sessions, nothing held", 24, 12, "MB"),
    _less("G18-lookup", "cost per lookup: 1,000,000 subscriptions / 10,000", 1.5, 1.1, "x"),
    _less("G18-push", "cost per push: 1,000,000 subscriptions / 10,000", 1.5, 1.1, "x"),
    _less("holes-p95", "wait of ten living push services beside 10,000 dead, 95th percentile", 5, 1, "s"),
    _less("holes-descriptors", "most descriptors of the daemon beside 10,000 dead", 128, 64, ""),
)}


def reaches(goal, value, mark):
    return value >= mark if goal.better == "more" else value <= mark


def verdict(goal, value):
    """ "dream", "must" or "short by ..." """
    for name, mark in (("dream", goal.dream), ("must", goal.must)):
        if reaches(goal, value, mark):
            return name
    return f"short by {abs(goal.must - value):.2g}{goal.unit if goal.unit != 'x' else ''}"
