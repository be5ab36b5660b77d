"""The errors that Atoll raises on purpose, each one line in one order.

*where: found; expected (because). Do.* Classes say what the caller can do, not where it happened.
"""

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from atoll.core import redaction


class Exit(IntEnum):
    """The exit codes of the `atoll` command, the same everywhere."""

    DONE = 0
    FAILED = 1
    SETTINGS = 2
    REFUSED = 3
    UNAVAILABLE = 4
    CHANGES = 5
    DRIFT = 6
    LOCKED = 7
    STALE_PLAN = 8
    INTERRUPTED = 130


class AtollError(Exception):
    """An error with one line for its reader.

    `retry` says whether trying the same again can help; None where nobody can tell.
    """

    exit_code = Exit.FAILED
    retry: bool | None = False

    @property
    def wraps(self) -> tuple[str, ...]:
        """What it came of, the nearest first, one line each, redacted."""
        return tuple(redaction.redact(_told(cause)) for cause in _causes(self))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The chain that Python shows in a traceback."""
    seen = {id(error)}
    cause = _cause(error)
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = _cause(cause)


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _told(cause: BaseException) -> str:
    """An error's line: ours need no name, anything else tells little without."""
    text = " ".join(str(cause).split())
    return text if isinstance(cause, AtollError) else f"{type(cause).__name__}: {text}".removesuffix(": ")


@dataclass(frozen=True)
class Ending:
    """What a provider tells the command of its error, for which the engine has no word."""

    code: Exit
    retryable: bool | None
    wraps: tuple[str, ...] = ()


_ENDS = "atoll: error "


def ending(error: AtollError) -> str:
    """How a provider tells the command, past the engine, what its error means."""
    told = {"exit": int(error.exit_code), "retryable": error.retry, "wraps": error.wraps}
    return f"{_ENDS}{json.dumps(told)}"


def ending_of(text: str) -> Ending | None:
    """What such a line tells, or None for any other."""
    if not text.startswith(_ENDS):
        return None
    try:
        told = json.loads(text.removeprefix(_ENDS))
        return Ending(Exit(told["exit"]), told["retryable"], tuple(told["wraps"]))
    except (ValueError, KeyError, TypeError):
        return None


class SettingsError(AtollError):
    """The inventory or an argument is wrong; `problems` holds one line each, in file order."""

    exit_code = Exit.SETTINGS

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class ArgsError(SettingsError):
    """A component or a function was called with arguments that do not fit."""


class CommandError(AtollError):
    """A program ended with a failure; `argv` is redacted, `output` is its last lines."""

    def __init__(self, message: str, *, argv: tuple[str, ...] = (), code: int = 1, output: str = "") -> None:
        self.argv, self.code, self.output = argv, code, output
        super().__init__(message)


class UnavailableError(AtollError):
    """A program, service or cluster is not there; the text names the step that brings it."""

    exit_code = Exit.UNAVAILABLE
    retry = True


class IntegrityError(AtollError):
    """What was found is not what its checksum, signature or mark says."""

    exit_code = Exit.REFUSED


class RefusedError(AtollError):
    """It could be done and must not be: foreign objects, protection, policy."""

    exit_code = Exit.REFUSED


class LockedError(AtollError):
    """Somebody else is at work here; the text names who."""

    exit_code = Exit.LOCKED
    retry = True


class StalePlanError(AtollError):
    """What a plan was made from has moved; `moved` holds one line for each thing that did."""

    exit_code = Exit.STALE_PLAN

    def __init__(self, *moved: str) -> None:
        self.moved = moved
        super().__init__("\n".join(moved))


class NotReadyError(AtollError):
    """Something awaited did not come; the text says what, how long, and the last state seen."""

    retry = True


def quoted(said: object) -> str:
    """What somebody else said, on one line and without its full stop, to stand in an error of ours."""
    return " ".join(str(said).split()).rstrip(".")


_ROOM = "room on its disk. Free some, and run the same command again"
_WRITABLE = "a place that can be read and written. Mend that, or choose another one (ATOLL_HOME, ATOLL_CACHE)"
_SYSTEM = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: _WRITABLE,
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.ENOTDIR: _WRITABLE,
    errno.ENAMETOOLONG: "a shorter path. Choose one (ATOLL_HOME, ATOLL_CACHE), or move the checkout",
    errno.EMFILE: "to be allowed more. Run: ulimit -n 1024",
    errno.ENFILE: "files to spare on this machine. End what holds so many open",
    errno.EIO: "a disk that works. Look into the kernel's log",
}
"""What a machine may lack, by its error number: what was expected, and what to do."""


def of_system(error: OSError) -> UnavailableError | None:
    """The error of a machine that lacks something, for its reader; None where the number says no such thing."""
    expected = _SYSTEM.get(error.errno or 0)
    if expected is None:
        return None
    # A copy names its source first and the file that it could not write second.
    where = error.filename2 or error.filename or "this machine"
    made = UnavailableError(f"{where}: found {os.strerror(error.errno or 0).lower()}; expected {expected}.")
    made.__cause__ = error
    return made
