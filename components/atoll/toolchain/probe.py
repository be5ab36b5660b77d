"""Asking programs on PATH for their version, once for each file."""

import os
import re
from datetime import timedelta
from pathlib import Path

from atoll.core import command, files
from atoll.core.errors import AtollError
from atoll.toolchain import cache
from atoll.toolchain.table import Program

_NUMBER = re.compile(r"(?<![\d.])v?(\d+\.\d+\.\d+)")
_LIMIT = timedelta(seconds=20)


def on_path(name: str) -> Path | None:
    """The program on PATH, passing over what is a link into our own cache."""
    ours = cache.folder().resolve()
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = Path(folder) / name
        if folder and path.is_file() and os.access(path, os.X_OK) and not path.resolve().is_relative_to(ours):
            return path.resolve()
    return None


def version(program: Program, path: Path) -> str | None:
    """The version that a program tells, or None where it does not run; remembered until the file changes."""
    status = path.stat()
    key = f"{path}|{status.st_mtime_ns}|{status.st_size}"
    memory = cache.folder() / "probes.json"
    known: dict[str, str] = files.read_json(memory, {})
    if key not in known:
        told = ask(program, path)
        if told is None:
            return None
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
    except (AtollError, OSError):
        return None
    found = _NUMBER.search(done.stdout + done.stderr)
    return found[1] if found else ""
