"""What is told while programs are built, so that nobody waits in the dark."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum


class Phase(StrEnum):
    """Where the work on one program stands."""

    WAITING = "waiting for another build"
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
        about = f" of about {self.expected} s" if self.phase is not Phase.DONE else " s"
        return f"[{self.number}/{self.total}] {self.name}: {self.phase}, {self.elapsed:.0f}{about}"


Progress = Callable[[Event], None]
_TICK = 15.0


@contextmanager
def told(progress: Progress, event: Event) -> Iterator[None]:
    """Tells the start, the end, and in between every 15 s that the work goes on."""
    begin, over = time.monotonic(), threading.Event()

    def tick() -> None:
        while not over.wait(_TICK):
            progress(replace(event, phase=Phase.WORKING, elapsed=time.monotonic() - begin))

    progress(event)
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        over.set()
        ticker.join()
    progress(replace(event, phase=Phase.DONE, elapsed=time.monotonic() - begin))
