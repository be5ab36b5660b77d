"""What the local processes of an environment write: the end of it, and what comes, also over a log's turn."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from atoll.automation.processes import known
from atoll.core.errors import ArgsError
from atoll.host import Environment

_PAUSE = 0.2
_TAIL_BYTES = 20_000


def logs(environment: Environment, name: str | None, *, follow: bool) -> Generator[str, None, None]:
    """The last lines of one process's log or of all, then, where `follow` says so, what comes.

    Raises:
        ArgsError: there is no such process.
    """
    paths = _paths(known(environment))
    if name and name not in paths:
        raise ArgsError(f"process: found {name!r}; expected one of: {', '.join(paths)}")
    tails: dict[str, _Tail] = {}
    try:
        # A process that is added later is told from its first line on.
        yield from _round(environment, name, tails, back=_TAIL_BYTES, last=not follow)
        while follow:
            time.sleep(_PAUSE)
            yield from _round(environment, name, tails, back=None, last=False)
    finally:
        for tail in tails.values():
            tail.close()


def _round(
    environment: Environment, name: str | None, tails: dict[str, "_Tail"], *, back: int | None, last: bool
) -> Iterator[str]:
    """What came since the last round, from one log or from all."""
    for each, path in _paths(environment).items():
        if name in {None, each}:
            tail = tails.get(each) or tails.setdefault(each, _Tail(path, back))
            prefix = "" if name else f"{each}: "
            yield from (prefix + line for line in tail.lines(last=last))


def _paths(environment: Environment) -> dict[str, Path]:
    return {path.stem: path for path in sorted(environment.logs.glob("*.log"))}


class _Tail:
    """One log, read as it grows. `back` is how many bytes of its end are told first; None is all of it."""

    def __init__(self, path: Path, back: int | None) -> None:
        self._path, self._rest = path, b""
        self._stream: BinaryIO | None = None
        with suppress(FileNotFoundError):
            self._stream = path.open("rb")
            size = self._stream.seek(0, os.SEEK_END)
            self._stream.seek(max(size - back, 0) if back is not None else 0)
            if back is not None and size > back:
                # The first line is cut off.
                self._stream.readline()

    def lines(self, *, last: bool) -> list[str]:
        """The lines that came since the last call; the `last` call tells one that has no end yet as well."""
        found = self._read()
        if self._turned():
            # What was written to the old one until its turn comes first; the new one is read from its beginning.
            found += self._read()
            self.close()
            with suppress(FileNotFoundError):
                self._stream = self._path.open("rb")
                found += self._read()
        *whole, self._rest = (self._rest + found).split(b"\n")
        if last and self._rest:
            whole.append(self._rest)
        return [line.decode(errors="replace") for line in whole]

    def _read(self) -> bytes:
        if self._stream is None:
            return b""
        if self._stream.tell() > os.fstat(self._stream.fileno()).st_size:
            # Somebody emptied it.
            self._stream.seek(0)
        return self._stream.read()

    def _turned(self) -> bool:
        """Whether another file has the log's name now."""
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False
        return self._stream is None or not os.path.samestat(now, os.fstat(self._stream.fileno()))

    def close(self) -> None:
        """Lets go of the file."""
        if self._stream:
            self._stream.close()
        self._stream = None
