"""Files that are encrypted as age has it, so that its own program opens them too.

Source: https://age-encryption.org/v1
"""

import io
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar, cast

import pyrage

from atoll.core.errors import ArgsError, IntegrityError

MAGIC = b"age-encryption.org/v1\n"
_SCRYPT = MAGIC + b"-> scrypt "
_SECRET = "AGE-SECRET-KEY-"  # noqa: S105 - how a line with one begins
SHORTEST = 12
"""Characters of a passphrase to encrypt by; one tries some ten a second on a machine, for a whole file that is stolen."""
Value = TypeVar("Value")


class Lock(Protocol):
    """What encrypts."""

    def close(self, write: Callable[[BinaryIO], None], target: BinaryIO) -> None:
        """Encrypts what `write` writes."""


class Key(Protocol):
    """What decrypts."""

    def open(self, source: BinaryIO, read: Callable[[BinaryIO], Value]) -> Value:
        """Decrypts for `read`, whose result counts only once everything has proved genuine.

        Raises:
            IntegrityError: another key closed it, or it was changed or cut off.
        """


@dataclass(frozen=True)
class Recipients:
    """Public keys, any of whose identities opens the file."""

    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        self._parsed()

    def close(self, write: Callable[[BinaryIO], None], target: BinaryIO) -> None:
        """Piece by piece."""
        parsed = self._parsed()

        def read(plain: BinaryIO) -> None:
            pyrage.encrypt_io(_io(plain), _io(target), parsed)

        _piped(write, read)

    def _parsed(self) -> list[pyrage.x25519.Recipient]:
        found = []
        for key in self.keys:
            try:
                found.append(pyrage.x25519.Recipient.from_str(key))
            except pyrage.RecipientError as error:
                raise ArgsError(
                    f"recipient: found {key!r} ({error}); expected a public key of age, age1..., as age-keygen prints it."
                ) from error
        return found


@dataclass(frozen=True)
class Identities:
    """Secret keys from a file of age-keygen's."""

    path: Path

    def __post_init__(self) -> None:
        self._parsed()

    def open(self, source: BinaryIO, read: Callable[[BinaryIO], Value]) -> Value:
        """Piece by piece."""
        if _is_by_passphrase(source):
            raise ArgsError(
                "found a file under a passphrase; expected to be given that. Use --passphrase-file"
            )
        parsed, results = self._parsed(), list[Value]()

        def write(plain: BinaryIO) -> None:
            try:
                pyrage.decrypt_io(_io(source), _io(plain), parsed)
            except (pyrage.DecryptError, OSError) as error:
                if isinstance(error, OSError) and error.errno:
                    raise
                raise _unopened(error) from error

        _piped(write, lambda plain: results.append(read(plain)))
        return results[0]

    def _parsed(self) -> list[pyrage.x25519.Identity]:
        lines = [line.strip() for line in _text(self.path, "identity").splitlines()]
        try:
            found = [pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith(_SECRET)]
        except pyrage.IdentityError:
            found = []
        if not found:
            raise ArgsError(
                f"{self.path}: found no secret key of age; expected {_SECRET}1..., as age-keygen writes it."
            )
        return found


@dataclass(frozen=True)
class Passphrase:
    """A passphrase; age's own library takes a whole file at once then, so that memory grows with it."""

    text: str

    def __repr__(self) -> str:
        return "Passphrase(...)"

    def close(self, write: Callable[[BinaryIO], None], target: BinaryIO) -> None:
        """At once."""
        if len(self.text) < SHORTEST:
            raise ArgsError(
                f"passphrase: found {len(self.text)} characters; expected {SHORTEST} or more (the file can be tried "
                "for ever)."
            )
        plain = io.BytesIO()
        write(plain)
        target.write(pyrage.passphrase.encrypt(plain.getvalue(), self.text))

    def open(self, source: BinaryIO, read: Callable[[BinaryIO], Value]) -> Value:
        """At once."""
        if not _is_by_passphrase(source):
            raise ArgsError("found a file for an identity; expected to be given that. Use --identity")
        try:
            plain = pyrage.passphrase.decrypt(source.read(), self.text)
        except pyrage.DecryptError as error:
            raise _unopened(error) from error
        return read(io.BytesIO(plain))


def passphrase(path: Path) -> Passphrase:
    """The passphrase that a file holds; the line's end is none of it."""
    return Passphrase(_text(path, "passphrase").rstrip("\r\n"))


def refuse_other(source: BinaryIO) -> None:
    """Raises: IntegrityError: it is no file of age's."""
    if source.read(len(MAGIC)) != MAGIC:
        raise IntegrityError("found no file that age encrypted; expected a backup")
    source.seek(0)


def _is_by_passphrase(source: BinaryIO) -> bool:
    begin = source.read(len(_SCRYPT))
    source.seek(0)
    return begin == _SCRYPT


def _piped(write: Callable[[BinaryIO], None], read: Callable[[BinaryIO], None]) -> None:
    """Lets one side write what the other reads; what fails first is told, also where it made the other fail."""
    reader, writer = os.pipe()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(writer, "wb") as stream:
                write(stream)
        except BrokenPipeError:
            # The other side gave up, and tells why.
            pass
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        with os.fdopen(reader, "rb") as stream:
            read(stream)
    except Exception:
        thread.join()
        if failed:
            raise failed[0] from None
        raise
    finally:
        thread.join()
    if failed:
        raise failed[0]


def _unopened(error: Exception) -> IntegrityError:
    return IntegrityError(
        f"found a file that does not open ({str(error).lower()}); expected one that this key or passphrase closed, "
        "whole and as it was written"
    )


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise ArgsError(
            f"{path}: found no {what} in it ({reason}); expected a file that can be read."
        ) from error


def _io(stream: BinaryIO) -> io.BufferedIOBase:
    """The library's types ask for more than it uses."""
    return cast("io.BufferedIOBase", stream)
