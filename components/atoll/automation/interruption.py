"""Interrupts of a command: the first ends it in order, a second one at once, and either says how to go on."""

import contextlib
import itertools
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType

from atoll.automation import journal

_SAME = 0.5
"""Seconds within which two signals are one: a terminal sends its own beside that of a wrapper which passes it on."""
_ORDERLY, _AT_ONCE = 1, 2


class EngineEnded(KeyboardInterrupt):
    """An engine was at work when its command was interrupted; `by` is the signal that ended it."""

    def __init__(self, by: int) -> None:
        super().__init__()
        self.by = by


def listen() -> None:
    """Makes SIGINT, SIGTERM and a closed terminal raise KeyboardInterrupt, twice at most: what clears up is left alone.

    A terminal that is closed interrupts nothing where nohup said so.
    """
    asked, last = itertools.count(_ORDERLY), -_SAME

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _SAME:
            return
        last = now
        if next(asked) <= _AT_ONCE:
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, interrupt)


def over() -> None:
    """Minds no interrupt any more: what was to be done is done, and its exit code says how."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def told(environment: str, purpose: str) -> Iterator[None]:
    """Says of an interrupt within what it left, and how to go on."""
    try:
        yield
    except KeyboardInterrupt as error:
        what = f"environment {environment}: `atoll {purpose}` was interrupted{_left(error)}"
        how = f"To go on, run it again: atoll {purpose} {environment}"
        # Past whatever shows a run: who asked for JSON wants to know it too.
        if log := journal.current():
            log.warning(what)
            log.warning(how)
        else:
            sys.stderr.write(f"{what}\n{how}\n")
            sys.stderr.flush()
        raise


def _left(error: BaseException) -> str:
    by = _ended_by(error)
    if by is None:
        return " while no engine ran; its state is kept as it was."
    if by == signal.SIGINT:
        return "; the engine ended in order, and its state has all that it did."
    return "; the engine was ended at once, and its state is kept. What it had begun is taken up by the next run."


def _ended_by(error: BaseException | None) -> int | None:
    """The signal that ended the engine; a second interrupt hides the first one."""
    while error is not None:
        if isinstance(error, EngineEnded):
            return error.by
        error = error.__context__
    return None
