"""The folder that an image is built from, packed: the same files make the same bytes, wherever and by whomever it is done."""

import gzip
import io
import os
import tarfile
from pathlib import Path

from docker.utils import build

from atoll.core.errors import ArgsError

_IGNORED = ".dockerignore"
_LEVEL = 9


def pack(folder: Path, dockerfile: Path) -> bytes:
    """A gzipped tar of what a folder holds but for what its .dockerignore, or that of the Dockerfile, leaves out.

    Owners are root's and times those of 1970: a checkout has others on every machine, and no image shows them.

    Raises:
        ArgsError: there is no such folder, or something in it cannot be read.
    """
    if not folder.is_dir():
        raise ArgsError(
            f"context: found {str(folder)!r}, which is no folder; expected what the image is built from"
        )
    packed = io.BytesIO()
    try:
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=_LEVEL, mtime=0) as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name in sorted(build.exclude_paths(str(folder), _patterns(folder, dockerfile))):
                _add(archive, folder / name, name)
    except OSError as error:
        raise ArgsError(
            f"context: found {error.filename or folder} ({error.strerror}); expected files that can be read"
        ) from error
    return packed.getvalue()


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    entry = archive.gettarinfo(path, arcname=name)
    if entry is None:
        # A socket is no one's to build with.
        return
    if entry.islnk():
        # A second name of a file is a file: a checkout elsewhere knows no such links.
        entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", path.stat().st_size
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    if not entry.isreg():
        archive.addfile(entry)
        return
    with path.open("rb") as content:
        archive.addfile(entry, content)


def _patterns(folder: Path, dockerfile: Path) -> list[str]:
    """What is left out. Source: https://docs.docker.com/build/concepts/context/#dockerignore-files."""
    own = dockerfile.with_name(f"{dockerfile.name}{_IGNORED}")
    path = own if own.is_file() else folder / _IGNORED
    if not path.is_file():
        return []
    lines = (line.strip() for line in path.read_text().splitlines())
    return [os.path.normpath(line) for line in lines if line and not line.startswith("#")]
