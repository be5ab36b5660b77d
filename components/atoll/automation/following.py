"""Reading the engine's event log while it grows."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from atoll.automation.events import Message, Reader, Result, Severity

_TAIL_PAUSE = 0.05
Listener = Callable[[Result | Message], None]


class Follower:
    """Reads the engine's event log while it grows."""

    def __init__(self, log: Path, listen: Listener, reader: Reader, *, preview: bool) -> None:
        self._log, self._listen, self._reader, self._preview = log, listen, reader, preview
        self._seen: set[Severity | None] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def finish(self) -> set[Severity | None]:
        """Reads the rest; returns what kinds of messages there were, None for a result."""
        self._ended.set()
        self._thread.join()
        return self._seen

    def _follow(self) -> None:
        with self._log.open() as stream:
            rest = ""
            while True:
                last = self._ended.is_set()
                rest += stream.read()
                *whole, rest = rest.split("\n")
                for line in whole:
                    # One that a full disk cut off tells nothing.
                    with contextlib.suppress(ValueError):
                        self._tell(json.loads(line))
                if last:
                    return
                time.sleep(_TAIL_PAUSE)

    def _tell(self, event: Mapping[str, Any]) -> None:
        for entry in self._reader.read(event, time.monotonic(), preview=self._preview):
            self._seen.add(entry.severity if isinstance(entry, Message) else None)
            self._listen(entry)
