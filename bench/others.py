"""The Python packages that Atoll is compared with, in a virtual environment of their own in the tools' cache."""

import hashlib
import shutil
import sys
from datetime import timedelta
from pathlib import Path

from atoll.core import command, files
from atoll.toolchain import cache

_LOCK = Path(__file__).parent / "requirements.txt"
_LIMIT = timedelta(minutes=20)
"""Ansible has some ten thousand files."""
_READY = "ready"


def python() -> Path:
    """Its interpreter; made, or made anew, where the lock asks for it."""
    base = files.folder(cache.folder() / "bench")
    folder = base / hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]
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
            command.run([*install, "--require-hashes", "-r", _LOCK], timeout=_LIMIT)
            (folder / _READY).touch()
    return found
