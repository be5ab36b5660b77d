"""Holding the stores of an environment still while their files are copied.

A store that stands still has its files as a kill at that moment would leave them, which it takes up without a loss;
its clients keep their connections and wait. All stand still at once: what they hold fits together.
"""

import contextlib
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil

from atoll.core import files
from atoll.core.errors import NotReadyError
from atoll.host import remains
from atoll.host.environment import Environment

STORES = frozenset({"etcd", "registry"})
"""The programs whose files have to fit together: those of etcd, and blobs with what names them."""
_LIMIT = timedelta(seconds=10)
"""A thread that waits for the disk stands still once that has answered."""
_PAUSE = 0.005
_STILL = frozenset("tTZX")
"""What the kernel says of a thread that stands still, or is dead. Source: proc_pid_stat(5)."""


@contextlib.contextmanager
def still(environment: Environment) -> Iterator[list[psutil.Process]]:
    """Holds every store of the environment still, and yields them; whoever is killed here, `thaw` comes after.

    Raises:
        NotReadyError: one does not stand still, or one came or went meanwhile: the block's work is void.
    """
    with files.locked(_lock(environment)):
        stores = _stores(environment)
        files.write_json(_note(environment), [[each.pid, each.create_time()] for each in stores])
        try:
            for each in stores:
                each.suspend()
            _await(stores)
            yield stores
            # One that the supervisor started meanwhile wrote while others were copied.
            if set(_stores(environment)) != set(stores) or not all(map(_is_still, stores)):
                raise NotReadyError(
                    f"environment {environment.name}: found a store that came, went or moved while it was to stand "
                    "still; expected none. Run the same command again."
                )
        finally:
            _go_on(environment, stores)


def thaw(environment: Environment) -> None:
    """Lets those stores go on that somebody held still and was killed."""
    if not _note(environment).exists():
        return
    # Whoever holds them still now is waited for.
    with files.locked(_lock(environment)):
        noted = {tuple(each) for each in files.read_json(_note(environment), [])}
        _go_on(
            environment, [each for each in _stores(environment) if (each.pid, each.create_time()) in noted]
        )


def _go_on(environment: Environment, stores: list[psutil.Process]) -> None:
    for each in stores:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.resume()
    _note(environment).unlink(missing_ok=True)


def _stores(environment: Environment) -> list[psutil.Process]:
    found = []
    for each in remains.supervised(environment):
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.name() in STORES:
                found.append(each)
    return found


def _await(stores: list[psutil.Process]) -> None:
    end = time.monotonic() + _LIMIT.total_seconds()
    while not all(map(_is_still, stores)):
        if time.monotonic() > end:
            raise NotReadyError(
                f"store: found one that does not stand still within {_LIMIT.total_seconds():.0f} s; expected to "
                "copy its files. Look at what its disk does, and run the same command again."
            )
        time.sleep(_PAUSE)


def _is_still(process: psutil.Process) -> bool:
    """Whether none of its threads runs: one that the kernel has at work stops when it comes back from there."""
    try:
        threads = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):
        # A thread that ended in between, or the process: asked again, it is not among them.
        return False
    return bool(threads) and all(text.rpartition(") ")[2][:1] in _STILL for text in threads)


def _note(environment: Environment) -> Path:
    return environment.folder / "still.json"


def _lock(environment: Environment) -> Path:
    return environment.folder / "still.lock"
