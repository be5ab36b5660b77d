"""How much memory an engine's plugins take together, sampled while it runs."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import psutil

_PAUSE = 0.1
_PLUGIN = re.compile(r"pulumi-resource-|atoll[./]provider|pulumi-language-\w+$")
"""What an argument of a plugin looks like, whoever made it: providers and the language host, not the program."""


class Taken(NamedTuple):
    """`rss` counts what processes share once for each of them, `pss` once in all; both in bytes."""

    processes: int = 0
    rss: int = 0
    pss: int = 0


class Sampler:
    """Looks again and again while its block runs; `highest` holds the highest of each figure."""

    def __init__(self, engine_home: Path) -> None:
        self._home, self.highest = str(engine_home), Taken()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(_PAUSE):
            found = list(self._plugins())
            sums = (len(found), sum(each.rss for each in found), sum(each.pss for each in found))
            self.highest = Taken(*map(max, self.highest, sums))

    def _plugins(self) -> Iterator[Taken]:
        for process in psutil.process_iter():
            try:
                if any(map(_PLUGIN.search, process.cmdline())) and (
                    process.environ().get("PULUMI_HOME") == self._home
                ):
                    memory = process.memory_full_info()
                    yield Taken(1, memory.rss, memory.pss)
            except psutil.Error:
                continue  # it ended in between
