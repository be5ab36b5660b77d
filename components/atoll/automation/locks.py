"""The engine's own locks on a stack, which it never gives up when it is killed."""

import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from atoll.core import files

_CLOCK_STEP = 1.0
"""Seconds by which a process's start, as the kernel tells it, may lie after the lock that it wrote."""


@dataclass(frozen=True)
class Lock:
    """Who holds a stack. Source: pulumi/pulumi, pkg/backend/diy/lock.go."""

    pid: int
    host: str
    user: str
    since: str

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
        )

    def __str__(self) -> str:
        return f"pulumi at work (pid {self.pid} on {self.host or 'an unknown host'}, since {self.since or 'unknown'})"

    def is_dead(self) -> bool:
        """Whether its holder provably lives no more: this host, and no process, or a younger one, of its pid."""
        if self.host != socket.gethostname() or not self.pid:
            return False
        try:
            started = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return True
        try:
            taken = datetime.fromisoformat(self.since).timestamp()
        except ValueError:
            return False
        return started > taken + _CLOCK_STEP
