"""The engines that an environment started and that have not ended by themselves: what proves whose a lock in a bucket is.

A lock there names host and process, and other machines, above all containers, may have the same names and numbers.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from atoll.core import files
from atoll.host import Environment

_SOON = 120
"""Seconds within which an engine takes its lock: it has to load, and to ask the bucket."""
FILE = "engines.started"
_NOTING = """printf '%s %s\\n' $$ "$(date +%s)" >> "$0" && exec "$@" """


def noting(environment: Environment) -> tuple[str, ...]:
    """The words that go before those of an engine, so that it is written down before it begins, whoever is killed then."""
    return ("sh", "-c", _NOTING, str(_file(environment)))


def forget(environment: Environment, pid: int) -> None:
    """Forgets an engine that ended by itself: it has given its lock back."""
    left = [each for each in _read(environment) if each[0] != pid]
    if left:
        files.write(_file(environment), "".join(f"{each} {since}\n" for each, since in left))
    else:
        _file(environment).unlink(missing_ok=True)


def is_ours(environment: Environment, pid: int, taken: float) -> bool:
    """Whether a lock that was taken then is of an engine that this environment started, and that was killed or runs."""
    return any(each == pid and -1 <= taken - since <= _SOON for each, since in _read(environment))


def _read(environment: Environment) -> Iterator[tuple[int, int]]:
    with contextlib.suppress(FileNotFoundError):
        for line in _file(environment).read_text().splitlines():
            pid, _, since = line.partition(" ")
            # One that a full disk cut off proves nothing.
            if pid.isdecimal() and since.isdecimal():
                yield int(pid), int(since)


def _file(environment: Environment) -> Path:
    return environment.folder / FILE
