"""A backup as a stream: a compressed tar archive, its manifest first, each file checked by its digest."""

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from atoll.automation import manifests
from atoll.automation.manifests import Entry, Manifest
from atoll.core import files
from atoll.core.errors import IntegrityError

_LEVEL = 3
"""Stores are full of zeros: more effort takes three times as long and saves a tenth."""
_PIECE = 1 << 20


def entries(sources: Mapping[str, Path]) -> dict[str, Entry]:
    """The description of files, by their names in a backup. They must not change any more."""
    found = {}
    for name, path in sorted(sources.items()):
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        found[name] = Entry(path.stat().st_size, digest)
    return found


def pack(target: BinaryIO, manifest: Manifest, sources: Mapping[str, Path]) -> None:
    """Writes a backup of files that are described in its manifest."""
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=target, mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        text = manifest.text().encode()
        archive.addfile(_member(manifests.NAME, len(text)), io.BytesIO(text))
        for name, entry in manifest.files.items():
            with sources[name].open("rb") as stream:
                archive.addfile(_member(name, entry.size), stream)


def unpack(source: BinaryIO, folder: Path) -> Manifest:
    """Writes the files of a backup into a folder and returns its manifest; each is open to its owner alone.

    Nothing but regular files is taken, by names that the manifest tells, so that no link and no name leads out.

    Raises:
        IntegrityError: something is not what the manifest says, or it is no backup.
        RefusedError: a later Atoll wrote it.
    """
    try:
        with (
            gzip.GzipFile(fileobj=source, mode="rb") as plain,
            tarfile.open(fileobj=plain, mode="r|") as archive,
        ):
            manifest = _manifest(archive)
            missing = dict(manifest.files)
            # Iteration would begin with the members that were read.
            while member := archive.next():
                entry = missing.pop(member.name, None)
                if entry is None or not member.isreg() or member.size != entry.size:
                    raise IntegrityError(f"found {member.name!r}; expected what the manifest says")
                _furnish(folder, PurePosixPath(member.name).parent)
                _write(archive, member, entry, folder / member.name)
            # To its end, where the stream's own checksum is.
            while plain.read(_PIECE):
                pass
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise IntegrityError(f"found no archive that can be read ({error}); expected one") from error
    if missing:
        raise IntegrityError(f"found no {min(missing)!r}; expected what the manifest says")
    return manifest


def _manifest(archive: tarfile.TarFile) -> Manifest:
    member = archive.next()
    if (
        member is None
        or member.name != manifests.NAME
        or not member.isreg()
        or member.size > manifests.MOST_BYTES
    ):
        raise IntegrityError("found no manifest at its beginning; expected one")
    stream = archive.extractfile(member)
    assert stream is not None  # noqa: S101 - a regular file
    return Manifest.parse(stream.read())


def _furnish(folder: Path, within: PurePosixPath) -> None:
    """Makes the folders of a file, each by itself: parents that are made along are open to others."""
    for each in (*reversed(within.parents), within):
        files.folder(folder / each)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, entry: Entry, path: Path) -> None:
    source, digest = archive.extractfile(member), hashlib.sha256()
    assert source is not None  # noqa: S101 - a regular file
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, files.PRIVATE)
    with os.fdopen(descriptor, "wb") as target:
        while piece := source.read(_PIECE):
            digest.update(piece)
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    if digest.hexdigest() != entry.sha256:
        raise IntegrityError(f"found {member.name!r} changed; expected what the manifest says")


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, files.PRIVATE
    return member
