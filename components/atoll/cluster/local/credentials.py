"""The keys and certificates of one local cluster, kept on disk: what is there and fits is taken up."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from atoll.cluster.local.at_rest import Configuration, Key
from atoll.cluster.local.programs import ENCRYPTION
from atoll.cluster.local.seat import Seat
from atoll.core import files, x509
from atoll.core.errors import IntegrityError
from atoll.core.x509 import Pair, Subject
from atoll.host import certificates
from atoll.kubernetes import Kubeconfig

ADMIN = "admin"
LATE = "late"
"""A file that is written when certificates were renewed too late to be noticed in time: all is restarted then."""
NOTICED = timedelta(hours=1)
"""Servers notice a new certificate at once, clients within five minutes (client-go's transport/cert_rotation.go)."""
_KEY_BYTES = 32


def ensure(
    seat: Seat, subjects: Mapping[str, Subject], encrypted: tuple[str, ...], now: datetime | None = None
) -> None:
    """Makes what is missing or near its end in the seat's `pki` folder.

    Each subject gets a certificate; one with no hosts gets a kubeconfig too. `encrypted` names the resources
    (`secrets`, `works.work.karmada.io`) that the API server encrypts at rest.

    Raises:
        IntegrityError: the key that encrypts at rest cannot be read.
    """
    folder, now = files.folder(seat.folder / "pki"), now or datetime.now(UTC)
    issuer, late = _certified(seat, subjects, now)
    for name, subject in subjects.items():
        if not subject.hosts:
            pair = certificates.pair(folder, name)
            files.write(folder / f"{name}.kubeconfig", _access(seat, name, pair, issuer))
    key = folder / "service-account.key"
    if not key.exists():
        files.write(key, x509.service_account_key())
    files.write(folder / "service-account.pub", x509.public_key(key.read_bytes()))
    if not encrypts(folder, encrypted):
        keys = at_rest(folder).keys if (folder / ENCRYPTION).exists() else (fresh_key(1),)
        files.write(folder / ENCRYPTION, Configuration(encrypted, keys).text())
    if late:
        files.write(folder / LATE, now.isoformat())


def ensure_store(seat: Seat, subjects: Mapping[str, Subject], now: datetime | None = None) -> None:
    """Makes what is missing or near its end in the `pki` folder of a store that has no API server of its own."""
    now = now or datetime.now(UTC)
    if _certified(seat, subjects, now)[1]:
        files.write(seat.folder / "pki" / LATE, now.isoformat())


def _certified(seat: Seat, subjects: Mapping[str, Subject], now: datetime) -> tuple[Pair, bool]:
    """Makes certificates; returns who issued them, and whether one was made too late to be noticed in time."""
    folder = files.folder(seat.folder / "pki")
    issuer = certificates.authority(folder, f"{seat.name}-ca", now)
    old = certificates.outdated(folder, subjects, now)
    late = any(not certificates.lasts(folder, name, now + NOTICED) for name in old)
    for name in old:
        if name in subjects:
            certificates.leaf(folder, name, subjects[name], issuer, now)
    return issuer, late


def encrypts(folder: Path, encrypted: tuple[str, ...]) -> bool:
    """Whether the API server is told to encrypt these resources, with whichever keys it has.

    Raises:
        IntegrityError: they cannot be read.
    """
    return (folder / ENCRYPTION).exists() and at_rest(folder).resources == encrypted


def at_rest(folder: Path) -> Configuration:
    """What the API server is told to encrypt, and the keys for it.

    Raises:
        IntegrityError: they cannot be read.
    """
    path = folder / ENCRYPTION
    try:
        return Configuration.read(path.read_text())
    except (OSError, ValueError) as error:
        raise IntegrityError(
            f"{path}: found no key in it; expected the one that the store is encrypted with (its secrets cannot be "
            "read without it). Restore the file, or remove the cluster."
        ) from error


def fresh_key(number: int) -> Key:
    """A key that nobody has yet."""
    return Key.numbered(number, secrets.token_bytes(_KEY_BYTES))


def kubeconfig(seat: Seat, pair: Pair, issuer: Pair) -> Kubeconfig:
    """How the holder of a certificate reaches the seat's API server."""
    return Kubeconfig(seat.server, issuer.certificate, pair.certificate, pair.key, name=seat.name)


def admin(seat: Seat) -> Kubeconfig:
    """How its owner reaches the seat's API server."""
    return Kubeconfig.read(Path(seat.pki("admin.kubeconfig")).read_text())


def _access(seat: Seat, name: str, pair: Pair, issuer: Pair) -> str:
    """The owner's kubeconfig holds all of it; a process reads its certificate anew from its file as that changes."""
    if name == ADMIN:
        return kubeconfig(seat, pair, issuer).text()
    document = yaml.safe_load(kubeconfig(seat, Pair(b"", b""), issuer).text())
    document["users"][0]["user"] = {
        "client-certificate": seat.pki(f"{name}.crt"),
        "client-key": seat.pki(f"{name}.key"),
    }
    return yaml.safe_dump(document)
