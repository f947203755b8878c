"""Passwords, keys and certificates of a deployment: drawn once, stored in its folder, never shown.

The certificates are for connections between the machines (PostgreSQL, etcd, Patroni, HAProxy), by
an authority that signs nothing else. Citizens see the city's own certificate.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guahao.deploy.answers import Answers, AnswersError

PASSWORDS = (
    "secret_key",
    "owner_password",
    "login_password",
    "backup_password",
    "superuser_password",
    "replication_password",
    "rewind_password",
    "patroni_password",
    "haproxy_password",
)
_SCRAM_ITERATIONS = 4096
_AUTHORITY_DAYS = 20 * 365
_CERTIFICATE_DAYS = 5 * 365
_RENEWED_BEFORE_DAYS = 365


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its key, in PEM."""

    certificate: str
    key: str


class Credentials(Protocol):
    """The source of a deployment's secrets."""

    def password(self, name: str) -> str:
        """Return a secret by its name."""

    def verifier(self, name: str) -> str:
        """Return the verifier that PostgreSQL stores for a password."""

    @property
    def authority(self) -> str:
        """Return the certificate of the authority."""

    def pair(self, machine: str) -> KeyPair:
        """Return a machine's certificate."""


class StoredCredentials:
    """Secrets in files of a folder that only its owner can read."""

    def __init__(
        self, passwords: dict[str, str], authority: str, pairs: dict[str, KeyPair]
    ) -> None:
        self._passwords = passwords
        self.authority = authority
        self._pairs = pairs

    def password(self, name: str) -> str:
        return self._passwords[name]

    def verifier(self, name: str) -> str:
        # The salt is derived from the password, so that a second run writes the same file.
        password = self._passwords[name]
        salt = hashlib.sha256(f"salt of {name}: {password}".encode()).digest()[:16]
        return scram_verifier(password, salt)

    def pair(self, machine: str) -> KeyPair:
        return self._pairs[machine]


def scram_verifier(password: str, salt: bytes) -> str:
    """Return the SCRAM verifier of a password (RFC 5803)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_, stored_, server_ = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{salt_}${stored_}:{server_}"


def load(files: dict[str, str]) -> dict[str, str]:
    """Read the passwords of a folder's `secrets.toml`, and draw the missing ones."""
    try:
        found = tomllib.loads(files.get("secrets.toml", ""))
    except tomllib.TOMLDecodeError as error:
        raise AnswersError(f"secrets.toml cannot be read; restore it: {error}") from error
    return {name: str(found.get(name) or secrets.token_hex(32)) for name in PASSWORDS}


def credentials_of(
    answers: Answers, files: dict[str, str], now: datetime
) -> tuple[StoredCredentials, dict[str, str]]:
    """Return the credentials of a folder of secrets, and the files to write into it.

    Existing secrets are kept; a machine's certificate is renewed if its address changed or if
    less than a year is left.
    """
    passwords = load(files)
    wanted = {"secrets.toml": _secrets_file(passwords)}
    if not answers.is_cluster:
        return StoredCredentials(passwords, "", {}), wanted
    if "ca.key" in files and "ca.crt" in files:
        authority = KeyPair(files["ca.crt"], files["ca.key"])
    else:
        authority = _new_authority(answers, now)
    wanted |= {"ca.crt": authority.certificate, "ca.key": authority.key}
    pairs = {}
    for name, machine in answers.machines.items():
        certificate, key = f"{name}.crt", f"{name}.key"
        if certificate in files and key in files:
            pair = KeyPair(files[certificate], files[key])
        else:
            pair = None
        if pair is None or not _holds(pair, authority, machine.address, now):
            pair = _issue(authority, name, machine.address, now)
        pairs[name] = pair
        wanted |= {certificate: pair.certificate, key: pair.key}
    return StoredCredentials(passwords, authority.certificate, pairs), wanted


def read_folder(folder: Path) -> dict[str, str]:
    """Return the text of each file in a folder of secrets."""
    if not folder.is_dir():
        return {}
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def _secrets_file(passwords: dict[str, str]) -> str:
    lines = [f'{name} = "{password}"\n' for name, password in passwords.items()]
    return (
        "# Who has this file has the city's data. Keep a copy where the backups are not.\n"
        + "".join(lines)
    )


def _new_authority(answers: Answers, now: datetime) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"guahao {answers.public_host}"[:64])
    usage = x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate, key)


def _issue(authority: KeyPair, name: str, address: str, now: datetime) -> KeyPair:
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    signer = serialization.load_pem_private_key(authority.key.encode(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName(name), x509.DNSName("localhost")]
    addresses = [x509.IPAddress(ip_address(text)) for text in dict.fromkeys((address, "127.0.0.1"))]
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    return _pem(certificate, key)


def _holds(pair: KeyPair, authority: KeyPair, address: str, now: datetime) -> bool:
    """Return whether a certificate is by our authority, for this address and another year."""
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
        issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
        certificate.verify_directly_issued_by(issuer)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - any faulty certificate is renewed
        return False
    left = certificate.not_valid_after_utc - now.astimezone(UTC)
    return left > timedelta(days=_RENEWED_BEFORE_DAYS) and ip_address(
        address
    ) in names.get_values_for_type(x509.IPAddress)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return KeyPair(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        text.decode(),
    )
