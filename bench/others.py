"""The Python packages that Atoll is compared with, and those that draw, in virtual environments of their own in the tools' cache."""

import hashlib
import shutil
import sys
from datetime import timedelta
from pathlib import Path

from atoll.core import command, files
from atoll.toolchain import cache

COMPARED, DRAWING = "requirements.txt", "charts.txt"
"""Locks, beside this file."""
_LIMIT = timedelta(minutes=20)
"""Ansible has some ten thousand files."""
_READY = "ready"


def python(lock: str = COMPARED) -> Path:
    """The interpreter of those that a lock names; made, or made anew, where it asks for it."""
    locked = Path(__file__).parent / lock
    base = files.folder(cache.folder() / "bench")
    folder = base / hashlib.sha256(locked.read_bytes()).hexdigest()[:12]
    found = folder / "bin" / "python"
    with files.locked(base / "lock"):
        if not (folder / _READY).exists():
            # What a killed run left.
            shutil.rmtree(folder, ignore_errors=True)
            command.run([sys.executable, "-m", "venv", folder], timeout=_LIMIT)
            install: list[str | Path] = [
                found,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ]
            command.run([*install, "--require-hashes", "-r", locked], timeout=_LIMIT)
            (folder / _READY).touch()
    return found
