"""Certificates: one authority, leafs under it, keys; all of it from `cryptography`.

Keys are EC P-256; only a service account's key is RSA, since Kubernetes signs tokens with RS256. A leaf may be of such a
key: Karmada's chart has one for both.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from atoll.core import lifetimes

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=365)
_BACKDATE = timedelta(days=7)
"""Certificates begin in the past: what a clock that was days ahead made is valid still when it is set right."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True)
class Subject:
    """Whom a leaf speaks for: `organizations` become Kubernetes groups; `hosts` are DNS names or addresses.

    A subject with hosts may serve; every subject may be a client.
    """

    common_name: str
    organizations: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Validity:
    """From when until when a certificate is valid."""

    begin: datetime
    end: datetime

    @classmethod
    def of(cls, certificate: bytes) -> "Validity":
        """That of a certificate, PEM.

        Raises:
            ValueError: it is no certificate.
        """
        read = x509.load_pem_x509_certificate(certificate)
        return cls(read.not_valid_before_utc, read.not_valid_after_utc)

    def near_end(self, now: datetime) -> bool:
        """Whether less than a third of it is left."""
        return lifetimes.near_end(self.end, self.end - self.begin, now)


def authority(common_name: str, *, now: datetime | None = None) -> Pair:
    """A new self-signed certificate authority."""
    return _self_signed(common_name, ec.generate_private_key(ec.SECP256R1()), now)


def renewed(issuer: Pair, *, now: datetime | None = None) -> Pair:
    """The same authority with its name and key, and a life of its own from now on.

    What it signed stays valid under both, and whoever still trusts only the old one believes what the new one signs.
    """
    (name,) = x509.load_pem_x509_certificate(issuer.certificate).subject.get_attributes_for_oid(
        NameOID.COMMON_NAME
    )
    return _self_signed(str(name.value), _signer(issuer), now)


def _self_signed(common_name: str, key: ec.EllipticCurvePrivateKey, now: datetime | None) -> Pair:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    usage = _usage(sign_certificates=True)
    certificate = (
        _builder(name, name, key.public_key(), _life(AUTHORITY_LIFE, now))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), _private(key))


def leaf(issuer: Pair, subject: Subject, *, now: datetime | None = None, key_pem: bytes = b"") -> Pair:
    """A new certificate under the authority, with a new key unless there is one, PEM (EC or RSA)."""
    parent = x509.load_pem_x509_certificate(issuer.certificate)
    key = _key(key_pem) if key_pem else ec.generate_private_key(ec.SECP256R1())
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([ExtendedKeyUsageOID.SERVER_AUTH] if subject.hosts else [])
    builder = (
        _builder(_name(subject), parent.subject, key.public_key(), _life(LEAF_LIFE, now))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(parent.public_key()),  # type: ignore[arg-type] # what a CA of ours has is EC
            critical=False,
        )
    )
    if subject.hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_host(host) for host in subject.hosts]), critical=False
        )
    certificate = builder.sign(_signer(issuer), hashes.SHA256())
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), _private(key))


def service_account_key() -> bytes:
    """A new RSA key that signs service account tokens, PEM."""
    return _private(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def public_key(private: bytes) -> bytes:
    """The public half of a private key, PEM."""
    key = serialization.load_pem_private_key(private, None)
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def fits(pair: Pair, issuer: Pair, subject: Subject, now: datetime | None = None) -> bool:
    """Whether a leaf was made by this authority for this subject and more than a third of its life is left."""
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    parent = x509.load_pem_x509_certificate(issuer.certificate)
    try:
        certificate.verify_directly_issued_by(parent)
    except Exception:  # noqa: BLE001 - whatever the reason, it is not this authority's
        return False
    key = serialization.load_pem_private_key(pair.key, None)
    return (
        certificate.public_key() == key.public_key()
        and certificate.subject == _name(subject)
        and _hosts(certificate) == set(subject.hosts)
        and not Validity.of(pair.certificate).near_end(now or datetime.now(UTC))
    )


def _hosts(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def _name(subject: Subject) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in subject.organizations]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    return cast(
        "ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey", serialization.load_pem_private_key(pem, None)
    )


def _signer(issuer: Pair) -> ec.EllipticCurvePrivateKey:
    return cast("ec.EllipticCurvePrivateKey", serialization.load_pem_private_key(issuer.key, None))


def _life(length: timedelta, now: datetime | None) -> Validity:
    begin = now or datetime.now(UTC)
    return Validity(begin - _BACKDATE, begin + length)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    life: Validity,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(life.begin)
        .not_valid_after(life.end)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
