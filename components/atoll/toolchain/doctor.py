"""What is there, and running every program once to say which work."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from atoll.toolchain import pins, probe
from atoll.toolchain.ensure import Found, Source, find
from atoll.toolchain.pins import Program

MISSING = "missing"


@dataclass(frozen=True)
class Listed:
    """Where one program is; `source` is PATH, built or missing, and the rest is empty where it is missing."""

    name: str
    wanted: str
    version: str
    source: str
    path: str

    def values(self) -> dict[str, Any]:
        """The entry for programs."""
        return asdict(self)


@dataclass(frozen=True)
class Report(Listed):
    """What is known of one program that was run; `problem` is empty where it works."""

    problem: str

    def values(self) -> dict[str, Any]:
        """The report for programs."""
        return {**asdict(self), "works": not self.problem}


def listing() -> list[Listed]:
    """Every program with where it is; built ones are not run."""
    return [Listed(*_where(program, find(program.name))) for program in _concerned()]


def examine() -> list[Report]:
    """Every program, run once."""
    return [_examine(program) for program in _concerned()]


def _concerned() -> list[Program]:
    """What every environment may run; what some or tests alone do only where it is there."""
    table = pins.table()
    return [each for each in table.programs.values() if each.name in table.usual or find(each.name)]


def _examine(program: Program) -> Report:
    found = find(program.name)
    name, wanted, version, source, path = _where(program, found)
    if found is None:
        return Report(name, wanted, version, source, path, "not there. Run: atoll tools install")
    told = probe.ask(program, found.path)
    return Report(name, wanted, told or version, source, path, _problem(program, found, told))


def _where(program: Program, found: Found | None) -> tuple[str, str, str, str, str]:
    if found is None:
        return (program.name, program.version, "", MISSING, "")
    return (program.name, program.version, found.version, found.source.value, str(found.path))


def _problem(program: Program, found: Found, told: str | None) -> str:
    whole = found.source is Source.PATH or not program.beside or _has_company(found.path)
    if told is not None and whole:
        return ""
    what = "it does not run" if whole else "a file that belongs beside it is missing"
    if found.source is Source.PATH:
        return f"{what}. Mend it, or take it off PATH"
    return f"{what}. Run: rm -r {found.path.parent} && atoll tools install"


def _has_company(path: Path) -> bool:
    return any(other != path for other in path.parent.iterdir())
