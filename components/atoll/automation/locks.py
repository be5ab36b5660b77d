"""What engines leave in the state when they are killed or the disk is full: locks on a stack, and half of a file."""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil

from atoll.core import files

_CLOCK_STEP = 1.0
"""Seconds by which a process's start, as the kernel tells it, may lie after the lock that it wrote."""
_ENGINE = "pulumi"
_BACKEND = "PULUMI_BACKEND_URL"
_WRITING = 30.0
"""Seconds after which nobody still writes a file: a lock has 200 bytes, a state some megabytes."""


def remains(state: Path, *, idle: bool) -> Iterator[Path]:
    """Files of the state whose writing was begun and never ended; among the locks one would lock the stack for ever.

    `idle`: no engine is at work on it. Else those are left out that one may be writing just now.

    Source: google/go-cloud, blob/fileblob/fileblob.go (createTemp): what is written gets its name when it is whole.
    """
    for path in state.rglob("*.tmp"):
        if idle or _is_settled(path):
            yield path


def is_engine(process: psutil.Process) -> bool:
    """Whether a process lives and is an engine, not one that an engine started."""
    try:
        return process.name() == _ENGINE
    except psutil.NoSuchProcess:
        return False


def _is_settled(path: Path) -> bool:
    """Whether a file was not written just now; one from the future was written before the clock was set back."""
    with contextlib.suppress(FileNotFoundError):
        return abs(time.time() - path.stat().st_mtime) > _WRITING
    return False


@dataclass(frozen=True)
class Lock:
    """Who holds a stack. Source: pulumi/pulumi, pkg/backend/diy/lock.go."""

    pid: int
    host: str
    user: str
    since: str
    path: Path = Path()

    @classmethod
    def read(cls, path: Path) -> "Lock":
        """From the engine's file; one that is half written belongs to nobody that can be named."""
        try:
            content = files.read_json(path, {})
        except ValueError:
            content = {}
        return cls(
            content.get("pid", 0),
            content.get("hostname", ""),
            content.get("username", ""),
            content.get("timestamp", ""),
            path,
        )

    def __str__(self) -> str:
        return f"pulumi at work (pid {self.pid} on {self.host or 'an unknown host'}, since {self.since or 'unknown'})"

    def is_dead(self) -> bool:
        """Whether its holder provably lives no more: this host, and no engine, or a younger one, has its pid.

        An engine goes on only when its lock is written: one that cannot be read, and was not written just now,
        was cut off together with the machine.
        """
        if not self.pid and not self.host:
            return _is_settled(self.path)
        if self.host != socket.gethostname():
            return False
        try:
            holder = psutil.Process(self.pid)
            # One that ended and that nobody has waited for yet works no more.
            if holder.status() == psutil.STATUS_ZOMBIE:
                return True
            return holder.name() != _ENGINE or (self._is_older_than(holder) and not self._is_held_by(holder))
        except psutil.NoSuchProcess:
            return True

    def _is_older_than(self, process: psutil.Process) -> bool:
        try:
            taken = datetime.fromisoformat(self.since).timestamp()
        except ValueError:
            return False
        return process.create_time() > taken + _CLOCK_STEP

    def _is_held_by(self, process: psutil.Process) -> bool:
        """Whether a process says that it works on this state: where the clock was set, its start says nothing."""
        try:
            backend = process.environ().get(_BACKEND, "")
        except psutil.AccessDenied:
            return True
        return Path(unquote(urlsplit(backend).path)) in self.path.parents


def remove(path: Path) -> None:
    """Removes a lock with what the engine keeps beside it."""
    for file in (path, path.with_name(f"{path.name}.attrs")):
        file.unlink(missing_ok=True)
