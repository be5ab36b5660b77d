"""What each command does with an environment, from its settings to its report."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from atoll.automation import events, leaving, limiting, looking, preparation, processes, recap, retention
from atoll.automation.engine import Engine
from atoll.automation.events import Message, Result
from atoll.automation.limiting import Operation, Scope
from atoll.automation.looking import Access
from atoll.automation.reach import Reach
from atoll.automation.recap import Recap
from atoll.automation.selection import Asked, LeftOut
from atoll.automation.show import Screen
from atoll.core.errors import Exit, RefusedError
from atoll.federation.local import effects as planes
from atoll.host import Environment
from atoll.platform import CONTROL_PLANE, Inventory, load, preflight


@dataclass(frozen=True)
class Report:
    """How a run ended: its exit code, the recap, what changed, what was said about problems, what it did not look at."""

    code: Exit
    recap: Recap
    changes: list[Result] = field(default_factory=list)
    problems: list[Message] = field(default_factory=list)
    left_out: LeftOut | None = None

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
            "leftOut": self.left_out.values() if self.left_out else None,
        }


_WHOLE = Asked()


def up(environment: Environment, screen: Screen, *, forget: str = "", asked: Asked = _WHOLE) -> Report:
    """Makes the environment fit its inventory; one dead cluster does not hold up the others.

    A member to `forget` is taken out without being asked. Where a part of it is `asked` for, no other is touched.
    """
    inventory = declared(environment)
    leaving.refuse_declared(inventory, forget)
    with environment.locked("up"):
        processes.refuse_downgrades(environment)
        retention.sweep(environment)
        engine = preparation.prepare_declared(environment, screen, inventory).engine
        preparation.migrate(environment, engine, inventory.kms, screen)
        scope = limiting.scope(asked, inventory, engine, screen, runs_program=True)
        places = scope.within(looking.accesses(environment, inventory))
        reach = _reach(environment, places, engine, screen)
        left = _forget(environment, engine, reach, forget, screen) if forget else ""
        with screen.beating("up"), ThreadPoolExecutor(1) as pool:
            # Beside the engine, which has to look at what is live before it writes: a dead member is asked for
            # seconds, and the others are not to wait for that.
            before = pool.submit(looking.delivered, places, scope.statuses(engine.state()))
            engine_code = scope.run(Engine.up, engine, reach.listen)
        processes.take_up_tokens(environment, screen.results, screen)
        state = engine.state()
        if not asked:
            _clear(environment, inventory, state, screen)
    found = recap.of_run([place.name for place in places], screen.results)
    found = recap.deliveries(found, before.result(), scope.statuses(state))
    found = recap.unreachable(found, reach.finish())
    if left:
        screen.say(left)
    return _report(found, screen, engine_code, scope)


def _clear(
    environment: Environment, inventory: Inventory, state: list[dict[str, Any]], screen: Screen
) -> None:
    """Removes what runs that were killed left of what nothing declares; whoever asks for a part does not ask for that."""
    for name in leaving.clear_unknown(environment, inventory, state):
        screen.say(f"cluster {name}: removed (a run that was killed had begun it, and nothing declares it)")
    if leaving.clear_builder(environment, inventory, state):
        screen.say("builder: removed (a run that was killed had begun it, and nothing declares one)")
    for name in leaving.clear_registries(environment, inventory, state):
        screen.say(f"registry {name}: removed (a run that was killed had begun it, and nothing declares it)")


def check(environment: Environment, screen: Screen, asked: Asked = _WHOLE) -> Report:
    """Says what `up` would change."""
    inventory = declared(environment)
    with environment.locked("up --check"):
        processes.refuse_downgrades(environment)
        looked = _looked(
            environment, inventory, screen, _Look("check", Engine.preview, runs_program=True), asked
        )
    return _pending(_told(*looked, screen), Exit.CHANGES)


def drift(environment: Environment, screen: Screen, asked: Asked = _WHOLE) -> Report:
    """Says what is live otherwise than the last run left it, and changes nothing."""
    inventory = declared(environment)
    with processes.known(environment).locked("drift"):
        looked = _looked(environment, inventory, screen, _Look("drift", Engine.drift), asked)
    return _pending(_told(*looked, screen), Exit.DRIFT)


def refresh(environment: Environment, screen: Screen, asked: Asked = _WHOLE) -> Report:
    """Writes what is live into the state; a dead cluster keeps what the state has of it."""
    inventory = declared(environment)
    with processes.known(environment).locked("refresh"):
        looked = _looked(environment, inventory, screen, _Look("refresh", Engine.refresh), asked)
    return _told(*looked, screen)


def recap_of(environment: Environment, screen: Screen) -> Report:
    """What is live now."""
    inventory = declared(environment)
    engine = preparation.prepare_declared(processes.known(environment), screen, inventory).engine
    found = looking.live(looking.accesses(environment, inventory), looking.statuses(engine.state()))
    screen.end(found)
    return Report(recap.exit_code(found), found)


def variables(environment: Environment, screen: Screen) -> dict[str, str]:
    """What a shell needs, with everything behind it running."""
    inventory = declared(environment)
    with environment.locked("env"):
        prepared = preparation.prepare_declared(environment, screen, inventory)
        # For `pulumi` typed by hand, which knows nothing of all this.
        for message in prepared.engine.take_up():
            screen.listen(message)
        return prepared.variables


def kubeconfigs(environment: Environment, name: str | None, screen: Screen) -> list[Access]:
    """The kubeconfigs of an environment, or one of them."""
    inventory = declared(environment)
    processes.start(processes.known(environment), screen)
    if name:
        return [looking.access(environment, inventory, name)]
    return looking.accesses(environment, inventory)


def declared(environment: Environment) -> Inventory:
    """The environment's inventory, checked as far as that goes without the engine."""
    inventory = load(environment.project / "stacks", environment.name)
    preflight(inventory)
    return inventory


