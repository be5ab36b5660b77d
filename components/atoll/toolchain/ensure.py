"""Finding programs, and building those that are not there."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from atoll.core.errors import ArgsError
from atoll.toolchain import build, cache, probe
from atoll.toolchain.progress import Event, Phase, Progress, told
from atoll.toolchain.table import Program, table


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


def find(name: str) -> Found | None:
    """A program that is there already: a fitting one on PATH, else the one built here."""
    program = _program(name)
    if program.comes_with:
        leader = find(program.comes_with)
        if leader and leader.source is Source.PATH and (leader.path.parent / name).exists():
            return Found(leader.path.parent / name, leader.version, Source.PATH)
    elif path := probe.on_path(name):
        version = probe.version(program, path)
        if version and program.takes(version):
            return Found(path, version, Source.PATH)
    built = _target(program) / name
    return Found(built, program.version, Source.BUILT) if built.exists() else None


def ensure(names: Iterable[str] | None = None, progress: Progress = lambda _event: None) -> dict[str, Path]:
    """The paths of programs by name (all of them unless named), built where they are missing.

    Raises:
        ArgsError: no program has such a name.
        UnavailableError: one cannot be had; the text says what to do.
    """
    wanted = [_program(name) for name in (table().programs if names is None else names)]
    found = {program.name: find(program.name) for program in wanted}
    missing = [program for program in wanted if found[program.name] is None]
    built = {
        program.name: _build(program, number, len(missing), progress)
        for number, program in enumerate(missing, start=1)
    }
    return {name: built[name] if here is None else here.path for name, here in found.items()}


def asset(name: str) -> Path:
    """The folder with an asset's files, taken from its module when they are missing."""
    wanted = table().assets[name]
    target = cache.entry("assets", name, wanted.key)
    if not target.exists():
        with cache.locked(f"asset-{name}"):
            if not target.exists():
                build.asset(wanted, target)
    return target


def _build(program: Program, number: int, total: int, progress: Progress) -> Path:
    target = _target(program)
    event = Event(program.name, Phase.STARTED, number, total, program.seconds)
    with cache.locked(program.group) as waited:
        if waited:
            progress(Event(program.name, Phase.WAITING, number, total, program.seconds))
        if not target.exists():
            with told(progress, event):
                build.program(program, target)
    return target / program.name


def _target(program: Program) -> Path:
    return cache.entry("tools", program.name, program.key)


def _program(name: str) -> Program:
    programs = table().programs
    if name not in programs:
        near = get_close_matches(name, programs, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ArgsError(f"program: found {name!r}; expected one of: {', '.join(programs)}.{hint}")
    return programs[name]
