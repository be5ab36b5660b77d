"""Building a program from its Go module, or taking files out of one; verified against the committed go.sum."""

import json
import os
import re
import shutil
from datetime import timedelta
from pathlib import Path

from atoll.core import command
from atoll.core.errors import AtollError, CommandError, IntegrityError, UnavailableError
from atoll.toolchain import cache, golang
from atoll.toolchain.table import LOCKS, Asset, Program

_LIMIT = timedelta(minutes=60)
_NO_SPACE = re.compile("no space left on device", re.IGNORECASE)
_NO_REGISTRY = re.compile(
    r"dial tcp|no such host|connection refused|i/o timeout|network is unreachable|proxyconnect|TLS handshake|"
    r"module lookup disabled|: (403|404|410) "
)
_NOT_WHAT_IS_LOCKED = re.compile(r"checksum mismatch|missing go.sum entry|SECURITY ERROR")


def program(wanted: Program, target: Path) -> None:
    """Builds a program into `target`, a folder that appears whole.

    Raises:
        UnavailableError: the disk is full, or no registry answers.
        IntegrityError: a source is not what go.sum says.
    """
    with cache.building(target) as folder:
        argv: list[str | Path] = [golang.program(), "build", "-trimpath", "-ldflags", wanted.linker_flags]
        if wanted.tags:
            argv += ["-tags", wanted.tags]
        _go([*argv, "-o", folder / wanted.name, wanted.package], wanted.name, wanted.group)


def asset(wanted: Asset, target: Path) -> None:
    """Copies an asset's files into `target`, a folder that appears whole."""
    argv: list[str | Path] = [golang.program(), "mod", "download", "-json", wanted.module]
    told = json.loads(_go(argv, wanted.name, wanted.group).stdout)
    with cache.building(target) as folder:
        # The module cache is read-only; copies must be removable, and scripts among them runnable.
        shutil.copytree(Path(told["Dir"]) / wanted.files, folder, dirs_exist_ok=True, copy_function=_copy)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() or path.read_bytes()[:2] == b"#!" else 0o644)


def _copy(source: str, target: str) -> str:
    return str(shutil.copyfile(source, target))


def _go(argv: list[str | Path], name: str, group: str) -> command.Completed:
    try:
        return command.run(argv, env=environment(), cwd=LOCKS / group, timeout=_LIMIT)
    except CommandError as error:
        raise explained(name, error) from error


def environment() -> dict[str, str]:
    """The environment of a Go build: the locks decide, nothing is fetched that they do not name."""
    caches = (
        {}
        if os.environ.get("HOME")
        else {
            "GOCACHE": str(cache.folder() / "go-build"),
            "GOPATH": str(cache.folder() / "go-path"),
        }
    )
    return {
        **os.environ,
        **caches,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def explained(name: str, error: CommandError) -> AtollError:
    """What a failed build means for the person who waits for it."""
    if _NO_SPACE.search(error.output):
        return cache.unwritable(OSError(28, "No space left on device"))
    if _NOT_WHAT_IS_LOCKED.search(error.output):
        return IntegrityError(
            f"{name}: found sources that are not those of its go.sum; expected them ({error})"
        )
    if _NO_REGISTRY.search(error.output):
        return UnavailableError(
            f"{name}: found no Go module registry ({error}); expected one. Go online, or set GOPROXY to a mirror."
        )
    return error
