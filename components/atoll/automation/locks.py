"""What engines leave in the state when they are killed or the disk is full: locks on a stack, and half of a file."""

import contextlib
import json
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil

from atoll.automation import sealing
from atoll.host import Environment
from atoll.platform.inventory import State

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


class Life(StrEnum):
    """What is known of a lock's holder from here; only what is provably dead is ever broken."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Lock(ABC):
    """Who holds a stack, as the engine tells it. Source: pulumi/pulumi, pkg/backend/diy/lock.go."""

    pid: int
    host: str
    user: str
    since: str

    def __str__(self) -> str:
        who = f"pid {self.pid} on {self.host or 'an unknown host'}, since {self.since or 'unknown'}"
        return f"pulumi at work ({who})"

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it lies: a path, or a URL."""

    @abstractmethod
    def life(self) -> tuple[Life, str]:
        """What is known of its holder, and why that is so."""

    @abstractmethod
    def remove(self) -> None:
        """Breaks it."""

    def is_dead(self) -> bool:
        """Whether its holder provably lives no more."""
        return self.life()[0] is Life.DEAD

    @property
    def taken(self) -> float | None:
        """When it was taken, in seconds since 1970."""
        try:
            return datetime.fromisoformat(self.since).timestamp()
        except ValueError:
            return None

    def holder(self) -> psutil.Process | None:
        """The engine on this machine that has its process id, or None."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            # One that ended and that nobody has waited for yet works no more, nor does one that ends: it has no arguments.
            if process.status() != psutil.STATUS_ZOMBIE and process.name() == _ENGINE and process.cmdline():
                return process
        return None


def content(text: str | bytes) -> tuple[int, str, str, str]:
    """What an engine wrote: pid, host, user, time; what is half written belongs to nobody that can be named."""
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    return told.get("pid", 0), told.get("hostname", ""), told.get("username", ""), told.get("timestamp", "")


def backend(process: psutil.Process) -> str | None:
    """The state that an engine works on, as its variables say; None where they are not ours to see."""
    try:
        return process.environ().get(_BACKEND, "")
    except psutil.Error:
        return None


@dataclass(frozen=True)
class FileLock(Lock):
    """A lock in a state on this machine."""

    path: Path

    @classmethod
    def read(cls, path: Path) -> "FileLock":
        """From the engine's file."""
        try:
            text = path.read_text(errors="replace")
        except FileNotFoundError:
            text = ""
        return cls(*content(text), path)

    @property
    def place(self) -> str:
        """Its path."""
        return str(self.path)

    def life(self) -> tuple[Life, str]:
        """This host, and no engine, or a younger one, has its pid: it is dead.

        An engine goes on only when its lock is written: one that cannot be read, and was not written just now,
        was cut off together with the machine.
        """
        if not self.pid and not self.host:
            if _is_settled(self.path):
                return Life.DEAD, "it was cut off while it was written"
            return Life.UNKNOWN, "it may be being written just now"
        if self.host != socket.gethostname():
            return Life.UNKNOWN, elsewhere(self)
        holder = self.holder()
        if holder and not (self._is_older_than(holder) and not self._is_held_by(holder)):
            return Life.ALIVE, "its engine runs on this machine"
        return Life.DEAD, "its engine no longer runs on this machine"

    def remove(self) -> None:
        """Removes it with what the engine keeps beside it."""
        for file in (self.path, self.path.with_name(f"{self.path.name}.attrs")):
            file.unlink(missing_ok=True)

    def _is_older_than(self, process: psutil.Process) -> bool:
        return self.taken is not None and process.create_time() > self.taken + _CLOCK_STEP

    def _is_held_by(self, process: psutil.Process) -> bool:
        """Whether a process says that it works on this state: where the clock was set, its start says nothing."""
        told = backend(process)
        return told is None or Path(unquote(urlsplit(told).path)) in self.path.parents


def elsewhere(lock: Lock) -> str:
    """Why nothing is known of a lock of another host."""
    return f"whether pid {lock.pid} still runs on {lock.host} cannot be known from {socket.gethostname()}"


Locks = Callable[[], Sequence[Lock]]
"""The locks on a stack, as they are now."""


def of(environment: Environment, state: State | None) -> Locks:
    """Where the locks on an environment's stack lie: in its folder, or in the bucket of its state."""
    if state is None:
        return lambda: in_folder(environment)
    from atoll.automation.bucket_locks import Bucket  # noqa: PLC0415 - boto3 loads for half a second, and most states need none

    return Bucket(environment, state).locks


def in_folder(environment: Environment) -> list[Lock]:
    """The locks in a state on this machine."""
    return [
        FileLock.read(path) for path in sorted((environment.state / place(environment.name)).glob("*.json"))
    ]


def place(environment: str) -> str:
    """The folder of a stack's locks in a state."""
    return f".pulumi/locks/organization/{sealing.PROJECT}/{environment}"
