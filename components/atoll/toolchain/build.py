"""Building a program from its Go module, or taking files out of one; verified against the committed go.sum."""

import contextlib
import errno
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from atoll.core import command
from atoll.core.errors import AtollError, CommandError, IntegrityError, UnavailableError
from atoll.toolchain import cache, golang, pins
from atoll.toolchain.pins import Asset, Program

_LIMIT = timedelta(minutes=60)
_NO_SPACE = re.compile("no space left on device|disk quota exceeded", re.IGNORECASE)
_NO_REGISTRY = re.compile(
    r"dial tcp|no such host|connection refused|i/o timeout|network is unreachable|proxyconnect|TLS handshake|"
    r"module lookup disabled|: (403|404|410) "
)
_NOT_WHAT_IS_LOCKED = re.compile(r"checksum mismatch|missing go.sum entry|SECURITY ERROR")
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "INT")
"""Asks the kernel to interrupt the build when this process ends, however it ends: Go then tidies up."""


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
        _go([*argv, "-o", folder / wanted.name, wanted.package], wanted)
        if wanted.beside:
            _take(wanted.beside, folder)


def asset(wanted: Asset, target: Path) -> None:
    """Copies an asset's files into `target`, a folder that appears whole.

    Raises:
        UnavailableError: the disk is full, or no registry answers.
        IntegrityError: the module is not what go.sum says.
    """
    with cache.building(target) as folder:
        _take(wanted, folder)


def explained(name: str, error: CommandError, output: str) -> AtollError:
    """What a failed build means for the person who waits for it."""
    if _NO_SPACE.search(output):
        return cache.unwritable(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    if _NOT_WHAT_IS_LOCKED.search(output):
        return IntegrityError(
            f"{name}: found sources that are not those of its go.sum; expected them ({error}). "
            "Do not go on; ask who changed them."
        )
    if _NO_REGISTRY.search(output):
        return UnavailableError(
            f"{name}: found no Go module registry ({error}); expected one. Go online, or set GOPROXY to a mirror."
        )
    return error


def _take(wanted: Asset, folder: Path) -> None:
    output = _go([golang.program(), "mod", "download", "-json", wanted.module], wanted)
    # What Go says of its progress may stand before its answer.
    told, _ = json.JSONDecoder().raw_decode(output, output.index("{"))
    source = Path(told["Dir"]) / wanted.files
    for path in sorted(source.rglob("*")):
        target = folder / path.relative_to(source)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            # The module cache is read-only; copies must be removable, and scripts among them runnable.
            shutil.copyfile(path, target)
            target.chmod(0o755 if target.read_bytes()[:2] == b"#!" else 0o644)


def _go(argv: Sequence[str | Path], wanted: Program | Asset) -> str:
    """Runs a Go command in the group's folder and returns what it printed."""
    lines: list[str] = []
    group = command.Group(
        [*_mortal(), *argv], env=golang.environment(), cwd=pins.LOCKS / wanted.group, on_line=lines.append
    )
    with _limited(group):
        code = group.wait()
    output = "\n".join(lines)
    if code:
        raise explained(
            wanted.name, command.failure([str(word) for word in argv], code, _complaint(output)), output
        )
    return output


def _complaint(output: str) -> str:
    """Go's own words: `go mod download -json` hides them in its answer."""
    told = re.search(r'"Error": (".*")', output)
    return str(json.loads(told[1])) if told else output


@contextlib.contextmanager
def _limited(group: command.Group) -> Iterator[None]:
    timer = threading.Timer(_LIMIT.total_seconds(), group.stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _mortal() -> tuple[str, ...]:
    """The words before a program that make it end with us, where the system has them."""
    try:
        command.run([*_ENDS_WITH_US, "true"])
    except (AtollError, OSError):
        return ()
    return _ENDS_WITH_US
