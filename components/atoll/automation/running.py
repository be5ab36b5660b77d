"""What each command does with an environment, from its settings to its report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atoll.automation import (
    events,
    guarding,
    leaving,
    limiting,
    looking,
    preparation,
    processes,
    recap,
    retention,
)
from atoll.automation.engine import Engine
from atoll.automation.following import Listener
from atoll.automation.limiting import Operation, Program, Scope
from atoll.automation.looking import Access
from atoll.automation.reach import Reach
from atoll.automation.recap import Recap
from atoll.automation.reports import Report
from atoll.automation.selection import WHOLE, Asked
from atoll.automation.show import Screen
from atoll.automation.turns import Turn
from atoll.core.errors import Exit, RefusedError
from atoll.federation.local import effects as planes
from atoll.host import Environment
from atoll.platform import CONTROL_PLANE, Inventory, load, preflight


@dataclass(frozen=True)
class Wish:
    """How somebody wants `up` to go: by a plan, without a lost member, with what may be lost, of a part that is asked for."""

    plan: Path | None = None
    forget: str = ""
    confirmed: Sequence[str] = ()
    asked: Asked = WHOLE


@dataclass(frozen=True)
class Look:
    """One way to look at what is live: what it is called, what the engine does, of which part, and what tells what is to be."""

    name: str
    operation: Operation
    asked: Asked = WHOLE
    program: Program | None = None


def up(  # noqa: PLR0913 - how it goes is three of them
    environment: Environment,
    inventory: Inventory,
    screen: Screen,
    wish: Wish,
    *,
    how: Operation,
    turn: Turn | None,
) -> Report:
    """Makes the environment fit its inventory (`declared`), as it is wished; one dead cluster does not hold up the others.

    `how` is what the engine does.
    """
    forget = wish.forget
    leaving.refuse_declared(inventory, forget)
    turn = turn or Turn()
    with turn.held(environment, "up"):
        processes.refuse_downgrades(environment)
        retention.sweep(environment)
        engine = preparation.prepare_declared(environment, screen, inventory, turn).engine
        engine.foresee()
        preparation.migrate(environment, engine, inventory.kms, screen)
        scope = limiting.scope(wish.asked, inventory, engine, screen, Engine.registered)
        places = scope.within(looking.accesses(environment, inventory))
        reach = _reach(environment, places, engine, screen)
        left = _forget(environment, engine, reach, forget, screen) if forget else ""
        known = engine.state()
        with screen.beating("up"):
            engine_code = scope.run(how, engine, reach.listen)
        before = scope.statuses(known, {each.urn: each.found for each in screen.results if each.found})
        processes.take_up_tokens(environment, screen.results, screen)
        state = engine.state()
        if not wish.asked:
            _clear(environment, inventory, state, screen)
    found = recap.of_run([place.name for place in places], screen.results)
    found = recap.deliveries(found, before, scope.statuses(state))
    found = recap.unreachable(found, reach.finish())
    if left:
        screen.say(left)
    return _report(found, screen, engine_code, scope)


def check(environment: Environment, screen: Screen, turn: Turn | None = None, asked: Asked = WHOLE) -> Report:
    """Says what `up` would change."""
    inventory = declared(environment)
    turn = turn or Turn()
    with turn.held(environment, "up --check"):
        processes.refuse_downgrades(environment)
        way = Look("check", Engine.preview, asked, Engine.registered)
        return _pending(look(environment, inventory, screen, turn, way), Exit.CHANGES)


def look(environment: Environment, inventory: Inventory, screen: Screen, turn: Turn, way: Look) -> Report:
    """The report of a look, for who holds the environment; the engine goes on past dead clusters, and they are named."""
    reach, scope, engine_code = _looked(environment, inventory, screen, turn, way)
    return _told(reach, scope, engine_code, screen)


def drift(environment: Environment, screen: Screen, turn: Turn | None = None, asked: Asked = WHOLE) -> Report:
    """Says what is live otherwise than the last run left it, and changes nothing."""
    inventory = declared(environment)
    turn = turn or Turn()
    with turn.held(processes.known(environment), "drift"):
        way = Look("drift", Engine.drift, asked)
        return _pending(look(environment, inventory, screen, turn, way), Exit.DRIFT)


def refresh(
    environment: Environment, screen: Screen, turn: Turn | None = None, asked: Asked = WHOLE
) -> Report:
    """Writes what is live into the state; a dead cluster keeps what the state has of it."""
    inventory = declared(environment)
    turn = turn or Turn()
    with turn.held(processes.known(environment), "refresh"):
        return look(environment, inventory, screen, turn, Look("refresh", Engine.refresh, asked))


def destroy(
    environment: Environment,
    screen: Screen,
    turn: Turn | None = None,
    asked: Asked = WHOLE,
    *,
    check: bool = False,
) -> Report:
    """Removes all that the stack holds, or says what would go; the environment's own processes and keys stay.

    Raises:
        RefusedError: something of it is protected.
    """
    inventory = declared(environment)

    def removed(engine: Engine, listen: Listener) -> int:
        going = [each for each in engine.state() if engine.touches(each["urn"])]
        guarding.refuse_end(environment.name, going)
        if check:
            return engine.preview_destroy(listen)
        code = engine.destroy(listen)
        if not asked:
            leaving.clear_undeclared(environment, inventory, engine.state())
        return code

    turn = turn or Turn()
    with turn.held(processes.known(environment), "destroy --check" if check else "destroy"):
        way = Look("destroy", removed, asked, limiting.nothing)
        reach, scope, engine_code = _looked(environment, inventory, screen, turn, way)
    reach.forget_removed()
    report = _told(reach, scope, engine_code, screen)
    return _pending(report, Exit.CHANGES) if check else report


def outputs(environment: Environment, screen: Screen, *, opened: bool = False) -> dict[str, Any]:
    """What the stack exports, secrets hidden unless `opened`."""
    inventory = declared(environment)
    with processes.known(environment).locked("outputs"):
        return preparation.prepare_declared(environment, screen, inventory).engine.outputs(opened=opened)


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


def _looked(
    environment: Environment, inventory: Inventory, screen: Screen, turn: Turn, way: Look
) -> tuple[Reach, Scope, int]:
    """Lets the engine look at what is live, and goes on past dead clusters.

    Returns what asked them, what was looked at, and the engine's exit code.
    """
    retention.sweep(environment)
    engine = preparation.prepare_declared(environment, screen, inventory, turn).engine
    engine.foresee()
    scope = limiting.scope(way.asked, inventory, engine, screen, way.program)
    reach = _reach(environment, scope.within(looking.accesses(environment, inventory)), engine, screen)
    with screen.beating(way.name):
        return reach, scope, scope.run(way.operation, engine, reach.listen)


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
    return Report(code, found, events.changes(screen.results), screen.problems, left_out=scope.left)
