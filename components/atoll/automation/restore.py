"""An environment from its backup: proven first, fitted to this machine, and put in place at once."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from atoll import toolchain
from atoll.automation import age, archives, manifests, sealing
from atoll.automation.age import Key
from atoll.automation.events import Message, Severity
from atoll.automation.manifests import ENVIRONMENT, STACKS, Manifest
from atoll.automation.show import Screen
from atoll.cluster import effects as members
from atoll.cluster.local import launch, lean
from atoll.cluster.local.launch import Local
from atoll.core import files
from atoll.core.errors import ArgsError, IntegrityError, RefusedError, UnavailableError
from atoll.federation.local import effects as planes
from atoll.host import Environment, Ports, Supervisor, remains
from atoll.platform import CONTROL_PLANE
from atoll.provider import plugins
from atoll.registry.local import launch as registries
from atoll.registry.local.seat import PROGRAM

_PURPOSE, _ASIDE = "restore", "replaced"
_PORTS = "ports.json"
_MOVED = "moved"
_READABLE = 0o644
"""Of files in the checkout, which hold no secret."""


@dataclass(frozen=True)
class Report:
    """A restored environment: `ports` says whether it has those that it had."""

    environment: str
    created: str
    files: int
    ports: bool
    clusters: list[str]
    differing: list[str]

    def values(self) -> dict[str, Any]:
        """The report for programs."""
        return asdict(self)


def restore(
    environment: Environment, source: Path, key: Key, screen: Screen, *, over: bool = False
) -> Report:
    """Brings an environment to this machine as it was when its backup was made. Nothing of it is started.

    All is unpacked, checked and fitted beside its place; until then nothing that is there is touched.

    Raises:
        RefusedError: it is there already, or cannot be taken over by the programs of this checkout.
        IntegrityError: the file is damaged, or this key does not open it.
    """
    environment.refuse_long()
    if environment.exists and not over:
        raise RefusedError(
            f"environment {environment.name}: found it on this machine; expected none (a restore would replace it). "
            f"Run: atoll down {environment.name}, or add --replace"
        )
    _refuse_closed(environment.project / STACKS)
    with _held(environment), screen.beating("restore"):
        for left in environment.begun():
            shutil.rmtree(left)
        place = environment.beside(_PURPOSE)
        try:
            screen.progress(f"checking {source}")
            manifest = _unpacked(environment, source, key, place)
            staged = Environment(environment.project, environment.name, place / ENVIRONMENT)
            launch.refuse(staged, staged.cluster_names)
            toolchain.ensure(progress=lambda event: screen.say(str(event)))
            if registries.names(staged):
                toolchain.ensure([PROGRAM], lambda event: screen.say(str(event)))
            same = _fit(environment, staged)
            _put(environment, staged)
            differing = _declare(environment, place / STACKS)
        finally:
            shutil.rmtree(place)
    report = Report(
        environment.name, manifest.created, len(manifest.files), same, environment.cluster_names, differing
    )
    _tell_all(report, screen)
    return report


@contextmanager
def _held(environment: Environment) -> Iterator[None]:
    """Holds the environment's place; one that was not there before is not there after a failure either."""
    fresh = not environment.folder.exists()
    with environment.locked("restore"):
        try:
            yield
        except BaseException:
            if fresh:
                Ports(environment).release_block()
                environment.remove()
            raise


def _unpacked(environment: Environment, source: Path, key: Key, place: Path) -> Manifest:
    """Everything that a backup holds, written into a folder once it proved genuine."""
    try:
        with source.open("rb") as stream:
            age.refuse_other(stream)
            manifest = key.open(stream, lambda plain: archives.unpack(plain, place))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ArgsError(
            f"{source}: found no file; expected a backup, as `atoll backup` writes it."
        ) from error
    except (ArgsError, IntegrityError, RefusedError) as error:
        raise type(error)(f"{source}: {error}.") from error
    if (manifest.project, manifest.environment) != (sealing.PROJECT, environment.name):
        raise RefusedError(
            f"{source}: found a backup of environment {manifest.environment!r} of {manifest.project!r}; expected one "
            f"of {environment.name!r} (its keys and its state carry its name). Run: atoll restore "
            f"{manifest.environment} {source}"
        )
    return manifest


