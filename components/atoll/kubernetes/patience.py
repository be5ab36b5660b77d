"""How long a server is asked again that does not answer, or answers that it cannot just now."""

import random
import threading
import time
from dataclasses import dataclass, field

from atoll.core.errors import AtollError, UnavailableError

_FIRST_PAUSE = 0.1
_LAST_PAUSE = 2.0


class Silence:
    """Since when a server has said nothing at all to anybody here; `since` is None while it answers."""

    def __init__(self) -> None:
        self.since: float | None = None
        self._heard = 0.0

    def heard(self) -> None:
        """It answered."""
        self.since, self._heard = None, time.monotonic()

    def unheard(self, begun: float) -> None:
        """It did not answer a request that was begun then; it may have answered others since."""
        if self.since is None:
            self.since = begun if begun > self._heard else time.monotonic()


@dataclass(frozen=True)
class Patience:
    """Seconds for which a request is tried again, and what ends that early.

    The time of a server that says nothing counts once for all who ask it: a thousand requests to a dead server do not
    wait for it one after the other.
    """

    limit: float = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    silence: Silence = field(default_factory=Silence)

    @property
    def is_over(self) -> bool:
        """Whether the server has been silent for longer than anybody waits here."""
        since = self.silence.since
        return 0 < self.limit < (time.monotonic() - since if since is not None else 0)


class Attempts:
    """The tries of one request."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._begun = time.monotonic()
        self._pause = _FIRST_PAUSE

    def another(self, error: AtollError) -> bool:
        """Whether to try again, after an error: says so when it is time to."""
        if not error.retry:
            return False
        # Spread, so that all who were refused at once do not come back at once.
        pause = self._pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
        self._pause = min(self._pause * 2, _LAST_PAUSE)
        pause = max(pause, getattr(error, "retry_after", 0.0))
        if time.monotonic() + pause > self._end(error):
            return False
        return not self._patience.cancelled.wait(pause)

    def _end(self, error: AtollError) -> float:
        since = self._patience.silence.since
        begun = min(since, self._begun) if since and isinstance(error, UnavailableError) else self._begun
        return begun + self._patience.limit
