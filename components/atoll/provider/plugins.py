"""Puts the plugins that an environment needs into its engine home, and tells which they are.

Pulumi's own plugins are downloads. Where they cannot be had, a stand-in serves the same protocol. Which one an
engine home uses is probed once and recorded, since a switch in silence could change what a preview says.
"""

import contextlib
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import psutil

from atoll import toolchain
from atoll.core import command, files
from atoll.core.errors import AtollError, CommandError, UnavailableError
from atoll.host import remains
from atoll.provider import launcher, versions

SERVERS = "servers"
"""The folder of an engine home in which the plugins' servers listen."""
_RECORD = "plugins.json"
_PROGRAM = "pulumi-resource-"
"""How the names of programs begin that are plugins."""
_PROBE_LIMIT = timedelta(seconds=60)
_LEAVE_LIMIT = timedelta(seconds=5)
_MODE = 0o755
_HEAD = 1024
"""Bytes of a program in which a launcher names itself."""


class Kind(StrEnum):
    """Who made a plugin: those whose resources it serves, Atoll in their place, or Atoll for itself.

    One that is built here is the official one too, from its module.
    """

    OFFICIAL = "official"
    BUILT = "built"
    OWN = "own"
    STAND_IN = "stand-in"
    MISSING = "missing"
    """It cannot be had. What is in its place lets go on all that needs nothing of it."""


@dataclass(frozen=True)
class Plugin:
    """A plugin as an engine home has it; `program` is what the engine runs."""

    name: str
    version: str
    kind: Kind
    program: Path


@dataclass(frozen=True)
class _Wanted:
    name: str
    version: str
    served: str
    """The class that serves it, `module:name`."""
    ours: bool


_WANTED = (
    _Wanted("atoll", versions.ATOLL, "atoll.provider.atoll:AtollPlugin", ours=True),
    _Wanted(
        "kubernetes", versions.KUBERNETES, "atoll.provider.kubernetes.plugin:KubernetesPlugin", ours=False
    ),
)
_ON_DEMAND = {
    f"{_PROGRAM}docker": _Wanted(
        "docker", versions.DOCKER, "atoll.provider.docker.plugin:DockerPlugin", ours=False
    )
}
"""Those that an engine home has where somebody asks for them, by what they are called as programs."""
_ABSENT = {f"{_PROGRAM}docker-build": "atoll.provider.absent:DockerBuild"}
"""The class that is served in the place of a plugin which is to be built and is not, by what it is called as a program."""


def is_built(program: str) -> bool:
    """Whether the toolchain has a program, and not the engine's own way to plugins."""
    return program not in _ON_DEMAND


def install(
    engine_home: Path, pulumi: Path, env: dict[str, str], programs: Iterable[str] = ()
) -> list[Plugin]:
    """Installs what is missing; safe to call again and by two processes at once.

    `env` is the whole environment of the `pulumi` program, which is asked once whether it can download the
    official plugins. Of the `programs` those that are plugins are installed too: chosen as the others are, or those that the
    toolchain has built, which makes them official ones; in the place of one that it has not stands what says so.

    Raises:
        UnavailableError: an official plugin was chosen before, is gone, and cannot be downloaded again.
    """
    files.folder(engine_home / "plugins")
    with files.locked(engine_home / "plugins.lock"):
        plugins = [_install(wanted, engine_home, pulumi, env) for wanted in _WANTED]
        for program in programs:
            if wanted := _ON_DEMAND.get(program):
                plugins.append(_install(wanted, engine_home, pulumi, env))
            elif program.startswith(_PROGRAM):
                plugins.append(_built(program, engine_home))
        return plugins


def installed(engine_home: Path) -> list[Plugin]:
    """The plugins that were chosen for an engine home, in order of their names."""
    record = files.read_json(engine_home / _RECORD, {})
    return [
        Plugin(name, entry["version"], Kind(entry["kind"]), _program(engine_home, name, entry["version"]))
        for name, entry in sorted(record.items())
    ]


def start_ahead(engine_home: Path, project: Path, env: dict[str, str]) -> None:
    """Starts the server that plugins of an engine will share, so that it loads while the engine starts.

    `env` is the whole environment of the engine. Where it does not start, the engine's first plugin tells why.
    """
    argv = [sys.executable, "-I", "-S", launcher.__file__, str(engine_home / SERVERS)]
    with contextlib.suppress(AtollError, OSError):
        # The variable as the shell sets it that runs a plugin.
        command.run(argv, env={**env, "PWD": str(project)}, cwd=project, check=False)


def release(engine_home: Path) -> None:
    """Ends the servers of an engine home's plugins, which else stay a while for the next engine.

    They are told by the socket that their arguments name, so that it does not matter what is left of the folder.
    """
    remains.end(_serving(engine_home / SERVERS), _LEAVE_LIMIT)


