"""What a command tells on its standard error as a log for programs: JSON lines, each with its trace and span."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, assert_never

from atoll.automation import tracing
from atoll.automation.events import Message, Outcome, Result, Severity
from atoll.core import redaction
from atoll.core.errors import AtollError, SettingsError

VARIABLE = "ATOLL_LOG"
_JSON = "json"


class Journal:
    """The log. `whole` has all that is told; otherwise it has what people would read on the standard error: problems."""

    def __init__(self, *, whole: bool) -> None:
        # Bound here and not configured for the process: who imports Atoll has a logging of its own.
        import structlog  # noqa: PLC0415 - it loads for 0.1 s, and people read no log

        self._log = structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _placed,
                _clean,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger("info" if whole else "warning"),
        )
        self._told: set[tuple[str, str | None]] = set()

    def tell(self, entry: Result | Message | str) -> None:
        """Takes one thing that is told while a command runs."""
        if isinstance(entry, str):
            self._log.info(entry.strip())
        elif isinstance(entry, Result):
            if entry.outcome is not Outcome.OK:
                self._log.info(
                    entry.verb, urn=entry.urn, cluster=entry.place, seconds=round(entry.seconds, 3)
                )
        else:
            self._message(entry)

    def fail(self, error: AtollError) -> None:
        """Tells of the error that ends the command."""
        lines = error.problems if isinstance(error, SettingsError) else (str(error),)
        for line in lines:
            self._log.error(
                line,
                error=type(error).__name__,
                wraps=error.wraps,
                retryable=error.retry,
                exit=int(error.exit_code),
            )

    def warning(self, line: str) -> None:
        """Tells of something that hinders nothing."""
        self._log.warning(line)

    def _message(self, message: Message) -> None:
        line = "; ".join(message.lines)
        if message.severity is Severity.PROGRESS or not line or (line, message.place) in self._told:
            return
        self._told.add((line, message.place))
        match message.severity:
            case Severity.ERROR:
                more = {"wraps": message.wraps, "retryable": message.retryable}
                self._log.error(line, cluster=message.place, **more)
            case Severity.WARNING:
                self._log.warning(line, cluster=message.place)
            case Severity.NOTE:
                self._log.info(line, cluster=message.place)
            case _:
                assert_never(message.severity)


_journals: list[Journal | None] = []
"""The log of the command that runs, where it has one: like the standard error it is the process's."""


def current() -> Journal | None:
    """The log, where this command has one."""
    return _journals[-1] if _journals else None


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Has a log for the length of a command, if one is asked for; without a command nobody's standard error is taken."""
    _journals.append(None)
    begin()
    try:
        yield
    finally:
        _journals.pop()


def begin(*, machine: bool = False) -> None:
    """Begins the log where ATOLL_LOG=json asks for one, or a `machine` reads the answer and no terminal shows the rest."""
    whole = os.environ.get(VARIABLE) == _JSON
    if _journals and not _journals[-1] and (whole or (machine and not sys.stderr.isatty())):
        _journals[-1] = Journal(whole=whole)


def complain(line: str) -> None:
    """Warns of something that hinders nothing, in the log or in words."""
    if log := current():
        log.warning(line)
    else:
        print(f"warning: {line}", file=sys.stderr)  # noqa: T201 - the command line's own output


def mention(line: str) -> None:
    """Tells people something that each line of the log has."""
    if not current():
        print(line, file=sys.stderr)  # noqa: T201 - the command line's own output


def _placed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Adds where the line belongs."""
    found = tracing.ids()
    return {**event, "trace_id": found.trace, "span_id": found.span} if found else event


def _clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: redaction.redact(value) if isinstance(value, str) else value for name, value in event.items()
    }
