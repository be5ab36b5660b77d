"""A command's turn: holding an environment, and waiting as long as one may for whoever holds it."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from atoll.automation import interruption
from atoll.core.errors import ArgsError, LockedError
from atoll.host import Environment

_DURATION = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?")
_PAUSE = 0.25
"""Seconds between two looks; a bucket is asked each time."""
_TELL = 10.0
"""Seconds between two lines that say who is waited for."""


def duration(text: str) -> timedelta:
    """A length of time as it is written on the command line: 90s, 5m, 1h30m.

    Raises:
        ArgsError: it is none.
    """
    found = _DURATION.fullmatch(text)
    if not text or not found:
        raise ArgsError(f"--wait: found {text!r}; expected a time such as 90s, 5m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


class Turn:
    """For how long a command waits altogether until nobody else is at work, and where it says who is.

    A `limit` of nothing does not wait. There is no queue: whoever looks first when the other has ended goes on.
    """

    def __init__(
        self, limit: timedelta = timedelta(), say: Callable[[str], None] = lambda _line: None
    ) -> None:
        self._limit, self._say = limit, say
        self._begin: float | None = None
        self._said, self._when = "", 0.0

    @contextlib.contextmanager
    def held(self, environment: Environment, purpose: str) -> Iterator[None]:
        """Holds the environment for one command; an interrupt within is told.

        Raises:
            LockedError: another command holds it, and did so until the limit.
        """
        with interruption.told(environment.name, purpose), contextlib.ExitStack() as held:
            while True:
                try:
                    held.enter_context(environment.locked(purpose))
                    break
                except LockedError as error:
                    self.wait(error)
            yield

    def wait(self, blocked: LockedError) -> None:
        """Waits a moment, since somebody is at work; says who.

        Raises:
            LockedError: the limit is over.
        """
        now = time.monotonic()
        self._begin = self._begin or now
        waited = now - self._begin
        if waited >= self._limit.total_seconds():
            if not self._limit:
                raise blocked
            raise LockedError(f"{blocked} Waited {waited:.0f} s (--wait).") from blocked
        self._tell(str(blocked).partition("; expected ")[0], now, waited)
        time.sleep(min(_PAUSE, self._limit.total_seconds() - waited))

    def _tell(self, blocked: str, now: float, waited: float) -> None:
        if blocked != self._said or now - self._when >= _TELL:
            self._say(f"waiting: {blocked} ({waited:.0f} of {self._limit.total_seconds():.0f} s)")
            self._said, self._when = blocked, now
