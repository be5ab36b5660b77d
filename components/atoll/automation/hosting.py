"""What the engine needs beside it, begun ahead of it: what runs the program, and what serves the plugins, load for a while."""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from atoll.core.command import Serving

_PROGRAM = "atoll.provider.program"
"""Named and not imported: it loads what a command has no use for."""
_NEEDED_BY = frozenset({"up", "plan"})
_begun: list[Serving] = []


def foresee(words: Sequence[str]) -> None:
    """Begins one where a command, by its words, will need it: it loads beside the command. One that nobody takes ends with it."""
    if words and words[0] in _NEEDED_BY and "--help" not in words:
        _begun.append(_one())


@contextlib.contextmanager
def program(folder: Path, address: str, variables: Mapping[str, str]) -> Iterator[None]:
    """Serves the program of a folder at an address (`unix:PATH`) while the block runs; `variables` are its whole environment.

    Raises:
        CommandError: it cannot run; the text has its last words.
    """
    while _begun and not _begun[-1].alive:
        _begun.pop().end()
    host = _begun.pop() if _begun else _one()
    try:
        host.tell(json.dumps({"folder": str(folder), "address": address, "variables": dict(variables)}))
        yield
    finally:
        host.end()


def load_plugins(engine_home: Path, project: Path, variables: Mapping[str, str]) -> None:
    """Starts what serves the plugins of an engine home, where it does not run; whoever asks for it goes on meanwhile.

    `variables` are the whole environment of its engine, which works in the folder `project`.
    """
    from atoll.provider import plugins  # noqa: PLC0415 - it loads much, and this module is the first that a command loads

    where = (engine_home, project, dict(variables))
    threading.Thread(target=plugins.start_ahead, args=where, daemon=True).start()


def _one() -> Serving:
    # What it loads reads variables too, and must not see the caller's in the place of those that it is told.
    hidden = ("PULUMI_", "OTEL_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return Serving([sys.executable, "-P", "-m", _PROGRAM], env=variables)
