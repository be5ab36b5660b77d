"""Who holds an environment, as the holder wrote it down for others."""

import os
import pwd
import socket
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from atoll.core import files


@dataclass(frozen=True)
class Holder:
    """A process, and whose it is and where. `since` is ISO 8601 in UTC; what nobody knows is 0 or empty."""

    purpose: str = ""
    pid: int = 0
    user: str = ""
    host: str = ""
    since: str = ""

    @classmethod
    def this(cls, purpose: str) -> "Holder":
        """This process."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(purpose, os.getpid(), _user(), socket.gethostname(), now)

    def __str__(self) -> str:
        who = f"pid {self.pid or '?'} of {self.user or '?'} on {self.host or '?'}"
        return f"`atoll {self.purpose or '?'}` at work ({who}, since {self.since or '?'})"


def read(path: Path) -> Holder:
    """Who wrote a file; it may be writing just now, and is unknown then."""
    try:
        told = files.read_json(path, {})
        return Holder(**{each.name: told[each.name] for each in fields(Holder) if each.name in told})
    except (ValueError, TypeError):
        return Holder()


def _user() -> str:
    """The user's name; one of a container that has none is told by its number."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
