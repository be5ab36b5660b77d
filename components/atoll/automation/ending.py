"""The end of an environment, however broken it is: processes, ports, files."""

import contextlib
import re

import psutil

from atoll.automation import guarding, preparation
from atoll.automation.show import Screen
from atoll.automation.turns import Turn
from atoll.core.errors import AtollError, LockedError, RefusedError, SettingsError
from atoll.host import Environment, Ports, Supervisor, remains
from atoll.platform import load
from atoll.platform.inventory import Kms, State
from atoll.provider import launcher, plugins

_ELSEWHERE = re.compile(r"atoll:index:(ExistingCluster|EcrRegistry|EcrRepository)|docker:index/\w+:\w+")
"""Types of what goes on living without the environment."""
_KEY = "atoll:index:KmsKey"
"""What does too, where the KMS is another than this machine's."""


def down(environment: Environment, screen: Screen, *, force: bool = False, turn: Turn | None = None) -> None:
    """Removes the environment. What lives on elsewhere is cleared by the engine first; the rest just ends.

    Raises:
        AtollError: something elsewhere could not be cleared; all is kept unless `force` says otherwise.
        RefusedError: something of it is protected.
    """
    kms, state, is_protected = _keepers(environment)
    if not environment.folder.exists() and not _alive(environment):
        # A block of ports is left where somebody removed the folder by hand.
        Ports(environment).release_block()
        environment.remove()
        _forget(environment, state)
        screen.say(f"environment {environment.name}: nothing to remove")
        return
    turn = turn or Turn()
    with turn.held(environment, "down"):
        _end_engines(environment, screen)
        if environment.exists and (state or _outlives(environment, kms)) and not force:
            _destroy(environment, screen, kms, state, turn)
        elif environment.exists and is_protected and not force:
            raise RefusedError(
                f"environment {environment.name}: found protect: true in its inventory; expected an environment that may go. "
                f"Take that line out first, or run: atoll down {environment.name} --force"
            )
        for ended in Supervisor(environment).stop():
            screen.say(f"environment {environment.name}: ended {ended}, which its supervisor did not")
        plugins.release(environment.engine_home)
        Ports(environment).release_block()
        environment.remove()
    _forget(environment, state)
    left = (
        f" here; its stack, which holds nothing, stays in bucket {state.bucket}"
        if state and not force
        else ""
    )
    screen.say(f"environment {environment.name}: removed{left}")


def _forget(environment: Environment, state: State | None) -> None:
    """Removes the stack's settings, which belong to a state on this machine; of a shared one they are in Git."""
    if state is None:
        environment.stack_settings.unlink(missing_ok=True)


def _alive(environment: Environment) -> list[psutil.Process]:
    return [
        *remains.supervisors(environment),
        *remains.supervised(environment),
        *remains.engines(environment),
    ]


def _end_engines(environment: Environment, screen: Screen) -> None:
    """Nothing may make anew what is about to be removed: an engine outlives the `atoll` that was killed."""
    found = remains.engines(environment)
    idle = [process for process in found if _serves_plugins(process)]
    for ended in remains.end(process for process in found if process not in idle):
        screen.say(f"environment {environment.name}: ended {ended}, which still worked for it")
    remains.end(idle)


def _serves_plugins(process: psutil.Process) -> bool:
    """Whether it waits for the next engine for some seconds, as it does after each."""
    with contextlib.suppress(psutil.Error):
        return launcher.SERVER in process.cmdline()
    return False


def _destroy(environment: Environment, screen: Screen, kms: Kms, state: State | None, turn: Turn) -> None:
    where = f"environment {environment.name}"
    way_out = f"Mend it, or leave it as it is: atoll down {environment.name} --force"
    try:
        engine = preparation.prepare(environment, screen, kms, state, turn=turn).engine
        guarding.refuse_end(environment.name, engine.state())
        with screen.beating("down"):
            code = engine.destroy(screen.listen)
    except (LockedError, RefusedError):
        # It lives on: somebody is at work on it, or it is to stay.
        raise
    except (AtollError, ValueError) as error:
        raise AtollError(
            f"{where}: found what lives on elsewhere, and no way to clear it ({error}); expected to clear it first. "
            f"{way_out}"
        ) from error
    if code:
        raise AtollError(
            f"{where}: found what lives on elsewhere and could not be cleared (above); expected to clear it first. "
            f"{way_out}"
        )


def _keepers(environment: Environment) -> tuple[Kms, State | None, bool]:
    """Who keeps keys and state, and whether it is protected; of an inventory that is no more, this machine and no."""
    try:
        inventory = load(environment.project / "stacks", environment.name)
    except SettingsError:
        return Kms(), None, False
    return inventory.kms, inventory.state, inventory.protect


def _outlives(environment: Environment, kms: Kms) -> bool:
    """Whether the state holds what goes on living without this environment; a damaged one is searched too."""
    texts = (
        path.read_text(errors="replace")
        for path in environment.state.rglob(f"{environment.name}.json*")
        if path.is_file() and "stacks" in path.parts
    )
    elsewhere = kms.driver != Kms().driver
    return any(_ELSEWHERE.search(text) or (elsewhere and _KEY in text) for text in texts)
