"""One authority and the certificates under it, in a folder: what is there and fits is taken up."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from atoll.core import files, x509
from atoll.core.x509 import Pair, Subject, Validity

AUTHORITY = "ca"
"""The name of its files: `ca.crt`, `ca.key`."""


def authority(folder: Path, common_name: str, now: datetime) -> Pair:
    """The authority of a folder: taken up, renewed near its end, or made."""
    certificate, key = folder / "ca.crt", folder / "ca.key"
    if not certificate.exists():
        made = x509.authority(common_name, now=now)
        files.write(key, made.key)
        # The certificate comes last: where it is, the key is too.
        files.write(certificate, made.certificate)
    found = pair(folder, AUTHORITY)
    if Validity.of(found.certificate).near_end(now):
        found = x509.renewed(found, now=now)
        files.write(certificate, found.certificate)
    return found


def leaf(folder: Path, name: str, subject: Subject, issuer: Pair, now: datetime) -> Pair:
    """A new certificate in a folder, with a new key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    files.folder(certificate.parent)
    made = x509.leaf(issuer, subject, now=now)
    fresh = {path: path.with_name(f".{path.name}.new") for path in (key, certificate)}
    files.write(fresh[key], made.key)
    files.write(fresh[certificate], made.certificate)
    # Servers read both at any moment: they take the other's place at once. Halves of two pairs fit nobody.
    for path, new in fresh.items():
        new.replace(path)
    return made


def outdated(folder: Path, subjects: Mapping[str, Subject], now: datetime | None = None) -> list[str]:
    """The certificates in a folder that are missing, near their end, or another subject's or authority's.

    The authority is among them as `ca`.
    """
    now = now or datetime.now(UTC)
    try:
        issuer = pair(folder, AUTHORITY)
        old = [AUTHORITY] if Validity.of(issuer.certificate).near_end(now) else []
    except (FileNotFoundError, ValueError):
        return [AUTHORITY, *subjects]
    return old + [name for name, subject in subjects.items() if not _fits(folder, name, subject, issuer, now)]


def lasts(folder: Path, name: str, until: datetime) -> bool:
    """Whether a certificate that can be read is valid at least until then."""
    try:
        return Validity.of((folder / f"{name}.crt").read_bytes()).end > until
    except (FileNotFoundError, ValueError):
        return False


def validities(folder: Path) -> dict[str, Validity]:
    """From when until when each certificate in a folder is valid; one that cannot be read is left out."""
    found = {}
    for path in sorted(folder.rglob("*.crt")):
        with contextlib.suppress(OSError, ValueError):
            found[str(path.relative_to(folder).with_suffix(""))] = Validity.of(path.read_bytes())
    return found


def pair(folder: Path, name: str) -> Pair:
    """A certificate of a folder with its key.

    Raises:
        FileNotFoundError: there is none.
    """
    return Pair((folder / f"{name}.crt").read_bytes(), (folder / f"{name}.key").read_bytes())


def _fits(folder: Path, name: str, subject: Subject, issuer: Pair, now: datetime) -> bool:
    try:
        return x509.fits(pair(folder, name), issuer, subject, now)
    except (FileNotFoundError, ValueError):
        return False
