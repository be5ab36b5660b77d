"""What must stand before the engine runs: folder, programs, plugins, supervisor, keys, stack."""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from atoll import toolchain
from atoll.automation import (
    buckets,
    checkpoints,
    custody,
    locks,
    processes,
    retention,
    sealing,
    surroundings,
    tracing,
)
from atoll.automation.engine import Engine
from atoll.automation.events import Message, Severity
from atoll.automation.show import Screen
from atoll.automation.turns import Turn
from atoll.core.errors import UnavailableError
from atoll.host import Environment
from atoll.platform.inventory import Inventory, Kms, State
from atoll.provider import plugins
from atoll.provider.plugins import Kind


@dataclass(frozen=True)
class Prepared:
    """An engine that can run, and the variables that make a shell do the same."""

    engine: Engine
    variables: dict[str, str]


@tracing.span("prepare")
def prepare(  # noqa: PLR0913 - who keeps what is two of them
    environment: Environment,
    screen: Screen,
    kms: Kms,
    state: State | None,
    programs: Iterable[str] = (),
    *,
    turn: Turn | None = None,
) -> Prepared:
    """Brings everything up that the engine needs, taking up what is there. No `state` is the environment's folder.

    `programs` are those that it uses beside the usual ones. Where one of them cannot be had, what needs it tells so, and all
    else goes on. The `turn` is for how long its engine waits where another one is at work on the state.

    Raises:
        UnavailableError: a usual program cannot be had, or the KMS does not answer.
        IntegrityError: the keys are damaged or gone, or the state is and there is no copy.
    """
    tools = toolchain.ensure(progress=lambda event: screen.say(str(event)))
    more = list(programs)
    for name in filter(plugins.is_built, more):
        # Who needs one that cannot be had says so.
        with contextlib.suppress(UnavailableError):
            toolchain.ensure([name], lambda event: screen.say(str(event)))
    environment.create()
    retention.keep_no_engine_logs(environment)
    toolchain.place(environment.bin)
    if told := checkpoints.mend(environment):
        screen.listen(Message(Severity.WARNING, told))
    sealing.refuse_lost(environment)
    processes.start(environment, screen, custody.programs(environment, kms))
    variables = surroundings.own(
        environment,
        plugins_downloaded=_official(environment, tools["pulumi"], more, screen),
        backend=buckets.url(state) if state else "",
        keys=custody.variables(environment, kms, os.environ),
    )
    inside = surroundings.inside(environment, os.environ, variables)
    engine = Engine(environment, inside, held=locks.of(environment, state), turn=turn)
    if engine.has_stack:
        custody.wait(environment, kms)
    else:
        custody.ensured(environment, kms)
        engine.make_stack(screen.listen, custody.url(environment, kms))
        if state:
            settings = environment.stack_settings
            screen.say(
                f"{settings.parent.name}/{settings.name}: written; commit it (it says what opens the state's secrets)"
            )
    retention.trim(environment)
    return Prepared(engine, variables)


def prepare_declared(
    environment: Environment, screen: Screen, inventory: Inventory, turn: Turn | None = None
) -> Prepared:
    """Brings everything up that the engine needs for what an inventory declares; raises what `prepare` does."""
    return prepare(environment, screen, inventory.kms, inventory.state, inventory.programs, turn=turn)


def migrate(environment: Environment, engine: Engine, kms: Kms, screen: Screen) -> None:
    """Brings the state of an environment that was made before it had a key under that key."""

    def encrypt(provider: str) -> None:
        custody.ensured(environment, kms)
        engine.encrypt_by(screen.listen, provider)

    sealing.migrate(environment, encrypt, custody.url(environment, kms), screen)


def _official(environment: Environment, pulumi: Path, programs: list[str], screen: Screen) -> bool:
    """Installs the plugins; returns whether official ones are among them, which may fetch more."""
    known = {plugin.name: plugin.kind for plugin in plugins.installed(environment.engine_home)}
    found = plugins.install(environment.engine_home, pulumi, dict(os.environ), programs)
    for plugin in found:
        if known.get(plugin.name) is not plugin.kind:
            screen.say(f"plugin {plugin.name} {plugin.version}: {plugin.kind}")
    return any(plugin.kind is Kind.OFFICIAL for plugin in found)
