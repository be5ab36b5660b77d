"""What must stand before the engine runs: folder, programs, plugins, supervisor, passphrase, stack."""

import os
from dataclasses import dataclass
from pathlib import Path

from atoll import toolchain
from atoll.automation import processes, surroundings
from atoll.automation.engine import Engine
from atoll.automation.show import Screen
from atoll.host import Environment
from atoll.provider import plugins
from atoll.provider.plugins import Kind


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
    toolchain.place(environment.bin)
    processes.start(environment, screen)
    variables = surroundings.own(
        environment, plugins_downloaded=_official(environment, tools["pulumi"], screen)
    )
    engine = Engine(environment, surroundings.inside(environment, os.environ, variables))
    engine.ensure_stack()
    return Prepared(engine, variables)


def _official(environment: Environment, pulumi: Path, screen: Screen) -> bool:
    """Installs the plugins; returns whether official ones are among them, which may fetch more."""
    known = {plugin.name for plugin in plugins.installed(environment.engine_home)}
    found = plugins.install(environment.engine_home, pulumi, dict(os.environ))
    for plugin in found:
        if plugin.name not in known:
            screen.say(f"plugin {plugin.name} {plugin.version}: {plugin.kind}")
    return any(plugin.kind is Kind.OFFICIAL for plugin in found)
