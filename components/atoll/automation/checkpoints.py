"""A state that was cut off gives way to the newest whole copy of it, of which the engine keeps several.

The engine gives a file of its state the name also where the disk took only the beginning of it, and a machine that loses
its power may lose the end of what was written last.

Source: WriteAll and Writer.Write in google/go-cloud, blob/blob.go (the digest is of what was to be written);
saveCheckpoint in pulumi/pulumi, pkg/backend/diy/state.go (a copy of the state before goes beside it, as .bak).
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from atoll.automation import locks, sealing
from atoll.core import files
from atoll.core.errors import IntegrityError
from atoll.host import Environment, remains


def mend(environment: Environment) -> str:
    """Puts a whole copy in the place of a state that was cut off; returns what was done, empty where there was no need.

    While an engine is at work nothing is done: it is the one that writes.

    Raises:
        IntegrityError: there is no whole copy.
    """
    kept = sealing.kept(environment)
    if (
        not kept.exists()
        or _whole(kept) is not None
        or any(map(locks.is_engine, remains.engines(environment)))
    ):
        return ""
    for copy in _copies(environment):
        if content := _whole(copy):
            since = datetime.fromtimestamp(copy.stat().st_mtime, UTC)
            files.write(kept, content)
            return (
                f"environment {environment.name}: found its state cut off, and took the copy of {since:%Y-%m-%d %H:%M:%S} "
                "UTC instead"
            )
    raise IntegrityError(
        f"{kept}: found a state that was cut off, and no whole copy of it; expected one. Restore a backup, or begin anew: "
        f"atoll down {environment.name}, then atoll up {environment.name}"
    )


def _copies(environment: Environment) -> Iterator[Path]:
    """The engine's copies of the state, the newest first: the one of the step before, then those of whole runs."""
    kept = sealing.kept(environment)
    yield kept.with_name(f"{kept.name}.bak")
    runs = environment.state / ".pulumi"
    whole = [
        *(runs / "history" / sealing.PROJECT / environment.name).glob("*.checkpoint.json"),
        *(runs / "backups" / sealing.PROJECT / environment.name).glob("*.json"),
    ]
    yield from sorted(whole, key=lambda path: path.stat().st_mtime, reverse=True)


def _whole(path: Path) -> str | None:
    """What a file holds, or None where it is no whole JSON."""
    try:
        content = path.read_text()
        json.loads(content)
    except (FileNotFoundError, ValueError):
        return None
    return content
