"""The table of programs and files, as `tools.toml` has it. Pure but for reading the package's own files."""

import hashlib
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

_HERE = Path(__file__).parent
TABLE = _HERE / "tools.toml"
LOCKS = _HERE / "locks"
_STRIPPED = "-s -w"


@dataclass(frozen=True)
class Asset:
    """Files out of a Go module at its pinned version; `files` is the folder in it."""

    name: str
    version: str
    group: str
    module: str
    files: str
    seconds: int

    @property
    def key(self) -> str:
        """What tells this asset from every other."""
        return f"{self.version}-{_digest(self.group, (self.module, self.files))}"


@dataclass(frozen=True)
class Program:
    """One program; see tools.toml for the fields. `beside` are the files that it looks for in its own folder."""

    name: str
    version: str
    group: str
    package: str
    seconds: int
    ask: list[str]
    fits: str = ""
    tags: str = ""
    ldflags: str = ""
    comes_with: str = ""
    beside: Asset | None = None
    only_tests: bool = False
    optional: bool = False

    @property
    def linker_flags(self) -> str:
        """The linker's flags, with the version in them."""
        return f"{_STRIPPED} {self.ldflags.format(version=self.version)}".strip()

    def takes(self, version: str) -> bool:
        """Whether a program of this version on PATH will do."""
        try:
            return bool(self.fits) and Version(version) in SpecifierSet(self.fits)
        except InvalidVersion:
            return False

    @property
    def key(self) -> str:
        """What tells this recipe from every other: `<version>-<digest of recipe and locks>`."""
        recipe = (self.package, self.tags, self.linker_flags)
        return f"{self.version}-{_digest(self.group, recipe + ((self.beside.key,) if self.beside else ()))}"


@dataclass(frozen=True)
class Table:
    """All programs and assets by name, in the order in which they are built."""

    programs: dict[str, Program] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)

    @property
    def usual(self) -> dict[str, Program]:
        """The programs that every environment may run."""
        return {name: each for name, each in self.programs.items() if not (each.only_tests or each.optional)}


@cache
def table() -> Table:
    """The table that this distribution carries."""
    content = tomllib.loads(TABLE.read_text())
    assets = {entry["name"]: Asset(**entry) for entry in content["asset"]}
    programs = [
        Program(**{**entry, "beside": assets[entry["beside"]] if "beside" in entry else None})
        for entry in content["program"]
    ]
    return Table({entry.name: entry for entry in programs}, assets)


def _digest(group: str, recipe: tuple[str, ...]) -> str:
    # Beside go.mod and go.sum, what stands in for modules that no proxy serves.
    files = sorted(path for path in (LOCKS / group).rglob("*") if path.is_file())
    locks = b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(repr(recipe).encode() + locks).hexdigest()[:12]
