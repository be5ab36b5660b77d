"""Sealing and opening for a person: files, pipes and lines of an inventory, each whole or not at all."""

import contextlib
import getpass
import io
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from atoll.automation import custody, sealing
from atoll.automation.secrets import PIPE
from atoll.automation.show import Screen
from atoll.core import files
from atoll.core.errors import ArgsError, IntegrityError
from atoll.host import Environment
from atoll.platform import load
from atoll.secrets import message
from atoll.secrets.envelope import WrappingKey
from atoll.secrets.message import Context

_MEBIBYTE = 2**20
_HEARTBEAT = 2.0
"""Seconds of silence after which it is said how far the work is."""
_LONGEST_TEXT = 2 * message.TEXT_LIMIT
"""More than base64 and header make of the largest value."""


@dataclass(frozen=True)
class Desk:
    """Where an environment's messages are sealed and opened; `key` is an alias or ARN, the environment's own unless given."""

    environment: Environment
    screen: Screen
    key: str = ""

    def seal(self, name: str, source: str) -> dict[str, str]:
        """Seals a value into a line of text, which is in the report for programs."""
        context = self._context(name)
        with _read(source, ask=True) as plain, self._working("seal", plain, self.key) as (counted, key):
            line = key.seal_text(context, counted.read(message.TEXT_LIMIT + 1))
        return {**context.pairs, "key": key.arn, "text": line}

    def seal_file(self, name: str, source: str, out: Path | None) -> dict[str, str]:
        """Seals what may be large into a file, or through the pipe; returns the report for programs."""
        context = self._context(name)
        with (
            _read(source, ask=True) as plain,
            self._working("seal", plain, self.key) as (counted, key),
            _written(out) as target,
        ):
            key.seal(context, counted, target)
        return {**context.pairs, "key": key.arn, "file": str(out or PIPE)}

    def open(self, name: str, source: str, out: Path | None) -> dict[str, str]:
        """Opens a message in either form; returns the report for programs."""
        context = self._context(name)
        with (
            _read(source) as sealed,
            self._working("open", sealed, self.key) as (counted, key),
            _written(out) as target,
        ):
            if message.is_text(sealed.peek(1)):
                target.write(key.open_text(context, _line(counted)))
            else:
                key.open(context, counted, target)
        return {**context.pairs, "key": key.arn, "file": str(out or PIPE)}

    def rewrap(self, paths: Iterable[Path], old: str) -> Iterator[dict[str, str]]:
        """Opens files and seals each again in its place and form; `old` is the key that opens them, if another."""
        with self.screen.beating("secrets rewrap", every=_HEARTBEAT):
            new = self._wrapping(self.key)
            key = self._wrapping(old) if old else new
            for path in paths:
                try:
                    # A link stays one.
                    own = self._rewrapped(path.resolve(), key, new)
                except IntegrityError as error:
                    raise IntegrityError(f"{path}: {error}") from error
                self.screen.say(f"{path}: rewrapped")
                yield {**own.pairs, "key": new.arn, "file": str(path)}

    def _rewrapped(self, path: Path, key: WrappingKey, new: WrappingKey) -> Context:
        context = self._context("any")
        with _read(str(path)) as sealed, files.whole(path, path.stat().st_mode & 0o777) as target:
            counted = _Counted(sealed, self.screen)
            if not message.is_text(sealed.peek(1)):
                return key.rewrap(context, counted, target, new)
            own, line = key.rewrap_text(context, _line(counted), new)
            target.write(f"{line}\n".encode())
            return own

    def _context(self, name: str) -> Context:
        return Context(sealing.PROJECT, self.environment.name, name)

    def _wrapping(self, key: str) -> WrappingKey:
        kept = custody.ready(
            self.environment, load(self.environment.project / "stacks", self.environment.name)
        )
        return WrappingKey.found(kept.access, key or kept.key)

    @contextlib.contextmanager
    def _working(self, what: str, stream: BinaryIO, key: str) -> Iterator[tuple["_Counted", WrappingKey]]:
        """The stream, counted and told of, and the key, asked for once the stream is known to be there."""
        with self.screen.beating(f"secrets {what}", every=_HEARTBEAT):
            yield _Counted(stream, self.screen), self._wrapping(key)


class _Counted:
    """A source that tells how much was read of it."""

    def __init__(self, stream: BinaryIO, screen: Screen) -> None:
        self._stream, self._screen, self._bytes = stream, screen, 0

    def read(self, size: int = -1, /) -> bytes:
        """As the stream reads."""
        given = self._stream.read(size)
        self._bytes += len(given)
        self._screen.progress(f"{self._bytes // _MEBIBYTE} MiB read")
        return given


@contextlib.contextmanager
def _read(source: str, *, ask: bool = False) -> Iterator[io.BufferedReader]:
    """A file, or what comes through the pipe; where nothing does, a person may be asked."""
    if source == PIPE and ask and sys.stdin.isatty():
        value = getpass.getpass("Value (it is not shown): ").encode()
        yield io.BufferedReader(io.BytesIO(value))
    elif source == PIPE:
        yield sys.stdin.buffer  # type: ignore[misc]  # which is buffered
    else:
        path = Path(source)
        if path.is_dir() or not path.exists():
            raise ArgsError(f"{source}: found no such file; expected one, or {PIPE} for the pipe")
        with path.open("rb") as stream:
            yield stream


@contextlib.contextmanager
def _written(out: Path | None) -> Iterator[BinaryIO]:
    """A file that is there whole or not at all, or the pipe."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with files.whole(out) as target:
            yield target


def _line(counted: _Counted) -> str:
    """A message in text; what is none stays none."""
    return counted.read(_LONGEST_TEXT).decode("ascii", "replace")
