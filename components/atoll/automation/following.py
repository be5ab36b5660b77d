"""Reading the engine's event log while it grows."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from atoll.automation.events import Message, Reader, Result, Severity

_TAIL_PAUSE = 0.05
_HEAD = 64
"""Bytes at the beginning of an event log that no other has: the time is in them."""
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
            rest, head = "", b""
            while True:
                last = self._ended.is_set()
                begin = os.pread(stream.fileno(), _HEAD, 0)
                if begin[: len(head)] != head:
                    # The engine writes the file anew when it goes from its preview on to its run.
                    stream.seek(0)
                    rest = ""
                head = begin
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
            if not isinstance(entry, Message):
                self._seen.add(None)
            elif entry.severity is not Severity.PROGRESS:
                # What only began tells nothing of how it ended.
                self._seen.add(entry.severity)
            self._listen(entry)
