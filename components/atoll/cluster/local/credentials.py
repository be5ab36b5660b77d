"""The keys and certificates of one local cluster, kept on disk: what is there and fits is taken up."""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from atoll.cluster.local.programs import ENCRYPTION
from atoll.cluster.local.seat import Seat
from atoll.core import files, x509
from atoll.core.x509 import Pair, Subject
from atoll.kubernetes import Kubeconfig

_KEY_BYTES = 32


def ensure(seat: Seat, subjects: Mapping[str, Subject], encrypted: tuple[str, ...]) -> str:
    """Makes what is missing or near its end in the seat's `pki` folder; returns what tells this set from others.

    Each subject gets a certificate; one with no hosts gets a kubeconfig too. `encrypted` names the resources
    (`secrets`, `works.work.karmada.io`) that the API server encrypts at rest.
    """
    folder = files.folder(seat.folder / "pki")
    issuer = _authority(folder, seat.name)
    old = outdated(folder, subjects)
    for name, subject in subjects.items():
        pair = _leaf(folder, name, subject, issuer) if name in old else _pair(folder, name)
        if not subject.hosts:
            files.write(folder / f"{name}.kubeconfig", kubeconfig(seat, pair, issuer).text())
    key = folder / "service-account.key"
    if not key.exists():
        files.write(key, x509.service_account_key())
    files.write(folder / "service-account.pub", x509.public_key(key.read_bytes()))
    if not (folder / ENCRYPTION).exists():
        files.write(folder / ENCRYPTION, encryption(encrypted, secrets.token_bytes(_KEY_BYTES)))
    return _digest(_pair(folder, name).certificate for name in ("ca", *subjects))


def outdated(folder: Path, subjects: Mapping[str, Subject]) -> list[str]:
    """The certificates in a `pki` folder that are missing, near their end, or another subject's or authority's."""
    issuer = _pair(folder, "ca")
    return [name for name, subject in subjects.items() if not _fits(folder, name, subject, issuer)]


def kubeconfig(seat: Seat, pair: Pair, issuer: Pair) -> Kubeconfig:
    """How the holder of a certificate reaches the seat's API server."""
    return Kubeconfig(seat.server, issuer.certificate, pair.certificate, pair.key, name=seat.name)


def admin(seat: Seat) -> Kubeconfig:
    """How its owner reaches the seat's API server."""
    return Kubeconfig.read(Path(seat.pki("admin.kubeconfig")).read_text())


def encryption(resources: tuple[str, ...], key: bytes) -> str:
    """The API server's encryption configuration: secretbox first, plain text readable.

    Source: https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data
    """
    box = {"secretbox": {"keys": [{"name": "key1", "secret": base64.b64encode(key).decode()}]}}
    return yaml.safe_dump(
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{"resources": list(resources), "providers": [box, {"identity": {}}]}],
        }
    )


def _authority(folder: Path, name: str) -> Pair:
    certificate, key = folder / "ca.crt", folder / "ca.key"
    if not certificate.exists():
        made = x509.authority(f"{name}-ca")
        files.write(key, made.key)
        # The certificate comes last: where it is, the key is too.
        files.write(certificate, made.certificate)
    return _pair(folder, "ca")


def _leaf(folder: Path, name: str, subject: Subject, issuer: Pair) -> Pair:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    files.folder(certificate.parent)
    pair = x509.leaf(issuer, subject)
    # A certificate never lies beside a key that is not its own.
    certificate.unlink(missing_ok=True)
    files.write(key, pair.key)
    files.write(certificate, pair.certificate)
    return pair


def _fits(folder: Path, name: str, subject: Subject, issuer: Pair) -> bool:
    try:
        return x509.fits(_pair(folder, name), issuer, subject)
    except FileNotFoundError:
        return False


def _digest(certificates: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(certificates)).hexdigest()[:12]


def _pair(folder: Path, name: str) -> Pair:
    return Pair((folder / f"{name}.crt").read_bytes(), (folder / f"{name}.key").read_bytes())
