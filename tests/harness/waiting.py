"""Waiting for something to be so, with an end."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], what: str = "", seconds: float = 60) -> None:
    """Asks again and again until it is so; `what` says what was waited for."""
    end, pause = time.monotonic() + seconds, 0.005
    while not condition():
        assert time.monotonic() < end, f"{what or condition}: not so after {seconds} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
