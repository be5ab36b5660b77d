"""The cache of built programs, outside every repository: an entry is there whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from atoll.core import files
from atoll.core.errors import UnavailableError

VARIABLE = "ATOLL_CACHE"
_UNFINISHED = ".unfinished."


def folder() -> Path:
    """ATOLL_CACHE, else the XDG cache folder."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
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
        temporary.chmod(0o755)
        temporary.rename(target)
    except OSError as error:
        raise unwritable(error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def locked(name: str) -> Iterator[bool]:
    """Holds one build's lock; yields whether it had to wait for another."""
    locks = files.folder(folder() / "locks")
    with files.locked(locks / name, wait=False) as free:
        if free:
            yield False
            return
    with files.locked(locks / name):
        yield True


def unwritable(error: OSError) -> UnavailableError:
    """The error of a cache that cannot be written."""
    return UnavailableError(
        f"{folder()}: found {(error.strerror or 'an error').lower()}; expected room for about 12 GB of sources and "
        f"programs. Free some, or set {VARIABLE} (and GOCACHE, GOMODCACHE) to another disk."
    )
