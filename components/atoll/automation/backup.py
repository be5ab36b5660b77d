"""An environment as one encrypted file: state, keys, certificates, logins and the data of its clusters."""

import importlib.metadata
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from atoll.automation import archives, manifests, processes, retention, sealing, started
from atoll.automation.age import Lock
from atoll.automation.locks import FileLock
from atoll.automation.manifests import ENVIRONMENT, STACKS, Manifest
from atoll.automation.show import Screen
from atoll.core import files, naming
from atoll.core.errors import ArgsError, LockedError, RefusedError
from atoll.host import Environment, freezing
from atoll.registry.local import buildkit
from atoll.secrets.local import seat

_OTHERS = frozenset(
    {
        "bin",
        "logs",
        "kubeconfigs",
        "environment.json",
        "holder.json",
        started.FILE,
        "still.json",
        buildkit.PROGRAM,
    }
)
"""What every command makes anew, or what tells of this place alone."""
_SUPERVISOR = "supervisor"
_ENGINE = "engine"
_CHOSEN = "plugins.json"
"""Of the engine's own folder: which plugins the state was written by."""
_LOCKS = "locks"
_COPIERS = 4


@dataclass(frozen=True)
class Report:
    """A backup that was made: `seconds` is how long the clusters' stores stood still, `clusters` are those in it."""

    file: str
    bytes: int
    files: int
    created: str
    seconds: float
    clusters: list[str]

    def values(self) -> dict[str, Any]:
        """The report for programs."""
        return asdict(self)


def backup(
    environment: Environment, target: Path, lock: Lock, screen: Screen, *, force: bool = False
) -> Report:
    """Writes the environment into a file, which appears whole or not at all.

    Raises:
        UnavailableError: there is no such environment.
        RefusedError: the file exists; `force` replaces it.
        LockedError: an engine is at work.
    """
    _refuse(environment, target, force=force)
    with processes.known(environment).locked("backup"), screen.beating("backup"):
        _refuse_engines(environment)
        freezing.thaw(environment)
        retention.sweep(environment)
        with _copied(environment, screen) as (sources, seconds):
            manifest = _manifest(environment, sources)
            screen.progress(f"encrypting {manifest.sizes() >> 20} MiB")
            with files.whole(target) as stream:
                lock.close(lambda plain: archives.pack(plain, manifest, sources), stream)
    report = Report(
        str(target),
        target.stat().st_size,
        len(manifest.files),
        manifest.created,
        round(seconds, 3),
        environment.cluster_names,
    )
    screen.say(
        f"environment {environment.name}: {report.files} files in {target} ({report.bytes / 1e6:.1f} MB, encrypted); "
        f"its stores stood still for {seconds:.2f} s"
    )
    if not seat.exists(environment):
        screen.say(
            f"environment {environment.name}: its keys are not in it; {sealing.provider(environment)} keeps them"
        )
    return report


def _refuse(environment: Environment, target: Path, *, force: bool) -> None:
    if environment.exists and not sealing.kept(environment).exists():
        raise RefusedError(
            f"environment {environment.name}: found no state of it on this machine; expected one (who keeps it in a bucket "
            "has it there, with its versions)"
        )
    if environment.folder in target.absolute().parents:
        raise ArgsError(
            f"{target}: found a place in the environment's own folder; expected one outside of it."
        )
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise ArgsError(
            f"{target}: found no place for a file; expected its folder to be there, and no folder itself."
        )
    if target.exists() and not force:
        raise RefusedError(f"{target}: found a file; expected none. Name another one, or add --force")


def _refuse_engines(environment: Environment) -> None:
    """Nobody may write the state: `pulumi` typed by hand knows nothing of our lock, and has one of its own."""
    for path in (environment.state / ".pulumi" / _LOCKS).rglob("*.json"):
        lock = FileLock.read(path)
        if not lock.is_dead():
            raise LockedError(
                f"environment {environment.name}: found {lock}; expected nobody. Wait for its end"
            )


@contextmanager
def _copied(environment: Environment, screen: Screen) -> Iterator[tuple[dict[str, Path], float]]:
    """The files as they were at one moment, by their names in a backup, and for how many seconds that lasted."""
    place = Path(tempfile.mkdtemp(dir=environment.folder, prefix=retention.COPIES))
    try:
        screen.progress("copying")
        with freezing.still(environment):
            begin = time.monotonic()
            names = {f"{ENVIRONMENT}/{name}": environment.folder / name for name in _own(environment)}
            stacks = [environment.project / STACKS / each for each in manifests.stack_files(environment.name)]
            names |= {f"{STACKS}/{path.name}": path for path in stacks if path.is_file()}
            with ThreadPoolExecutor(_COPIERS) as pool:
                copied = list(pool.map(lambda item: _copy(item[1], place / item[0]), names.items()))
            seconds = time.monotonic() - begin
        yield dict(zip(names, copied, strict=True)), seconds
    finally:
        shutil.rmtree(place)


def _copy(source: Path, target: Path) -> Path:
    files.folder(target.parent)
    shutil.copyfile(source, target)
    return target


def _own(environment: Environment) -> Iterator[str]:
    """The files in the environment's folder that make it what it is. What nobody knows here is among them."""
    for path in sorted(environment.folder.rglob("*")):
        name = path.relative_to(environment.folder)
        if path.is_file() and not path.is_symlink() and not _is_derived(name.parts):
            yield str(name)


def _is_derived(parts: tuple[str, ...]) -> bool:
    """Whether a file is made anew by whoever needs it, or was begun and never ended.

    A store prepares its next log as `0.tmp`, of 64 MB, and makes it anew where there is none.
    """
    first, last = parts[0], parts[-1]
    temporary = last.endswith((".tmp", ".lock")) or last == "lock" or last.startswith(".")
    gone = first in _OTHERS or first.startswith((_SUPERVISOR, ".", "removed.", "events."))
    if first == _ENGINE:
        return parts[1:] != (_CHOSEN,)
    return temporary or gone or (first == "state" and _LOCKS in parts)


def _manifest(environment: Environment, sources: dict[str, Path]) -> Manifest:
    return Manifest(
        importlib.metadata.version(naming.PACKAGE),
        sealing.PROJECT,
        environment.name,
        datetime.now(UTC).isoformat(timespec="seconds"),
        archives.entries(sources),
    )
