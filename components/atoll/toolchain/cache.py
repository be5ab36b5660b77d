"""The cache of built programs, outside every repository: an entry is there whole or not at all."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from atoll.core import files
from atoll.core.errors import UnavailableError

VARIABLE = "ATOLL_CACHE"
_UNFINISHED = ".unfinished."
_FULL = {errno.ENOSPC, errno.EDQUOT}


def folder() -> Path:
    """ATOLL_CACHE, else the XDG cache folder."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atoll"


def entry(kind: str, name: str, key: str) -> Path:
    """Where something is kept, whether it is there or not; `kind` is `tools`, `assets` or `go`."""
    return folder() / kind / name / key


@contextlib.contextmanager
def building(target: Path) -> Iterator[Path]:
    """Yields an empty folder that becomes `target` when the body succeeds; what killed builds left is swept.

    The caller holds the lock of what it builds.

    Raises:
        UnavailableError: the disk is full or cannot be written.
    """
    try:
        files.folder(target.parent)
        for left in target.parent.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=_UNFINISHED))
    except OSError as error:
        raise unwritable(error) from error
    try:
        yield temporary
        _settle(temporary)
        temporary.rename(target)
    except OSError as error:
        raise unwritable(error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def locked(name: str, meanwhile: AbstractContextManager[None] | None = None) -> Iterator[None]:
    """Holds one build's lock; `meanwhile` is entered while another run holds it.

    Raises:
        UnavailableError: the disk is full or cannot be written.
    """
    with contextlib.ExitStack() as held:
        try:
            path = files.folder(folder() / "locks") / name
            if not held.enter_context(files.locked(path, wait=False)):
                with meanwhile or contextlib.nullcontext():
                    held.enter_context(files.locked(path))
        except OSError as error:
            raise unwritable(error) from error
        yield


def unwritable(error: OSError) -> UnavailableError:
    """The error of a cache that cannot be written."""
    if error.errno in _FULL:
        return UnavailableError(
            f"{folder()}: found {(error.strerror or 'an error').lower()}; expected room for about 12 GB of sources "
            f"and programs. Free some, or set {VARIABLE} (and GOCACHE, GOMODCACHE, GOTMPDIR) to another disk."
        )
    return UnavailableError(
        f"{error.filename or folder()}: found {(error.strerror or str(error)).lower()}; expected a cache that can be "
        f"written. Set {VARIABLE} to another folder."
    )


def _settle(folder: Path) -> None:
    """Opens the folder to readers, and sees that its files are on disk before its name is."""
    folder.chmod(0o755)
    for path in folder.iterdir():
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