def _serving(servers: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _serves(process, servers)]


def _serves(process: psutil.Process, servers: Path) -> bool:
    try:
        # One that ended and was not waited for has no arguments.
        words = process.cmdline()
    except psutil.Error:
        return False
    return launcher.SERVER in words and Path(words[-1]).parent == servers


def _install(wanted: _Wanted, engine_home: Path, pulumi: Path, env: dict[str, str]) -> Plugin:
    program = _program(engine_home, wanted.name, wanted.version)
    kind = _recorded(wanted, engine_home)
    if kind is None:
        kind = _first_choice(wanted, engine_home, pulumi, env)
        _record(wanted.name, wanted.version, engine_home, kind)
    if kind is Kind.OFFICIAL:
        _official(wanted, engine_home, pulumi, env)
    else:
        _launcher(program, wanted.served, engine_home / SERVERS)
    return Plugin(wanted.name, wanted.version, kind, program)


def _built(program: str, engine_home: Path) -> Plugin:
    """Points a plugin's place at the program that was built; the folder must be a real one for the engine to see it."""
    name, version = program.removeprefix(_PROGRAM), toolchain.version(program)
    found, link = toolchain.find(program), _program(engine_home, name, version)
    kind = Kind.BUILT if found else Kind.MISSING
    if found is None:
        _launcher(link, _ABSENT[program], engine_home / SERVERS)
    elif not (link.is_symlink() and link.readlink() == found.path):
        files.folder(link.parent)
        link.unlink(missing_ok=True)
        link.symlink_to(found.path)
    _record(name, version, engine_home, kind)
    return Plugin(name, version, kind, link)


def _recorded(wanted: _Wanted, engine_home: Path) -> Kind | None:
    """What was chosen for this version. A new version is a new choice: its official plugin may be had or not."""
    entry = files.read_json(engine_home / _RECORD, {}).get(wanted.name)
    return Kind(entry["kind"]) if entry and entry["version"] == wanted.version else None


def _record(name: str, version: str, engine_home: Path, kind: Kind) -> None:
    record = files.read_json(engine_home / _RECORD, {})
    record[name] = {"version": version, "kind": kind}
    files.write_json(engine_home / _RECORD, record)


def _first_choice(wanted: _Wanted, engine_home: Path, pulumi: Path, env: dict[str, str]) -> Kind:
    if wanted.ours:
        return Kind.OWN
    program = _program(engine_home, wanted.name, wanted.version)
    if program.exists() and launcher.__file__ in program.read_bytes()[:_HEAD].decode(errors="replace"):
        # The choice of a version that is used again.
        return Kind.STAND_IN
    return Kind.STAND_IN if _download(wanted, engine_home, pulumi, env) else Kind.OFFICIAL


def _official(wanted: _Wanted, engine_home: Path, pulumi: Path, env: dict[str, str]) -> None:
    if reason := _download(wanted, engine_home, pulumi, env):
        raise UnavailableError(
            f"pulumi-resource-{wanted.name} {wanted.version}: found no way to download it ({reason}); expected the "
            "official plugin that this environment began with. Go online and run the same command again."
        )


def _download(wanted: _Wanted, engine_home: Path, pulumi: Path, env: dict[str, str]) -> str | None:
    """Has the engine download an official plugin, unless it is there; returns why it cannot, or None."""
    if _program(engine_home, wanted.name, wanted.version).exists():
        return None
    argv: list[str | Path] = [pulumi, "plugin", "install", "resource", wanted.name, f"v{wanted.version}"]
    try:
        command.run(argv, env={**env, "PULUMI_HOME": str(engine_home)}, timeout=_PROBE_LIMIT)
    except CommandError as error:
        # What a killed download leaves would make the engine wait for its end.
        for left in (engine_home / "plugins").glob(f"resource-{wanted.name}-v{wanted.version}*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        return str(error)
    return None


def _program(engine_home: Path, name: str, version: str) -> Path:
    return engine_home / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"


def _launcher(program: Path, served: str, servers: Path) -> None:
    """Writes a launcher that names this interpreter; the folder appears whole, since the engine lists folders.

    Isolated mode keeps a program's folder and its PYTHONPATH from shadowing what is imported.
    """
    words = [sys.executable, "-I", "-S", launcher.__file__, str(servers), served]
    text = f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n'
    if program.parent.is_dir():
        files.write(program, text, _MODE)
        return
    temporary = Path(tempfile.mkdtemp(dir=program.parent.parent.parent, prefix=".plugin."))
    try:
        files.write(temporary / program.name, text, _MODE)
        temporary.rename(program.parent)
    except BaseException:
        shutil.rmtree(temporary)
        raise
