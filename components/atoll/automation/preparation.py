"""What must stand before the engine runs: folder, programs, plugins, supervisor, passphrase, stack."""

import os
from collections.abc import Callable
from pathlib import Path

from atoll import toolchain
from atoll.automation import surroundings
from atoll.automation.engine import Engine
from atoll.core import files
from atoll.core.errors import UnavailableError
from atoll.host import Environment, Supervisor
from atoll.provider import plugins


def prepare(environment: Environment, progress: Callable[..., None] | None = None) -> Engine:
    """Brings everything up that the engine needs, taking up what is there.

    Raises:
        UnavailableError: a program cannot be had.
    """
    tools = toolchain.ensure(None, progress)
    environment.create()
    environment.passphrase()
    _link(environment, tools)
    Supervisor(environment).start()
    variables = surroundings.inside(environment, os.environ, plugins_downloaded=False)
    installed = plugins.install(environment.engine_home, tools["pulumi"], variables)
    official = any(plugin.kind == "official" for plugin in installed)
    engine = Engine(environment, {**variables, **surroundings.own(environment, plugins_downloaded=official)})
    engine.ensure_stack()
    return engine


def revive(environment: Environment) -> None:
    """Brings the processes of an environment back where they died; refuses one that was never made.

    Raises:
        UnavailableError: there is no such environment.
    """
    if not environment.exists:
        raise UnavailableError(
            f"environment {environment.name}: found none; expected one that is up. Run: atoll up {environment.name}"
        )
    Supervisor(environment).start()


def _link(environment: Environment, tools: dict[str, Path]) -> None:
    """Puts the chosen programs into one folder for PATH."""
    folder = files.folder(environment.folder / "bin")
    for name, target in tools.items():
        link = folder / name
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
