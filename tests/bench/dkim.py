"""opendkim as a peer: a milter that verifies one RSA-2048 signature; its key is in a file, no DNS is asked."""

import base64
import hashlib
import os
import re
import shutil
import subprocess

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lab.process import Process, accepts
from lab.wait import until

SIGNED = ("from", "to", "subject", "date", "message-id")


class Dkim:
    def __init__(self, bench, folder):
        self.bench, self.dir = bench, folder
        self.key = rsa.generate_private_key(65537, 2048)
        self.process = None

    @property
    def running(self):
        return self.process is not None

    def __enter__(self):
        program = self.bench.peer("opendkim")
        if program is None:
            return self
        os.makedirs(self.dir)
        shutil.chown(self.dir, "opendkim")
        public = base64.b64encode(self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()
        with open(f"{self.dir}/keys", "w", encoding="ascii") as out:
            out.write(f"bench._domainkey.example.org v=DKIM1; k=rsa; p={public}\n")
        with open(f"{self.dir}/conf", "w", encoding="ascii") as out:
            out.write(f"Mode v\nSocket local:{self.dir}/socket\nTestPublicKeys {self.dir}/keys\nUMask 000\n"
                      "UserID opendkim\nBackground no\nSyslog no\n")
        process = Process("opendkim", [program, "-f", "-x", f"{self.dir}/conf"], f"{self.dir}/log")
        process.start()
        self.process = process
        until(lambda: accepts(f"{self.dir}/socket"), 20, "opendkim listens")
        return self

    def __exit__(self, *_):
        if self.running:
            self.process.stop()

    def sign(self, path):
        """A signed copy (RFC 6376, relaxed/simple) of a message in a file with LF: its path."""
        with open(path, encoding="utf-8") as file:
            head, _, body = file.read().partition("\n\n")
        digest = hashlib.sha256(body.replace("\n", "\r\n").encode()).digest()
        unsigned = ("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.org; s=bench; "
                    f"h={':'.join(SIGNED)}; bh={base64.b64encode(digest).decode()}; b=")
        fields = {name.lower(): f"{name.lower()}:{value}" for name, value in
                  (field.split(":", 1) for field in re.split(r"\n(?![ \t])", head))}
        text = "\r\n".join(_relaxed(field) for field in [*(fields[name] for name in SIGNED), unsigned])
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        with open(f"{path}.signed", "w", encoding="utf-8") as out:
            out.write(f"{unsigned}{base64.b64encode(signature).decode()}\n{head}\n\n{body}")
        self._check(f"{path}.signed")
        return f"{path}.signed"

    def _check(self, path):
        """opendkim finds the signature good: else it would be measured at less than its work."""
        if not self.running:
            return
        with open(path, encoding="utf-8") as signed, open(f"{path}.crlf", "w", encoding="utf-8",
                                                          newline="\r\n") as out:
            out.write(signed.read())
        done = subprocess.run([self.process.argv[0], "-x", f"{self.dir}/conf", "-t", f"{path}.crlf", "-v"],
                              capture_output=True, text=True, check=False)
        assert "succeeded" in done.stdout, done


def _relaxed(field):
    name, value = re.sub(r"\s+", " ", field).split(":", 1)
    return f"{name.strip().lower()}:{value.strip()}"
