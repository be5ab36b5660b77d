"""What the supervisor's log says of each process: when it was started anew, and why. Pure.

The log outlives its supervisor, and so does what it tells. Source: supervisor, process.py and supervisord.py.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

_LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) \w+ (.*)$")
_SPAWNED = re.compile(r"spawned: '(?P<name>[^']+)' with pid \d+")
_ENDED = re.compile(r"(?P<how>exited|stopped): (?P<name>\S+) \((?P<why>.*?)(?:; (?:not )?expected)?\)")
_ANEW = re.compile(r"supervisord started with pid \d+")
_LOST = "its supervisor ended"
_ASKED = "asked to"


@dataclass(frozen=True)
class Restart:
    """The last start of a process that ran before: why it had ended, and how often it did without being asked to."""

    at: datetime
    why: str
    unasked: int


def restarts(lines: Iterable[str]) -> dict[str, Restart]:
    """The last restart of each process that had one, from the supervisor's log, the oldest line first."""
    reading = _Reading()
    for line in lines:
        if match := _LINE.match(line):
            second, millisecond, said = match.groups()
            at = datetime.fromisoformat(f"{second}.{millisecond}").replace(tzinfo=UTC)
            reading.take(at, said)
    return reading.found


class _Reading:
    """What was read so far: who runs, why who ended does not."""

    def __init__(self) -> None:
        self.found: dict[str, Restart] = {}
        self._running: set[str] = set()
        self._reasons: dict[str, str] = {}

    def take(self, at: datetime, said: str) -> None:
        if match := _SPAWNED.match(said):
            self._spawned(at, match["name"])
        elif match := _ENDED.match(said):
            # One that is asked to stop ends by the signal that asks it.
            self._reasons[match["name"]] = _ASKED if match["how"] == "stopped" else match["why"]
            self._running.discard(match["name"])
        elif _ANEW.match(said):
            # Whoever still ran when it ended, ended with it.
            self._reasons |= dict.fromkeys(self._running, _LOST)
            self._running.clear()

    def _spawned(self, at: datetime, name: str) -> None:
        self._running.add(name)
        if reason := self._reasons.pop(name, None):
            before = self.found.get(name)
            unasked = (before.unasked if before else 0) + (reason != _ASKED)
            self.found[name] = Restart(at, reason, unasked)
