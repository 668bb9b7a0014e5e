"""Local https: a certificate authority of this machine's own and a certificate for the issuer's host.

For development. The authority's key stays beside the database, readable by its owner; who trusts the authority trusts
whoever holds that key.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker.config.model import Config
from broker.core.errors import ConfigError

_AUTHORITY_DAYS = 3650
_LEAF_DAYS = 390  # browsers refuse more than 398
_RENEW_DAYS = 30


@dataclass(frozen=True, slots=True)
class DevTls:
    """Paths of the certificate chain and key to serve with, and what to tell the developer."""

    certificate: Path
    key: Path
    authority: Path

    @property
    def how_to_trust(self) -> str:
        """How browsers and tools come to believe the certificate."""
        return (
            f"https with a certificate of this machine's own authority: {self.authority}\n"
            f"  Debian, Ubuntu:  sudo cp {self.authority} /usr/local/share/ca-certificates/broker-dev.crt"
            " && sudo update-ca-certificates\n"
            f"  Chromium:        certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n broker-dev -i {self.authority}\n"
            "  Firefox:         Settings, Certificates, Authorities, Import\n"
            f"  curl, Python:    curl --cacert {self.authority} ..., SSL_CERT_FILE={self.authority}"
        )


def make_certificate(config: Config, *, now: datetime | None = None) -> DevTls:
    """A certificate for the issuer's host and this machine's names, made or renewed when needed; raises ConfigError."""
    issuer = urlsplit(config.issuer)
    if issuer.scheme != "https":
        raise ConfigError(["issuer: with --dev-tls the issuer begins with https://, or nobody would come this way"])
    database = config.storage.sqlite.path
    folder = Path("dev-tls" if database == ":memory:" else Path(database).parent / "dev-tls").absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = DevTls(folder / "leaf.pem", folder / "leaf.key", folder / "authority.pem")
    names = sorted({issuer.hostname or "localhost", "localhost", "127.0.0.1", "::1"})
    moment = now or datetime.now(UTC)
    if not _is_good(made, names, moment):
        authority, key = _authority(made.authority, folder / "authority.key", moment)
        _make_leaf(made, authority, key, names, moment)
    return made


def _authority(path: Path, key_path: Path, now: datetime) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    if path.exists() and key_path.exists():
        certificate, key = x509.load_pem_x509_certificate(path.read_bytes()), _load_key(key_path)
        if certificate.not_valid_after_utc > now + timedelta(days=_LEAF_DAYS):
            return certificate, key
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Identity broker, development authority")])
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    builder = _builder(name, name, key, now, _AUTHORITY_DAYS).add_extension(constraints, critical=True)
    certificate = builder.add_extension(_usage(signs_certificates=True), critical=True).sign(key, SHA256())
    _write(key_path, _pem(key))
    _write(path, certificate.public_bytes(Encoding.PEM), mode=0o644)
    return certificate, key


def _make_leaf(
    made: DevTls, authority: x509.Certificate, authority_key: EllipticCurvePrivateKey, names: list[str], now: datetime
) -> None:
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[-1])])
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    builder = _builder(subject, authority.subject, key, now, _LEAF_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(alternatives, critical=False)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    certificate = builder.sign(authority_key, SHA256())
    _write(made.key, _pem(key))
    chain = certificate.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM)
    _write(made.certificate, chain, mode=0o644)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _is_good(made: DevTls, names: list[str], now: datetime) -> bool:
    if not all(path.exists() for path in (made.certificate, made.key, made.authority)):
        return False
    leaf = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    wanted = x509.SubjectAlternativeName([_general_name(name) for name in names])
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found == wanted and leaf.not_valid_after_utc > now + timedelta(days=_RENEW_DAYS)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _load_key(path: Path) -> EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ConfigError([f"{path}: is not a key of ours; remove the directory to begin anew"])
    return key


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
