"""What is told while programs are built, so that nobody waits in the dark."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum


class Phase(StrEnum):
    """Where the work on one program stands."""

    WAITING = "waiting for another run that builds"
    TAKEN = "built by another run"
    STARTED = "building"
    WORKING = "still building"
    DONE = "built"


@dataclass(frozen=True)
class Event:
    """One thing to tell: `number` of `total`; times in seconds, `expected` from nothing on two cores."""

    name: str
    phase: Phase
    number: int
    total: int
    expected: int
    elapsed: float = 0

    def __str__(self) -> str:
        line = f"[{self.number}/{self.total}] {self.name}: {self.phase}"
        if self.phase is Phase.TAKEN:
            return line
        about = " s" if self.phase is Phase.DONE else f" of about {self.expected} s"
        return f"{line}, {self.elapsed:.0f}{about}"


Progress = Callable[[Event], None]
_TICK = 15.0


@contextmanager
def told(progress: Progress, event: Event, meanwhile: Phase, end: Phase | None = None) -> Iterator[None]:
    """Tells an event now, every 15 s that it goes on (`meanwhile`), and its end where the body succeeds."""
    begin, over = time.monotonic(), threading.Event()

    def tell(phase: Phase) -> None:
        progress(replace(event, phase=phase, elapsed=time.monotonic() - begin))

    def tick() -> None:
        while not over.wait(_TICK):
            tell(meanwhile)

    progress(event)
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        over.set()
        ticker.join()
    if end:
        tell(end)
