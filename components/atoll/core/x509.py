"""Certificates: one authority, leafs under it, keys; all of it from `cryptography`.

Keys are EC P-256; only a service account's key is RSA, since Kubernetes signs tokens with RS256.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=365)
_BACKDATE = timedelta(minutes=5)
"""Certificates begin a little in the past, so that clocks that differ slightly agree on them."""


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


def authority(common_name: str) -> Pair:
    """A new self-signed certificate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    usage = _usage(sign_certificates=True)
    certificate = (
        _builder(name, name, key.public_key(), AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), _private(key))


def leaf(issuer: Pair, subject: Subject) -> Pair:
    """A new certificate under the authority, with a new key."""
    parent = x509.load_pem_x509_certificate(issuer.certificate)
    signer = cast("ec.EllipticCurvePrivateKey", serialization.load_pem_private_key(issuer.key, None))
    key = ec.generate_private_key(ec.SECP256R1())
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([ExtendedKeyUsageOID.SERVER_AUTH] if subject.hosts else [])
    builder = (
        _builder(_name(subject), parent.subject, key.public_key(), LEAF_LIFE)
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
    certificate = builder.sign(signer, hashes.SHA256())
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
    left = certificate.not_valid_after_utc - (now or datetime.now(UTC))
    return (
        certificate.subject == _name(subject)
        and _hosts(certificate) == set(subject.hosts)
        and left > LEAF_LIFE / 3
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


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + life)
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
