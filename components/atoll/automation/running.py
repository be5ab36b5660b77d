"""What each command does with an environment, from its settings to its report."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from atoll.automation import events, guarding, leaving, looking, preparation, processes, recap, retention
from atoll.automation.engine import Engine
from atoll.automation.following import Listener
from atoll.automation.looking import Access
from atoll.automation.reach import Reach
from atoll.automation.recap import Recap
from atoll.automation.reports import Report
from atoll.automation.show import Screen
from atoll.automation.turns import Turn
from atoll.core.errors import Exit, RefusedError
from atoll.federation.local import effects as planes
from atoll.host import Environment
from atoll.platform import CONTROL_PLANE, Inventory, load, preflight


def up(  # noqa: PLR0913 - what is wished of it is three of them
    environment: Environment,
    inventory: Inventory,
    screen: Screen,
    *,
    forget: str,
    how: Callable[[Engine, Listener], int],
    turn: Turn | None,
) -> Report:
    """Makes the environment fit its inventory (`declared`); one dead cluster does not hold up the others.

    A member to `forget` is taken out without being asked. `how` is what the engine does.
    """
    leaving.refuse_declared(inventory, forget)
    turn = turn or Turn()
    with turn.held(environment, "up"):
        processes.refuse_downgrades(environment)
        retention.sweep(environment)
        engine = preparation.prepare_declared(environment, screen, inventory, turn).engine
        preparation.migrate(environment, engine, inventory.kms, screen)
        places = looking.accesses(environment, inventory)
        reach = _reach(environment, places, engine, screen)
        left = _forget(environment, engine, reach, forget, screen) if forget else ""
        with screen.beating("up"), ThreadPoolExecutor(1) as pool:
            # Beside the engine, which has to look at what is live before it writes: a dead member is asked for
            # seconds, and the others are not to wait for that.
            before = pool.submit(looking.delivered, places, looking.statuses(engine.state()))
            engine_code = how(engine, reach.listen)
        processes.take_up_tokens(environment, screen.results, screen)
        state = engine.state()
        for name in leaving.clear_unknown(environment, inventory, state):
            screen.say(
                f"cluster {name}: removed (a run that was killed had begun it, and nothing declares it)"
            )
        if leaving.clear_builder(environment, inventory, state):
            screen.say("builder: removed (a run that was killed had begun it, and nothing declares one)")
        for name in leaving.clear_registries(environment, inventory, state):
            screen.say(
                f"registry {name}: removed (a run that was killed had begun it, and nothing declares it)"
            )
    found = recap.of_run([place.name for place in places], screen.results)
    found = recap.deliveries(found, before.result(), looking.statuses(state))
    found = recap.unreachable(found, reach.finish())
    if left:
        screen.say(left)
    return _report(found, screen, engine_code)


def check(environment: Environment, screen: Screen, turn: Turn | None = None) -> Report:
    """Says what `up` would change."""
    inventory = declared(environment)
    turn = turn or Turn()
    with turn.held(environment, "up --check"):
        processes.refuse_downgrades(environment)
        reach, engine_code = _looked(environment, inventory, screen, turn, ("check", Engine.preview))
    return _pending(_told(reach, screen, engine_code), Exit.CHANGES)


def look(
    environment: Environment,
    inventory: Inventory,
    screen: Screen,
    turn: Turn,
    looking_by: tuple[str, Callable[[Engine, Listener], int]],
) -> Report:
    """The report of a look of another kind, for who holds the environment."""
    reach, engine_code = _looked(environment, inventory, screen, turn, looking_by)
    return _told(reach, screen, engine_code)


def drift(environment: Environment, screen: Screen, turn: Turn | None = None) -> Report:
    """Says what is live otherwise than the last run left it, and changes nothing."""
    inventory = declared(environment)
    turn = turn or Turn()
    with turn.held(processes.known(environment), "drift"):
        reach, engine_code = _looked(environment, inventory, screen, turn, ("drift", Engine.drift))
    return _pending(_told(reach, screen, engine_code), Exit.DRIFT)


def refresh(environment: Environment, screen: Screen, turn: Turn | None = None) -> Report:
    """Writes what is live into the state; a dead cluster keeps what the state has of it."""
    inventory = declared(environment)
    turn = turn or Turn()
    with turn.held(processes.known(environment), "refresh"):
        reach, engine_code = _looked(environment, inventory, screen, turn, ("refresh", Engine.refresh))
    return _told(reach, screen, engine_code)


def destroy(
    environment: Environment, screen: Screen, turn: Turn | None = None, *, check: bool = False
) -> Report:
    """Removes all that the stack holds, or says what would go; the environment's own processes and keys stay.

    Raises:
        RefusedError: something of it is protected.
    """
    inventory = declared(environment)

    def removed(engine: Engine, listen: Listener) -> int:
        guarding.refuse_end(environment.name, engine.state())
        if check:
            return engine.preview_destroy(listen)
        code = engine.destroy(listen)
        leaving.clear_undeclared(environment, inventory, engine.state())
        return code

    turn = turn or Turn()
    with turn.held(processes.known(environment), "destroy --check" if check else "destroy"):
        reach, engine_code = _looked(environment, inventory, screen, turn, ("destroy", removed))
    reach.forget_removed()
    report = _told(reach, screen, engine_code)
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


def _looked(
    environment: Environment,
    inventory: Inventory,
    screen: Screen,
    turn: Turn,
    look: tuple[str, Callable[[Engine, Listener], int]],
) -> tuple[Reach, int]:
    """Lets the engine look at what is live, and goes on past dead clusters; what asked them, and the engine's exit code."""
    retention.sweep(environment)
    what, begin = look
    engine = preparation.prepare_declared(environment, screen, inventory, turn).engine
    reach = _reach(environment, looking.accesses(environment, inventory), engine, screen)
    with screen.beating(what):
        return reach, begin(engine, reach.listen)


def _told(reach: Reach, screen: Screen, engine_code: int) -> Report:
    """The report of a look, dead clusters named."""
    found = recap.of_run([place.name for place in reach.places], screen.results)
    return _report(recap.unreachable(found, reach.finish()), screen, engine_code)


def _pending(report: Report, code: Exit) -> Report:
    """A report with an exit code of its own where all went well and something is otherwise."""
    return replace(report, code=code) if report.code is Exit.DONE and report.changes else report


def _report(found: Recap, screen: Screen, engine_code: int) -> Report:
    screen.end(found)
    code = recap.exit_code(found, screen.results)
    if code is Exit.DONE and engine_code:
        code = Exit.FAILED
    return Report(code, found, events.changes(screen.results), screen.problems)
