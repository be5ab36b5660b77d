"""Copies an image from one registry to another as it is: byte by byte, so that its digest stays.

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md, and image-spec for what names what
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from atoll.core.errors import RefusedError
from atoll.registry.client import INDEXES, Client, Manifest

_ELSEWHERE = "nondistributable", "foreign"
"""What media types of layers say that no registry is to keep: clients get them from their makers."""


@dataclass(frozen=True)
class Side:
    """A repository, and who asks its registry."""

    client: Client
    repository: str

    def __str__(self) -> str:
        return f"{self.client.address}/{self.repository}"


def copy(source: Side, target: Side, digest: str, report: Callable[[str], None]) -> None:
    """Makes an image be in another repository under its digest; of several platforms it takes all.

    What is there is not copied again, so that a copy that was killed goes on where it stood. A manifest comes after
    all that it names: one that is there is whole.

    Raises:
        RefusedError: the source has no such image, or a registry does not let this user do that.
        UnavailableError: a registry does not answer, or that it cannot.
        IntegrityError: the source has something else than the digest says.
    """
    if target.client.digest(target.repository, digest) == digest:
        return
    manifest = source.client.manifest(source.repository, digest)
    if manifest is None:
        raise RefusedError(
            f"image {source}@{digest}: found none in its registry; expected it there. Build it, or name one that is "
            "there."
        )
    if manifest.media_type in INDEXES:
        for each in manifest.document.get("manifests", ()):
            copy(source, target, each["digest"], report)
    else:
        blobs = list(_blobs(manifest))
        for number, blob in enumerate(blobs, start=1):
            report(f"copying {source.repository}@{digest[:19]}: blob {number} of {len(blobs)}")
            _copy_blob(source, target, blob)
    target.client.put_manifest(target.repository, digest, manifest)


def _blobs(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """What an image consists of: its configuration and its layers."""
    document = manifest.document
    named = [document["config"]] if "config" in document else []
    for each in [*named, *document.get("layers", ())]:
        if not any(mark in each.get("mediaType", "") for mark in _ELSEWHERE):
            yield each


def _copy_blob(source: Side, target: Side, blob: dict[str, Any]) -> None:
    digest = blob["digest"]
    if target.client.has_blob(target.repository, digest):
        return
    same = source.client.address == target.client.address
    if same and target.client.mount(target.repository, digest, source.repository):
        return
    content = source.client.blob(source.repository, digest)
    target.client.put_blob(target.repository, digest, blob["size"], content)
