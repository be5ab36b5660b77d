"""The ways in which a local member fails: its API server is killed and stays away, or frozen."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import psutil

from atoll.host import Supervisor

Revive = Callable[[], object]
"""Brings the member back."""
_LIMIT = 180.0


@contextlib.contextmanager
def killed(supervisor: Supervisor, server: str) -> Iterator[Revive]:
    """Its API server is gone from one moment to the next, and nobody starts it but what is given, or the end of the block."""
    programs = [program for program in [supervisor.described(server)] if program]
    process, ending = (
        _process(supervisor, server),
        threading.Thread(target=supervisor.remove, args=([server],)),
    )
    # The supervisor would start anew what is killed: it is asked to end it, which a stopped one does not hear.
    process.suspend()
    ending.start()
    until(lambda: getattr(supervisor.state(server), "state", None) == "STOPPING")
    process.kill()
    ending.join()
    try:
        yield lambda: supervisor.ensure(programs)
    finally:
        supervisor.ensure(programs)


@contextlib.contextmanager
def frozen(supervisor: Supervisor, server: str) -> Iterator[Revive]:
    """Its API server takes connections and never answers."""
    process = _process(supervisor, server)
    process.suspend()
    try:
        yield process.resume
    finally:
        process.resume()


def until(condition: Callable[[], bool]) -> None:
    """Waits until it is so, for three minutes at most."""
    end = time.monotonic() + _LIMIT
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)


def _process(supervisor: Supervisor, server: str) -> psutil.Process:
    (found,) = (each for each in supervisor.processes() if each.name == server)
    return psutil.Process(found.pid)
