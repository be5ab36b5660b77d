"""Files that are written whole or not at all, and locks between processes."""

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

PRIVATE = 0o600


def write(path: Path, content: str | bytes, mode: int = PRIVATE) -> bool:
    """Writes a file atomically; returns whether its content or mode changed.

    The content is on disk before the name is: a killed writer leaves the old file.
    """
    data = content.encode() if isinstance(content, str) else content
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == data and path.stat().st_mode & 0o777 == mode:
            return False
    with whole(path, mode) as stream:
        stream.write(data)
    return True


@contextlib.contextmanager
def whole(path: Path, mode: int = PRIVATE) -> Iterator[BinaryIO]:
    """Yields a stream whose content takes the file's place at the end, or never where the block fails.

    Until then it lies beside the file and its owner alone can read it.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, temporary):
            # A descriptor's error names no file.
            error.filename = str(path)
        raise


def write_json(path: Path, value: Any, mode: int = PRIVATE) -> bool:
    """Writes a JSON file as `write` does."""
    return write(path, json.dumps(value, indent=1, sort_keys=True) + "\n", mode)


def read_json(path: Path, default: Any = None) -> Any:
    """The value of a JSON file, or the default where there is no such file."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return default


def refuse_other_writers() -> None:
    """Lets nobody else write what this process makes, whatever its caller's shell allows."""
    os.umask(os.umask(0) | 0o022)


def folder(path: Path, mode: int = 0o700) -> Path:
    """Makes a folder that its owner alone can enter, with its parents."""
    path.mkdir(parents=True, exist_ok=True, mode=mode)
    return path


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds an exclusive lock between processes; yields False when it is taken and `wait` is off.

    The kernel drops it with the process, so that a killed holder leaves nothing behind. A holder may remove the
    file: whoever waited for it locks the one that takes its place.
    """
    while True:
        folder(path.parent)
        with path.open("a+") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            if _is_at(path, stream.fileno()):
                yield True
                return


def is_locked(path: Path) -> bool:
    """Whether somebody holds a lock now. The look holds it for some microseconds, beside others that look."""
    with contextlib.suppress(FileNotFoundError), path.open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _is_at(path, stream.fileno())
    return False


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is still the one of its name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
