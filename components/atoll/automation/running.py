"""What each command does, from its settings to its report."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from atoll import toolchain
from atoll.automation import events, looking, preparation, recap, surroundings
from atoll.automation.events import Result
from atoll.automation.looking import Access
from atoll.automation.recap import Recap
from atoll.automation.show import Screen
from atoll.core.errors import Exit
from atoll.host import Environment, Ports, Supervisor
from atoll.platform import Inventory, load, preflight

_EXISTING = "atoll:index:ExistingCluster"


@dataclass(frozen=True)
class Report:
    """How a run ended: its exit code, what changed, and the recap."""

    code: Exit
    recap: Recap
    changes: tuple[Result, ...] = ()

    def values(self) -> dict[str, Any]:
        """The report for programs."""
        changes = [
            {
                "urn": c.urn,
                "outcome": c.outcome,
                "verb": c.verb,
                "cluster": c.place,
                "properties": c.properties,
            }
            for c in self.changes
        ]
        return {"exit": int(self.code), "clusters": recap.values(self.recap), "changes": changes}


def up(environment: Environment, screen: Screen) -> Report:
    """Makes the environment fit its inventory; one dead cluster does not hold up the others."""
    inventory = _declared(environment)
    with environment.locked("up"), _beating(screen, "up"):
        engine = preparation.prepare(environment, _progress(screen))
        before = looking.statuses(engine.state())
        engine_code = engine.up(screen.listen)
        after = looking.statuses(engine.state())
    places = looking.accesses(environment, inventory)
    found = recap.of_run([place.name for place in places], screen.results)
    found = recap.deliveries(found, before, after)
    found = recap.unreachable(found, looking.silent(places))
    screen.end(found)
    screen.say(
        f"\nLook inside: KUBECONFIG=$(.venv/bin/atoll kubeconfig {environment.name} {places[-1].name}) kubectl get all -A"
    )
    code = recap.exit_code(found)
    if code is Exit.DONE and engine_code:
        code = Exit.FAILED
    return Report(code, found, tuple(events.changes(screen.results)))


def check(environment: Environment, screen: Screen) -> Report:
    """Says what `up` would change."""
    inventory = _declared(environment)
    with environment.locked("up --check"), _beating(screen, "check"):
        engine = preparation.prepare(environment, _progress(screen))
        engine_code = engine.preview(screen.listen)
    names = [place.name for place in looking.accesses(environment, inventory)]
    changes = tuple(events.changes(screen.results))
    found = recap.of_run(names, screen.results)
    screen.end(found)
    if engine_code:
        return Report(Exit.FAILED, found, changes)
    return Report(Exit.CHANGES if changes else Exit.DONE, found, changes)


def recap_of(environment: Environment, screen: Screen) -> Report:
    """What is live now."""
    inventory = _declared(environment)
    preparation.revive(environment)
    engine = preparation.prepare(environment, _progress(screen))
    found = looking.live(looking.accesses(environment, inventory), looking.statuses(engine.state()))
    screen.end(found)
    return Report(recap.exit_code(found), found)


def variables(environment: Environment, screen: Screen) -> dict[str, str]:
    """What a shell needs, with everything behind it running."""
    _declared(environment)
    with environment.locked("env"):
        engine = preparation.prepare(environment, _progress(screen))
    return engine.own


def kubeconfigs(environment: Environment, name: str | None) -> list[Access]:
    """The kubeconfigs of an environment, or one of them."""
    inventory = _declared(environment)
    preparation.revive(environment)
    if name:
        return [looking.access(environment, inventory, name)]
    return looking.accesses(environment, inventory)


def down(environment: Environment, screen: Screen) -> None:
    """Removes the environment. What lives on elsewhere is cleared by the engine first; the rest just ends."""
    if not environment.folder.exists():
        screen.say(f"environment {environment.name}: nothing to remove")
        return
    with environment.locked("down"), _beating(screen, "down"):
        if environment.exists and _outlives(environment):
            engine = preparation.prepare(environment, _progress(screen))
            engine.destroy(screen.listen)
        Supervisor(environment).stop()
        Ports(environment).release_block()
        environment.remove()
    settings = environment.project / "stacks" / f"Pulumi.{environment.name}.yaml"
    settings.unlink(missing_ok=True)
    screen.say(f"environment {environment.name}: removed")


def install_tools(names: list[str] | None, screen: Screen) -> None:
    """Finds or builds programs."""
    found = toolchain.ensure(names, _progress(screen))
    screen.say(f"{len(found)} programs are there")


def list_tools(*, as_json: bool) -> None:
    """Lists the programs."""
    toolchain.show(toolchain.listing(), as_json=as_json)


def doctor(environment: Environment, *, as_json: bool) -> Exit:
    """Runs every program once; tells of each plugin whether it is the official one."""
    return toolchain.doctor(environment.engine_home, as_json=as_json)


def _declared(environment: Environment) -> Inventory:
    inventory = load(environment.project / "stacks", environment.name)
    preflight(inventory)
    return inventory


def _outlives(environment: Environment) -> bool:
    """Whether the state holds a cluster that goes on living without this environment."""
    return any(_EXISTING in path.read_text() for path in environment.state.rglob(f"{environment.name}.json"))


def _progress(screen: Screen) -> Any:
    return None


@contextlib.contextmanager
def _beating(screen: Screen, what: str) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=screen.beat, args=(stop, what), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
