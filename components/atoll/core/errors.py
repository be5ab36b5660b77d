"""The errors that Atoll raises on purpose, each one line in one order.

*where: found; expected (because). Do.* Classes say what the caller can do, not where it happened.
"""

from enum import IntEnum


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

    `retry` says whether trying the same again can help.
    """

    exit_code = Exit.FAILED
    retry = False


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


class NotReadyError(AtollError):
    """Something awaited did not come; the text says what, how long, and the last state seen."""

    retry = True
