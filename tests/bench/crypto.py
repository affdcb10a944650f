"""Encryption: ours against textbook EVP code and against the floor of P-256 (G1, G2)."""

import os
import statistics
import subprocess

from bench import measure
from lab import webpush
from cryptography.hazmat.primitives.asymmetric import ec

CHECKED = 100           # bodies of each that are decrypted before anything is timed
ROUNDS, SLICE_MS = 15, 200

# RFC 8291, appendix A: the receiver's private key, its authentication secret, the body.
VECTOR = (
    "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", "BTBZMqHH6r4Tts7J_aSIgg",
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w"
    "EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")


def check_receiver():
    """The receiver that judges the others reads the RFC's own message."""
    key, auth, body = (webpush.unb64(text) for text in VECTOR)
    private = ec.derive_private_key(int.from_bytes(key, "big"), ec.SECP256R1())
    assert webpush.decrypt(private, auth, body) == (b"When I grow up, I want to be a watermelon", 0)


def check_sender(tool, variant):
    """What is timed can be read, and no two bodies are alike."""
    private, auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    out = subprocess.run(
        [tool, "make", variant, str(CHECKED), webpush.public_octets(private).hex(), auth.hex()],
        capture_output=True, text=True, check=True).stdout.split()
    plain = bytes(ord("a") + i % 26 for i in range(600))
    assert len(set(out)) == CHECKED
    assert all(webpush.decrypt(private, auth, bytes.fromhex(body)) == (plain, 0) for body in out)


def rounds(tool):
    """One dictionary a round: variant -> us per call."""
    out = subprocess.run([*measure.pinned(1), tool, "run", str(ROUNDS), str(SLICE_MS)],
                         capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        words = line.split()
        yield {name: float(ns) / 1000 for name, ns in zip(words[::2], words[1::2])}


def run(bench):
    tool = bench.tool("crypto")
    bench.progress("checking against another receiver")
    check_receiver()
    for variant in ("ours", "textbook"):
        check_sender(tool, variant)
    bench.progress("encrypting")
    each = list(rounds(tool))
    us = {name: statistics.median(r[name] for r in each) for name in each[0]}
    for id, base in (("G1", "textbook"), ("G2", "floor")):
        bench.goal(id, ours=us["ours"], base=us[base], rounds=[r[base] / r["ours"] for r in each], unit="us")
    bench.figure("encryptions a second and core", 1e6 / us["ours"])
