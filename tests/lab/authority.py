"""The tests' own certificate authority, and server certificates for 127.0.0.1."""

import datetime
import ipaddress
import os
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


class Authority:
    """Lives in a folder: ca.pem is what clients have to trust."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("mailbell tests")
        self.path = os.path.join(folder, "ca.pem")
        self._write(self.path, self._sign(self.name, self.key.public_key(), [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True),
            (x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)]))

    def stranger(self):
        """Another authority, which no client knows."""
        folder = os.path.join(self.folder, "stranger")
        os.makedirs(folder, exist_ok=True)
        return Authority(folder)

    def issue(self, label, hosts=("127.0.0.1", "localhost"), days=(-30, 10000)):
        """A certificate for these addresses and names: the paths of chain and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
        certificate = self._sign(_name(label), key.public_key(), [
            (x509.BasicConstraints(ca=False, path_length=None), True), (names, False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)], days)
        chain = os.path.join(self.folder, f"{label}.pem")
        secret = os.path.join(self.folder, f"{label}.key")
        self._write(chain, certificate)
        self._write(secret, _pem(key), 0o600)
        return chain, secret

    def context(self, label, protocols, **issue):
        """A server's TLS context that offers these protocols (ALPN)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(label, **issue))
        context.set_alpn_protocols(list(protocols))
        return context

    def _sign(self, subject, public, extensions, days=(-30, 10000)):
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        day = datetime.timedelta(days=1)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
                   .public_key(public).serial_number(x509.random_serial_number())
                   .not_valid_before(now + days[0] * day).not_valid_after(now + days[1] * day))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    @staticmethod
    def _write(path, data, mode=0o644):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
            out.write(data)