def kept_here(environment: Environment) -> Inventory:
    """What an environment's inventory declares, for a command that proves what it did by the state's own files.

    Raises:
        RefusedError: the state is in a bucket.
    """
    inventory = declared(environment)
    if inventory.state:
        raise RefusedError(
            f"environment {environment.name}: found its state in bucket {inventory.state.bucket}; expected it on this "
            "machine (elsewhere the new data key cannot be proved yet). Run: pulumi stack change-secrets-provider"
        )
    return inventory


def _forget(environment: Environment, engine: Engine, reach: Reach, name: str, screen: Screen) -> str:
    with screen.beating(f"forget {name}"):
        left = leaving.forget(environment, engine, reach.places, name)
    reach.forgotten = name
    return left


def _reach(environment: Environment, places: list[Access], engine: Engine, screen: Screen) -> Reach:
    """What asks the clusters, once the plane has answered.

    A plane that was not made to its end need not answer, nor one that the run makes anew (its certificates ended).
    """
    reach = Reach(environment, places, screen)
    silent = reach.silence(CONTROL_PLANE) and looking.is_made(environment, engine.state(), CONTROL_PLANE)
    if silent and not planes.stale(environment, CONTROL_PLANE):
        reach.demand(CONTROL_PLANE)
    return reach


@dataclass(frozen=True)
class _Look:
    """One way to look at what is live: what it is called, the engine's operation, and whether that runs the program."""

    name: str
    operation: Operation
    runs_program: bool = False


def _looked(
    environment: Environment, inventory: Inventory, screen: Screen, look: _Look, asked: Asked
) -> tuple[Reach, Scope, int]:
    """Lets the engine look at what is live, and goes on past dead clusters.

    Returns what asked them, what was looked at, and the engine's exit code.
    """
    retention.sweep(environment)
    engine = preparation.prepare_declared(environment, screen, inventory).engine
    scope = limiting.scope(asked, inventory, engine, screen, runs_program=look.runs_program)
    reach = _reach(environment, scope.within(looking.accesses(environment, inventory)), engine, screen)
    with screen.beating(look.name):
        return reach, scope, scope.run(look.operation, engine, reach.listen)


def _told(reach: Reach, scope: Scope, engine_code: int, screen: Screen) -> Report:
    """The report of a look, dead clusters named."""
    found = recap.of_run([place.name for place in reach.places], screen.results)
    return _report(recap.unreachable(found, reach.finish()), screen, engine_code, scope)


def _pending(report: Report, code: Exit) -> Report:
    """A report with an exit code of its own where all went well and something is otherwise."""
    return replace(report, code=code) if report.code is Exit.DONE and report.changes else report


def _report(found: Recap, screen: Screen, engine_code: int, scope: Scope) -> Report:
    screen.end(found)
    for line in scope.left.lines() if scope.left else ():
        screen.say(line)
    code = recap.exit_code(found, screen.results)
    if code is Exit.DONE and engine_code:
        code = Exit.FAILED
    return Report(code, found, events.changes(screen.results), screen.problems, scope.left)
