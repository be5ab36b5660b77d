"""A state that was cut off gives way to the newest whole copy of it, of which the engine keeps several.

The engine gives a file of its state the name also where the disk took only the beginning of it, and a machine that loses
its power may lose the end of what was written last.

Source: WriteAll and Writer.Write in google/go-cloud, blob/blob.go (the digest is of what was to be written);
saveCheckpoint in pulumi/pulumi, pkg/backend/diy/state.go (a copy of the state before goes beside it, as .bak: a full disk
cuts off both, and a first run has no other).
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from atoll.automation import locks, sealing
from atoll.core import files
from atoll.core.errors import IntegrityError
from atoll.host import Environment, remains

_EVERY = 0.2
"""How often a state is looked at while an engine writes it, in seconds."""


class Keeper:
    """Gives each whole state that the engine writes a second name, while the block runs.

    The engine replaces its file, so that a second name keeps what was there; and it takes no room, which a full disk has
    not. It stays after a run whose last state is not whole.
    """

    def __init__(self, environment: Environment) -> None:
        self._kept, self._second = sealing.kept(environment), _second(environment)
        self._trial = self._second.with_name(f"{self._second.name}.trial")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        if self._look():
            self._second.unlink()

    def _follow(self) -> None:
        while not self._end.wait(_EVERY):
            self._look()

    def _look(self) -> bool:
        """Returns whether the state as it is now is whole and has its second name."""
        # A disk that is broken otherwise, or a state that is not there yet, has none.
        with contextlib.suppress(OSError):
            if self._second.exists() and self._second.samefile(self._kept):
                return True
            os.link(self._kept, self._trial)
            try:
                if _whole(self._trial) is not None:
                    self._trial.replace(self._second)
                    return True
            finally:
                self._trial.unlink(missing_ok=True)
        return False


def mend(environment: Environment) -> str:
    """Puts a whole copy in the place of a state that was cut off; returns what was done, empty where there was no need.

    While an engine is at work nothing is done: it is the one that writes.

    Raises:
        IntegrityError: there is no whole copy.
    """
    kept = sealing.kept(environment)
    if (
        not kept.exists()
        or _whole(kept) is not None
        or any(map(locks.is_engine, remains.engines(environment)))
    ):
        return ""
    for copy in _copies(environment):
        if content := _whole(copy):
            since = datetime.fromtimestamp(copy.stat().st_mtime, UTC)
            files.write(kept, content)
            return (
                f"environment {environment.name}: found its state cut off, and took the copy of {since:%Y-%m-%d %H:%M:%S} "
                "UTC instead"
            )
    raise IntegrityError(
        f"{kept}: found a state that was cut off, and no whole copy of it; expected one. Restore a backup, or begin anew: "
        f"atoll down {environment.name}, then atoll up {environment.name}"
    )


def _copies(environment: Environment) -> Iterator[Path]:
    """Copies of the state, the newest first: those of the steps before and those of whole runs."""
    kept = sealing.kept(environment)
    runs = environment.state / ".pulumi"
    found = [
        _second(environment),
        kept.with_name(f"{kept.name}.bak"),
        *(runs / "history" / sealing.PROJECT / environment.name).glob("*.checkpoint.json"),
        *(runs / "backups" / sealing.PROJECT / environment.name).glob("*.json"),
    ]
    there = [path for path in found if path.exists()]
    yield from sorted(there, key=lambda path: path.stat().st_mtime, reverse=True)


def _second(environment: Environment) -> Path:
    """The second name of a state while it is written."""
    return environment.state / "whole.json"


def _whole(path: Path) -> str | None:
    """What a file holds, or None where it is no whole JSON."""
    try:
        content = path.read_text()
        json.loads(content)
    except (FileNotFoundError, ValueError):
        return None
    return content
