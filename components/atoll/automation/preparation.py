"""What must stand before the engine runs: folder, programs, plugins, supervisor, passphrase, stack."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from atoll import toolchain
from atoll.automation import surroundings
from atoll.automation.engine import Engine
from atoll.automation.show import Screen
from atoll.core import files
from atoll.core.errors import UnavailableError
from atoll.host import Environment, Supervisor
from atoll.provider import plugins
from atoll.provider.plugins import Kind
from atoll.toolchain import Source


@dataclass(frozen=True)
class Prepared:
    """An engine that can run, and the variables that make a shell do the same."""

    engine: Engine
    variables: dict[str, str]


def prepare(environment: Environment, screen: Screen) -> Prepared:
    """Brings everything up that the engine needs, taking up what is there.

    Raises:
        UnavailableError: a program cannot be had.
    """
    tools = toolchain.ensure(progress=lambda event: screen.say(str(event)))
    environment.create()
    environment.passphrase()
    _link(environment, tools)
    if Supervisor(environment).start():
        screen.say(f"environment {environment.name}: supervisor started in {environment.folder}")
    variables = surroundings.own(
        environment, plugins_downloaded=_official(environment, tools["pulumi"], screen)
    )
    engine = Engine(environment, surroundings.inside(environment, os.environ, variables))
    engine.ensure_stack()
    return Prepared(engine, variables)


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


def _official(environment: Environment, pulumi: Path, screen: Screen) -> bool:
    """Installs the plugins; returns whether official ones are among them, which may fetch more."""
    known = {plugin.name for plugin in plugins.installed(environment.engine_home)}
    found = plugins.install(environment.engine_home, pulumi, dict(os.environ))
    for plugin in found:
        if plugin.name not in known:
            screen.say(f"plugin {plugin.name} {plugin.version}: {plugin.kind}")
    return any(plugin.kind is Kind.OFFICIAL for plugin in found)


def _link(environment: Environment, names: Iterable[str]) -> None:
    """Puts the chosen programs into one folder for PATH.

    Built ones are there as themselves: pulumi looks for its language host in its own folder, links resolved. One
    from PATH finds its own there as well, and a second one here would only make it warn.
    """
    folder = files.folder(environment.folder / "bin")
    for name in names:
        found = toolchain.find(name)
        if found is None or found.source is not Source.BUILT:
            (folder / name).unlink(missing_ok=True)
            if found and not toolchain.table().programs[name].comes_with:
                (folder / name).symlink_to(found.path)
        else:
            for file in found.path.parent.iterdir():
                _place(file, folder / file.name)


def _place(file: Path, target: Path) -> None:
    if target.is_symlink() or not target.exists() or not target.samefile(file):
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(file)
        except OSError:
            # The cache is on another disk.
            shutil.copy2(file, target)
