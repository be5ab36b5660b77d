"""Bringing the builder of this machine up, asking it, and removing it."""

import contextlib
import hashlib
import os
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import psutil

from atoll import toolchain
from atoll.core import files
from atoll.core.effect import Context
from atoll.core.errors import NotReadyError, UnavailableError
from atoll.host import Environment, Program, Supervisor, obstacles
from atoll.registry.local.buildkit import PROGRAM, Seat

_LIMIT = timedelta(seconds=30)
"""It answers within a second; a busy machine needs longer."""
_PATIENCE = 5.0
"""Seconds within which it may fail and come up at its second or third start."""
_ANSWER = 2.0
_RUNCS = ("buildkit-runc", "runc")
_FOLDERS = (os.defpath, "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin")
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""How a client of HTTP/2 begins: its preface, and settings of which none is said.

Source: https://www.rfc-editor.org/rfc/rfc9113#section-3.4
"""
_HEADER, _KIND, _SETTINGS = 9, 3, 4
"""Bytes of a frame's header, where its kind stands, and the one that a server begins with."""
_MODE = 0o755


def lacking() -> str | None:
    """What this machine lacks for BuildKit, as *found; expected*, or None."""
    if sys.platform != "linux":
        return f"found {sys.platform}; expected Linux (BuildKit mounts what it builds)"
    if os.geteuid():
        return f"found user {os.geteuid()}; expected root (BuildKit mounts what it builds)"
    if toolchain.find(PROGRAM) is None:
        return f"found no {PROGRAM}; expected it. Run: atoll tools install {PROGRAM}"
    return None


def seat(environment: Environment) -> Seat:
    """Where it is, with the programs that it runs."""
    (program,) = toolchain.ensure([PROGRAM]).values()
    return Seat(environment.folder, program, toolchain.version(PROGRAM), runc())


def runc() -> Path | None:
    """The system's program that runs containers, where it has one."""
    path = os.pathsep.join(_FOLDERS)
    found = next((found for name in _RUNCS if (found := shutil.which(name, path=path))), None)
    return Path(found) if found else None


def exists(environment: Environment) -> bool:
    """Whether it was ever begun here."""
    return (environment.folder / PROGRAM).is_dir()


def write(place: Seat, authorities: Mapping[str, Path]) -> None:
    """Brings what it reads to disk."""
    files.folder(place.folder)
    for path, text in place.files.items():
        files.write(path, text, _MODE)
    files.write(place.settings, place.text(authorities))


def stale(environment: Environment, place: Seat, authorities: Mapping[str, Path]) -> str | None:
    """Why it is not what it should be though nobody asked for a change, or None."""
    supervisor, described = Supervisor(environment), program(place, authorities)
    if _read(place.settings) != place.text(authorities) or supervisor.differing([described]):
        return f"{PROGRAM}: what it reads changed"
    if supervisor.ended([described]):
        return f"{PROGRAM}: its process ended"
    return None if answers(place) else f"{PROGRAM}: it does not answer"


def program(place: Seat, authorities: Mapping[str, Path]) -> Program:
    """What the supervisor is to run: other settings or another authority is another revision of it."""
    read = [place.text(authorities), *(_read(path) for path in authorities.values())]
    return place.described(hashlib.sha256("\0".join(read).encode()).hexdigest()[:12])


def start(environment: Environment, place: Seat, authorities: Mapping[str, Path], context: Context) -> None:
    """Lets the supervisor run it, and waits until it answers.

    Raises:
        NotReadyError: it did not within its limit.
    """
    supervisor = Supervisor(environment)
    supervisor.ensure([program(place, authorities)])
    _thaw(supervisor)
    begin = time.monotonic()
    while not answers(place):
        waited = time.monotonic() - begin
        line = obstacles.found(environment).get(PROGRAM) if waited > _PATIENCE else None
        if line or waited > _LIMIT.total_seconds() or context.cancelled.is_set():
            raise NotReadyError(
                "builder: "
                + (
                    line
                    or f"found no answer after {waited:.0f} s; expected one within {_LIMIT.total_seconds():.0f} s. "
                    f"Look into: atoll logs {environment.name} {PROGRAM}"
                )
            )
        context.report(f"builder: waiting for {PROGRAM} ({waited:.0f} s)")
        context.cancelled.wait(0.05)


def _thaw(supervisor: Supervisor) -> None:
    """Lets a frozen one go on, which runs as far as the supervisor can tell."""
    process = supervisor.state(PROGRAM)
    with contextlib.suppress(psutil.NoSuchProcess):
        if process and process.pid and psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
            psutil.Process(process.pid).resume()


def answers(place: Seat) -> bool:
    """Whether it speaks at its socket; that it listens alone says nothing: it does so before it is ready."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER)
        try:
            connection.connect(str(place.socket))
            connection.sendall(_GREETING)
            header = connection.recv(_HEADER, socket.MSG_WAITALL)
        except OSError:
            return False
    return len(header) == _HEADER and header[_KIND] == _SETTINGS


def remove(environment: Environment) -> None:
    """Stops it and removes all that it kept: process, log, settings, cache.

    Raises:
        UnavailableError: something of it cannot be removed.
    """
    Supervisor(environment).remove([PROGRAM])
    for path in environment.logs.glob(f"{PROGRAM}.log*"):
        path.unlink(missing_ok=True)
    folder = environment.folder / PROGRAM
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise UnavailableError(
            f"{error.filename or folder}: found no way to remove it ({error.strerror}); expected to. Unmount it, and run "
            "the same command again"
        ) from error
    Seat(environment.folder, Path(PROGRAM), "", None).socket.unlink(missing_ok=True)


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
