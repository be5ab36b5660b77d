"""What each command does with an environment, from its settings to its report."""

from dataclasses import dataclass, field
from typing import Any

from atoll.automation import events, looking, preparation, processes, recap
from atoll.automation.events import Message, Result
from atoll.automation.looking import Access
from atoll.automation.recap import Recap
from atoll.automation.show import Screen
from atoll.core.errors import AtollError, Exit
from atoll.host import Environment, Ports, Supervisor
from atoll.platform import Inventory, load, preflight

_EXISTING = "atoll:index:ExistingCluster"


@dataclass(frozen=True)
class Report:
    """How a run ended: its exit code, the recap, what changed, and what was said about problems."""

    code: Exit
    recap: Recap
    changes: list[Result] = field(default_factory=list)
    problems: list[Message] = field(default_factory=list)

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
        problems = [{"severity": p.severity, "text": p.text, "cluster": p.place} for p in self.problems]
        return {
            "exit": int(self.code),
            "clusters": recap.values(self.recap),
            "changes": changes,
            "problems": problems,
        }


def up(environment: Environment, screen: Screen) -> Report:
    """Makes the environment fit its inventory; one dead cluster does not hold up the others."""
    inventory = declared(environment)
    with environment.locked("up"):
        engine = preparation.prepare(environment, screen).engine
        places = looking.accesses(environment, inventory)
        before = looking.delivered(places, looking.statuses(engine.state()))
        with screen.beating("up"):
            engine_code = engine.up(screen.listen)
        after = looking.statuses(engine.state())
    found = recap.of_run([place.name for place in places], screen.results)
    found = recap.deliveries(found, before, after)
    found = recap.unreachable(found, looking.silent(places))
    screen.end(found)
    code = recap.exit_code(found)
    if code is Exit.DONE and engine_code:
        code = Exit.FAILED
    return Report(code, found, events.changes(screen.results), screen.problems)


def check(environment: Environment, screen: Screen) -> Report:
    """Says what `up` would change."""
    inventory = declared(environment)
    with environment.locked("up --check"):
        engine = preparation.prepare(environment, screen).engine
        with screen.beating("check"):
            engine_code = engine.preview(screen.listen)
    names = [place.name for place in looking.accesses(environment, inventory)]
    changes = events.changes(screen.results)
    found = recap.of_run(names, screen.results)
    screen.end(found)
    code = Exit.FAILED if engine_code else Exit.CHANGES if changes else Exit.DONE
    return Report(code, found, changes, screen.problems)


def recap_of(environment: Environment, screen: Screen) -> Report:
    """What is live now."""
    inventory = declared(environment)
    engine = preparation.prepare(processes.known(environment), screen).engine
    found = looking.live(looking.accesses(environment, inventory), looking.statuses(engine.state()))
    screen.end(found)
    return Report(recap.exit_code(found), found)


def variables(environment: Environment, screen: Screen) -> dict[str, str]:
    """What a shell needs, with everything behind it running."""
    declared(environment)
    with environment.locked("env"):
        return preparation.prepare(environment, screen).variables


def kubeconfigs(environment: Environment, name: str | None, screen: Screen) -> list[Access]:
    """The kubeconfigs of an environment, or one of them."""
    inventory = declared(environment)
    processes.start(processes.known(environment), screen)
    if name:
        return [looking.access(environment, inventory, name)]
    return looking.accesses(environment, inventory)


def down(environment: Environment, screen: Screen, *, force: bool = False) -> None:
    """Removes the environment. What lives on elsewhere is cleared by the engine first; the rest just ends.

    Raises:
        AtollError: something elsewhere could not be cleared; all is kept unless `force` says otherwise.
    """
    if not environment.folder.exists():
        screen.say(f"environment {environment.name}: nothing to remove")
        return
    with environment.locked("down"):
        if environment.exists and _outlives(environment) and not force:
            _destroy(environment, screen)
        Supervisor(environment).stop()
        Ports(environment).release_block()
        environment.remove()
    (environment.project / "stacks" / f"Pulumi.{environment.name}.yaml").unlink(missing_ok=True)
    screen.say(f"environment {environment.name}: removed")


def declared(environment: Environment) -> Inventory:
    """The environment's inventory, checked as far as that goes without the engine."""
    inventory = load(environment.project / "stacks", environment.name)
    preflight(inventory)
    return inventory


def _destroy(environment: Environment, screen: Screen) -> None:
    engine = preparation.prepare(environment, screen).engine
    with screen.beating("down"):
        code = engine.destroy(screen.listen)
    if code:
        raise AtollError(
            f"environment {environment.name}: found clusters that live on and could not be cleared (above); expected "
            f"to clear them first. Mend them, or leave them as they are: atoll down {environment.name} --force"
        )


def _outlives(environment: Environment) -> bool:
    """Whether the state holds a cluster that goes on living without this environment."""
    return any(_EXISTING in path.read_text() for path in environment.state.rglob(f"{environment.name}.json"))
