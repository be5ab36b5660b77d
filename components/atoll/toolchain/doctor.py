"""Running every program once, to say which work."""

from dataclasses import asdict, dataclass
from typing import Any

from atoll.toolchain import probe
from atoll.toolchain.ensure import find
from atoll.toolchain.table import Program, table


@dataclass(frozen=True)
class Report:
    """What is known of one program; `problem` is empty where it works."""

    name: str
    wanted: str
    version: str
    source: str
    path: str
    problem: str

    def values(self) -> dict[str, Any]:
        """The report for programs."""
        return {**asdict(self), "works": not self.problem}


def examine() -> list[Report]:
    """Every program, run once."""
    return [_examine(program) for program in table().programs.values()]


def _examine(program: Program) -> Report:
    found = find(program.name)
    if found is None:
        return Report(program.name, program.version, "", "", "", "not there. Run: atoll tools install")
    told = probe.ask(program, found.path)
    problem = "it does not run. Remove it and run: atoll tools install" if told is None else ""
    return Report(
        program.name, program.version, told or found.version, found.source, str(found.path), problem
    )
