"""What an environment keeps of its past: so much, and no more."""

import shutil
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

from atoll.automation.engine import EVENTS
from atoll.automation.holding import RUNS
from atoll.core import files
from atoll.host import Environment

UPDATES = 50
"""How many runs of the engine are kept: for each what it did (history), and the state after and before it."""
BYTES = 32 << 20
"""How much the histories may take, and as much again the backups; the newest one stays, whatever its size."""


COPIES = ".backup."
"""How the name of a folder begins that a backup copies to; it holds all that is secret, as what it was copied from."""


def trim(environment: Environment) -> None:
    """Forgets old runs of the engine, which keeps two copies of the state for each of them for ever."""
    for kind in ("history", "backups"):
        for folder in (environment.state / ".pulumi" / kind).glob("*/*"):
            _forget(_old(_runs(folder)))


def keep_no_engine_logs(environment: Environment) -> None:
    """Lets the engine write no logs of its own: it has no switch for them, but goes on where their folder cannot be made.

    They are all it was told and said at its most verbose, encrypted: 5 MB and half a second for each run of 17 clusters.
    Source: pulumi/pulumi, pkg/logging/encrypted.go (StartLogging).
    """
    place = environment.engine_home / "logs"
    if place.is_dir():
        shutil.rmtree(place)
    if not place.exists():
        files.write(place, "In the place of a folder: see atoll.automation.retention.\n")


def sweep(environment: Environment) -> None:
    """Removes what commands left that were killed. The caller holds the environment: nobody else writes any."""
    for begun in (EVENTS, COPIES, RUNS):
        for left in environment.folder.glob(f"{begun}*"):
            shutil.rmtree(left, ignore_errors=True)


def _runs(folder: Path) -> list[list[Path]]:
    """The files of each run, the newest run first. Their names hold when it ended, in nanoseconds."""
    found: dict[str, list[Path]] = {}
    for path in folder.iterdir():
        stamp = max(path.name.replace("-", ".").split("."), key=lambda part: (part.isdigit(), len(part)))
        found.setdefault(stamp, []).append(path)
    return [found[stamp] for stamp in sorted(found, key=lambda stamp: (len(stamp), stamp), reverse=True)]


def _old(runs: list[list[Path]]) -> list[list[Path]]:
    """The runs that are too many, or too much."""
    sizes = accumulate(sum(path.stat().st_size for path in run) for run in runs)
    return [
        run
        for number, (run, size) in enumerate(zip(runs, sizes, strict=True))
        if number and (number >= UPDATES or size > BYTES)
    ]


def _forget(runs: Iterable[Iterable[Path]]) -> None:
    for run in runs:
        for path in run:
            path.unlink(missing_ok=True)
