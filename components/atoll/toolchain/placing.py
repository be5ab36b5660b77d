"""Putting the chosen programs into one folder for PATH."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from atoll.core import files
from atoll.toolchain import pins, probe
from atoll.toolchain.ensure import Found, Source, find


def place(folder: Path, names: Iterable[str] | None = None) -> None:
    """Makes a folder hold every usual program that is there, or those that are named; it is marked, so that no search takes it for a source.

    pulumi looks for its language host in its own folder, links resolved: where they were built, both are there as
    themselves. A pulumi from PATH finds its own there as well, and a second one here would only make it warn.
    All others are links: on another disk than the cache, copies would take a gigabyte for each environment.
    """
    files.folder(folder)
    files.write(folder / probe.MARK, "")
    table = pins.table()
    programs = table.usual if names is None else {name: table.programs[name] for name in names}
    companions = {
        name for each in programs.values() if each.comes_with for name in (each.name, each.comes_with)
    }
    for program in programs.values():
        found = find(program.name)
        if found and found.source is Source.BUILT and program.name in companions:
            for file in filter(Path.is_file, found.path.parent.iterdir()):
                _put(file, folder / file.name)
        else:
            _point(folder / program.name, None if program.comes_with else found)


def _put(file: Path, target: Path) -> None:
    if target.is_file() and not target.is_symlink() and _is_copy(target, file):
        return
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(file)
    except OSError:
        # The cache is on another disk, or somebody else's.
        shutil.copy2(file, target)


def _is_copy(target: Path, file: Path) -> bool:
    """Whether a file is another, or a copy of it as `copy2` leaves one."""
    there, here = target.stat(), file.stat()
    same = (there.st_size, there.st_mtime_ns) == (here.st_size, here.st_mtime_ns)
    return target.samefile(file) or same


def _point(link: Path, found: Found | None) -> None:
    if found and link.is_symlink() and link.readlink() == found.path:
        return
    link.unlink(missing_ok=True)
    if found:
        link.symlink_to(found.path)
