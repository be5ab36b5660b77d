"""Which clusters have answered the run at work: written by the command, read by the providers that serve its engine.

The engine looks at everything that is live before it writes anything. Whoever looks at a cluster that is dead would
hold up that first part, and with it the others, for the seconds of a time limit; the command has asked already.
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from atoll.core import files
from atoll.core.errors import UnavailableError
from atoll.host.environment import VARIABLE, Environment

PATIENCE = 1.5
"""Seconds from the beginning of a run after which a cluster that has not answered it is taken to be silent.

The engine needs about as many before its first look; each cluster is asked at once and needs three round trips.
"""
_PAUSE = 0.05
_NAME = "hearing.json"


class Hearing:
    """The clusters that a run has asked, and those that answered."""

    def __init__(self, environment: Environment, asked: Iterable[str]) -> None:
        self._path = environment.folder / _NAME
        self._record: dict[str, Any] = {
            **_owner(os.getpid()),
            "begun": time.time(),
            "asked": sorted(asked),
            "answered": [],
        }
        self._lock = threading.Lock()
        self._write()

    def heard(self, name: str) -> None:
        """A cluster answered."""
        with self._lock:
            if name not in self._record["answered"]:
                self._record["answered"].append(name)
                self._write()

    def end(self) -> None:
        """The run is over."""
        with self._lock:
            self._record["asked"] = []
            self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        # Without it a dead cluster is waited for, which is no reason to end.
        if self._record["asked"]:
            with contextlib.suppress(OSError):
                files.write_json(self._path, self._record)


def demand(name: str) -> None:
    """Lets nobody look at a cluster that is silent.

    Raises:
        UnavailableError: it has not answered the run at work.
    """
    if is_silent(name):
        raise UnavailableError(f"cluster {name}: found no answer to this run; expected a cluster to look at")


def is_silent(name: str) -> bool:
    """Whether a cluster has not answered the run that this process serves; waits for that while there is time.

    Nobody is silent where no run asks: an engine that was started by hand looks for itself.
    """
    while (
        (record := _read(os.environ.get(VARIABLE)))
        and name in record["asked"]
        and name not in record["answered"]
    ):
        if time.time() - record["begun"] > PATIENCE:
            return True
        time.sleep(_PAUSE)
    return False


def _read(folder: str | None) -> dict[str, Any] | None:
    """The record of a run that is alive."""
    with contextlib.suppress(OSError, ValueError, KeyError, psutil.Error):
        record: dict[str, Any] | None = files.read_json(Path(folder) / _NAME) if folder else None
        if record and _owner(record["pid"])["started"] == record["started"]:
            return record
    return None


def _owner(pid: int) -> dict[str, float]:
    return {"pid": pid, "started": psutil.Process(pid).create_time()}
