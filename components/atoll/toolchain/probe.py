"""Asking programs on PATH for their version, once for each file."""

import contextlib
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from atoll.core import command, files
from atoll.core.errors import AtollError
from atoll.toolchain import cache
from atoll.toolchain.pins import Program

_NUMBER = re.compile(r"(?<![\d.])v?(\d+\.\d+\.\d+)")
_LIMIT = timedelta(seconds=20)


MARK = ".atoll"
"""A folder with this file holds what was chosen before; a prepared shell has one on PATH."""


def on_path(name: str) -> Iterator[Path]:
    """The programs of a name on PATH, the first one first, passing over what leads to our own choice."""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        # Access is asked first, of a plain text: most folders have no such program, and each look at a cluster asks for
        # three. One that we may not enter makes is_file() raise.
        if not folder or not os.access(f"{folder}/{name}", os.X_OK):
            continue
        path = Path(folder, name).absolute()
        if path.is_file() and not (path.parent / MARK).exists():
            found = _followed(path)
            if not found.resolve().is_relative_to(cache.folder().resolve()):
                yield found


def version(program: Program, path: Path) -> str | None:
    """The version that a program tells, or None where it does not run; remembered until the file changes."""
    status = path.stat()
    key = f"{path}|{status.st_mtime_ns}|{status.st_size}"
    memory = cache.folder() / "probes.json"
    known = _remembered(memory)
    if key not in known:
        told = ask(program, path)
        if told is None:
            return None
        # Not being able to remember is no reason to fail: it is asked again the next time.
        with contextlib.suppress(OSError):
            files.folder(memory.parent)
            files.write_json(memory, {**known, key: told})
        return told
    return known[key]


def ask(program: Program, path: Path) -> str | None:
    """Runs a program and reads its version; None where it fails, empty where it tells none."""
    try:
        # The environment is bare: what a program says of itself must not depend on the caller's.
        done = command.run(
            [path, *program.ask], env={"PATH": os.defpath, "HOME": "/nonexistent"}, timeout=_LIMIT
        )
    except (AtollError, OSError, UnicodeDecodeError):
        return None
    found = _NUMBER.search(done.stdout + done.stderr)
    return found[1] if found else ""


def _followed(path: Path) -> Path:
    """The file behind links of the same name: a program that plays many parts knows its part by its name."""
    while path.is_symlink() and (target := path.parent / path.readlink()).name == path.name:
        path = target
    return path


def _remembered(memory: Path) -> dict[str, str]:
    try:
        known: dict[str, str] = files.read_json(memory, {})
    except (OSError, ValueError):
        return {}
    return known