def _fit(environment: Environment, staged: Environment) -> bool:
    """Makes what was unpacked fit this machine: ports, paths, programs. Returns whether the ports are those it had.

    What is to run is described anew, so that no file decides on it that somebody else wrote.
    """
    staged.furnish()
    had: dict[str, int] = files.read_json(staged.folder / _PORTS, {})
    ports = Ports(environment).take_over(had)
    files.write_json(staged.folder / _PORTS, ports)
    described = {path.stem for path in staged.programs.iterdir()}
    shutil.rmtree(staged.programs)
    staged.furnish()
    for name in staged.cluster_names:
        local = _local(staged, name)
        local.write()
        # Before the programs are described, which tell what they read by its digest.
        _move(environment, staged, staged.clusters.glob(f"{name}/**/*.kubeconfig"))
        found = [each for each in local.described(local.programs) if each.name in described]
        if had != ports and name == CONTROL_PLANE:
            # Objects on the plane lead to ports of its own processes: as it differs, the next up writes them anew.
            found = [replace(each, revision=_MOVED) for each in found]
        Supervisor(staged).describe(found)
    for name in registries.names(staged):
        _describe_registry(environment, staged, name, described)
    _move(environment, staged, staged.programs.iterdir())
    environment.describe(staged.folder)
    return had == ports


def _describe_registry(environment: Environment, staged: Environment, name: str, described: set[str]) -> None:
    """Makes a registry fit: its settings hold paths and a port, and what is to run tells them by their digest."""
    place = registries.seat(staged, name)
    registries.write(staged, place, list(registries.passwords(place)))
    _move(environment, staged, [place.settings])
    if place.process in described:
        Supervisor(staged).describe([registries.program(place)])


def _move(environment: Environment, staged: Environment, paths: Iterable[Path]) -> None:
    """Rewrites files that were just written for the place where they are, for the one where they will be."""
    for path in paths:
        text = path.read_text()
        files.write(path, text.replace(_tail(environment, staged), f"/{environment.name}"))


def _tail(environment: Environment, staged: Environment) -> str:
    """What of the path differs. Nothing else has such a name, and there is nothing in it that a format escapes."""
    return f"/{staged.folder.relative_to(environment.folder.parent)}"


def _local(environment: Environment, name: str) -> Local:
    if name == lean.STORE:
        return members.store(environment)
    return planes.plane(environment, name) if name == CONTROL_PLANE else members.member(environment, name)


def _put(environment: Environment, staged: Environment) -> None:
    """Puts a folder in the environment's place. What was there ends first, and is removed last."""
    Supervisor(environment).stop()
    remains.end(remains.engines(environment))
    plugins.release(environment.engine_home)
    aside = environment.beside(_ASIDE)
    old = aside / ENVIRONMENT
    environment.folder.rename(old)
    try:
        staged.folder.rename(environment.folder)
    except BaseException:
        old.rename(environment.folder)
        raise
    shutil.rmtree(aside)


def _refuse_closed(stacks: Path) -> None:
    if not os.access(stacks, os.W_OK):
        raise UnavailableError(
            f"{stacks}: found a folder that cannot be written; expected one that can (the stack's settings belong "
            "there). Use a checkout that can be written."
        )


def _declare(environment: Environment, stacks: Path) -> list[str]:
    """Writes the stack's settings into the checkout, and those files of its inventory that it lacks.

    Returns the others, where they are not what they were.
    """
    differing = []
    for name in manifests.stack_files(environment.name):
        source, target = stacks / name, environment.project / STACKS / name
        if not source.exists():
            continue
        if target == environment.stack_settings or not target.exists():
            files.write(target, source.read_bytes(), _READABLE)
        elif target.read_bytes() != source.read_bytes():
            differing.append(f"{STACKS}/{name}")
    return differing


def _tell_all(report: Report, screen: Screen) -> None:
    where = f"environment {report.environment}"
    if not report.ports:
        line = "found its ports taken on this machine; it has others. The next up writes that down"
        screen.listen(Message(Severity.WARNING, f"{where}: {line}"))
    for name in report.differing:
        line = "found other than it was then; the next up makes the environment fit it"
        screen.listen(Message(Severity.WARNING, f"{name}: {line}"))
    screen.say(
        f"{where}: restored as it was at {report.created} ({report.files} files). Run: atoll up {report.environment}"
    )
