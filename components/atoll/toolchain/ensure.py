"""Finding programs, and building those that are not there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from atoll.core.errors import ArgsError
from atoll.toolchain import build, cache, pins, probe, progress
from atoll.toolchain.pins import Asset, Program
from atoll.toolchain.progress import Event, Phase, Progress


class Source(StrEnum):
    """Where a program came from."""

    PATH = "PATH"
    BUILT = "built"


@dataclass(frozen=True)
class Found:
    """A program that is there."""

    path: Path
    version: str
    source: Source


@dataclass(frozen=True)
class _Missing:
    """What is to be made: `make` fills the folder `target`; only one run at a time does under `lock`."""

    wanted: Program | Asset
    target: Path
    lock: str
    make: Callable[[], None]


def find(name: str) -> Found | None:
    """A program that is there already: a fitting one on PATH, else the one built here."""
    program = _program(name)
    found = _companion(program) if program.comes_with else _on_path(program)
    if found:
        return found
    built = _target(program) / name
    return Found(built, program.version, Source.BUILT) if built.exists() else None


def ensure(names: Iterable[str] | None = None, progress: Progress = lambda _event: None) -> dict[str, Path]:
    """The paths of programs by name, built where they are missing.

    Unless named, all that an environment may run, and all assets.

    Raises:
        ArgsError: no program has such a name.
        UnavailableError: one cannot be had; the text says what to do.
        IntegrityError: a source is not the one that is locked.
    """
    wanted = [_program(name) for name in (pins.table().usual if names is None else names)]
    found = {program.name: find(program.name) for program in wanted}
    missing = [_absent(program) for program in wanted if found[program.name] is None]
    if names is None:
        missing += [each for each in map(_asset, pins.table().assets.values()) if not each.target.exists()]
    for number, each in enumerate(missing, start=1):
        _make(each, number, len(missing), progress)
    return {
        program.name: here.path if (here := found[program.name]) else _target(program) / program.name
        for program in wanted
    }


def version(name: str) -> str:
    """The version of the program that `ensure` chooses, be it there already or still to be built."""
    found = find(name)
    return found.version if found else _program(name).version


def asset(name: str) -> Path:
    """The folder with an asset's files, taken from its module when they are missing."""
    wanted = _asset(pins.table().assets[name])
    if not wanted.target.exists():
        _make(wanted, 1, 1, lambda _event: None)
    return wanted.target


def _make(missing: _Missing, number: int, total: int, tell: Progress) -> None:
    wanted = missing.wanted
    event = Event(wanted.name, Phase.STARTED, number, total, wanted.seconds)
    waiting = replace(event, phase=Phase.WAITING)
    with cache.locked(missing.lock, progress.told(tell, waiting, Phase.WAITING)):
        if missing.target.exists():
            tell(replace(event, phase=Phase.TAKEN))
            return
        with progress.told(tell, event, Phase.WORKING, Phase.DONE):
            missing.make()


def _on_path(program: Program) -> Found | None:
    """The first program on PATH that runs and fits; an older one before it is passed over."""
    for path in probe.on_path(program.name):
        version = probe.version(program, path)
        if version and program.takes(version):
            return Found(path, version, Source.PATH)
    return None


def _companion(program: Program) -> Found | None:
    """A program that tells no version, beside the one that it came with."""
    leader = find(program.comes_with)
    if leader and leader.source is Source.PATH:
        for folder in (leader.path.parent, leader.path.resolve().parent):
            if (folder / program.name).exists():
                return Found(folder / program.name, leader.version, Source.PATH)
    return None


def _absent(program: Program) -> _Missing:
    target = _target(program)
    # Programs of a group share most of their sources: one after the other, the second finds them compiled.
    return _Missing(program, target, program.group, lambda: build.program(program, target))


def _asset(wanted: Asset) -> _Missing:
    target = cache.entry("assets", wanted.name, wanted.key)
    return _Missing(wanted, target, f"asset-{wanted.name}", lambda: build.asset(wanted, target))


def _target(program: Program) -> Path:
    return cache.entry("tools", program.name, program.key)


def _program(name: str) -> Program:
    programs = pins.table().programs
    if name not in programs:
        near = get_close_matches(name, programs, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ArgsError(f"program: found {name!r}; expected one of: {', '.join(programs)}.{hint}")
    return programs[name]
