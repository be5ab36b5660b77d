"""Plans that can be trusted: made once, looked at, and applied as they are or not at all."""

import contextlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from atoll.automation import events, facts, guarding, holding, plans, processes, reports, running, words
from atoll.automation.answers import Format, InFormat, answer
from atoll.automation.engine import Engine
from atoll.automation.events import Message, Result, Severity
from atoll.automation.following import Listener
from atoll.automation.limiting import Operation
from atoll.automation.plans import Facts, Plan
from atoll.automation.reports import Report
from atoll.automation.running import Look, Wish
from atoll.automation.selection import Asked
from atoll.automation.show import Screen
from atoll.automation.turns import Turn
from atoll.automation.words import NO_TIME, EnvironmentName, Wait
from atoll.core import files
from atoll.core.errors import ArgsError, Exit, StalePlanError
from atoll.host import Environment
from atoll.platform.inventory import Inventory

_DIFF = re.compile(r"^..pulumi:pulumi:Stack: \(")
"""Where the engine's diff begins for good; what it saw as it looked at what is live stands before that."""
_BEYOND = "found what the plan does not say"
_END = "Update plan written to "
_VIOLATION = re.compile(r"(urn:\S+) violates plan: ([^[\n]+)|operations for (urn:\S+) but (none were seen)")
"""What the engine says of a step that its plan lacks, or the other way round; values, of secrets too, stand in brackets."""
_KEPT = re.compile(r'resource "(urn:[^"]+)" cannot be (?:deleted|replaced)')
"""What the engine says of what it protects itself."""
PlanFile = Annotated[
    Path | None, typer.Option("--plan", metavar="FILE", help="Do what a plan says, exactly, or nothing.")
]
Confirmed = Annotated[
    list[str] | None,
    typer.Option(
        "--confirm",
        metavar="NAME",
        help="Let something that holds data be deleted or replaced (its name, URN or cluster).",
    ),
]


@words.choosing(hidden=True)
def plan(
    env: EnvironmentName,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the plan is written.")],
    asked: Asked,
    wait: Wait = NO_TIME,
    form: InFormat = Format.HUMAN,
) -> None:
    """Write down what `up` would do, for `atoll up ENV --plan FILE`.

    The file is bound to the commit, the settings, the state and the versions that it was made from, and is for its owner alone.
    """

    def run(screen: Screen) -> Report:
        if asked:
            raise ArgsError(f"plan: found {asked}; expected the whole environment (a plan is done whole)")
        report = make(words.environment(env), screen, out, Turn(wait, screen.say))
        if report.code is Exit.DONE:
            screen.say(
                f"\n{len(report.changes)} changes planned. Let them happen: atoll up {env} --plan {out}"
            )
        return report

    answer("plan", env, form, run, diff=True)


def make(environment: Environment, screen: Screen, out: Path, turn: Turn | None = None) -> Report:
    """Writes a plan to a file; where the preview fails, there is none.

    Raises:
        ArgsError: nothing can be written there.
        StalePlanError: what it is made from moved meanwhile.
    """
    if not out.resolve().parent.is_dir() or out.is_dir():
        raise ArgsError(f"{out}: found no place for a file; expected one in a folder that is there.")
    inventory = running.declared(environment)
    turn = turn or Turn()
    with turn.held(environment, "plan"):
        processes.refuse_downgrades(environment)
        look = _Look(environment, inventory, out)
        report = running.look(environment, inventory, screen, turn, Look("plan", look))
        if look.facts is None or report.code is Exit.FAILED:
            return report
        made = datetime.now(UTC).isoformat(timespec="seconds")
        changes: list[dict[str, Any]] = report.values()["changes"]
        Plan(environment.name, made, look.facts, changes, diff(look.spoken), look.written).write(out)
    return report


@dataclass
class _Look:
    """Looks at what would be done, and at what that comes from before and after; `facts` are what did not move."""

    environment: Environment
    inventory: Inventory
    out: Path
    written: dict[str, Any] = field(default_factory=dict)
    spoken: list[str] = field(default_factory=list)
    facts: Facts | None = None

    def __call__(self, engine: Engine, listen: Listener) -> int:
        # What a dead engine had begun is finished by the run that applies the plan: it would find another state.
        for message in engine.take_up():
            listen(message)
        before = _facts(self.environment, self.inventory, engine, self.out)
        with _folder(self.environment) as folder:
            code, self.spoken = engine.plan(folder / "engine.json", listen)
            self.written = files.read_json(folder / "engine.json", {})
        if not code:
            found = _facts(self.environment, self.inventory, engine, self.out)
            _refuse(plans.moved(before, found), self.environment.name, self.out)
            self.facts = before
        return code


def up(environment: Environment, screen: Screen, wish: Wish, turn: Turn | None = None) -> Report:
    """Makes the environment fit its inventory, as it is wished.

    Raises:
        ArgsError: the wishes exclude each other, or there is no such plan.
        RefusedError: something that is protected would be lost.
        StalePlanError: what the plan was made from has moved.
    """
    if wish.plan and wish.forget:
        raise ArgsError("up: found --plan and --forget; expected one of them (to forget is in no plan)")
    if wish.asked and (wish.plan or wish.forget):
        other, why = (
            ("--plan", "a plan is done whole") if wish.plan else ("--forget", "a member is forgotten by all")
        )
        raise ArgsError(f"up: found {wish.asked} and {other}; expected one of them ({why})")
    inventory = running.declared(environment)
    how = _way(environment, inventory, wish)
    return running.up(environment, inventory, screen, wish, how=how, turn=turn)


def _way(environment: Environment, inventory: Inventory, wish: Wish) -> Operation:
    """What the engine does for a wish."""
    if wish.plan:
        found = Plan.read(wish.plan, environment.name)
        return _Application(environment, inventory, found, wish.plan, wish.confirmed)
    if inventory.protect:
        return _Guard(environment.name, [each for each in (*wish.confirmed, wish.forget) if each])
    return Engine.up


@dataclass(frozen=True)
class _Application:
    """Applies a plan that was made before."""

    environment: Environment
    inventory: Inventory
    plan: Plan
    file: Path
    confirmed: Sequence[str]

    def __call__(self, engine: Engine, listen: Listener) -> int:
        name, planned = self.environment.name, self.plan.facts
        _refuse(
            plans.moved(planned, _facts(self.environment, self.inventory, engine, self.file)), name, self.file
        )
        if self.inventory.protect:
            guarding.refuse(name, self.plan.changes, self.confirmed)
        with _folder(self.environment) as folder:
            files.write_json(folder / "engine.json", self.plan.engine)
            holding.expect(folder, planned, self.file)
            heard = _Preview(listen)
            code = engine.apply(folder / "engine.json", heard, {holding.VARIABLE: str(folder)})
            if code and not heard.is_over:
                _refuse(holding.refused(folder) or heard.violations, name, self.file)
            heard.end()
            return code


@dataclass
class _Preview:
    """Listens to an engine that previews before it applies, and keeps its errors back until that is over.

    Of a preview the engine tells no results: the first one says that it is over. Before that nothing was written.
    """

    listen: Listener
    errors: list[Message] = field(default_factory=list)
    is_over: bool = False

    def __call__(self, entry: Result | Message) -> None:
        if isinstance(entry, Result):
            self.end()
        if isinstance(entry, Message) and entry.severity is Severity.ERROR:
            self.errors.append(replace(entry, text="\n".join(violations(entry.text)) or entry.text))
            if self.is_over:
                self.end()
        else:
            self.listen(entry)

    def end(self) -> None:
        """Tells what was kept back."""
        self.is_over = True
        for each in self.errors:
            self.listen(each)
        self.errors.clear()

    @property
    def violations(self) -> list[str]:
        """What differs from the plan, of what was kept back."""
        return [line for each in self.errors for line in each.text.splitlines() if _BEYOND in line]


@dataclass(frozen=True)
class _Guard:
    """Looks what would be lost from an environment, told by its name, before anything is."""

    environment: str
    confirmed: Sequence[str]

    def __call__(self, engine: Engine, listen: Listener) -> int:
        results: list[Result] = []
        kept: list[str] = []

        def look(entry: Result | Message) -> None:
            if isinstance(entry, Result):
                results.append(entry)
                return
            kept.extend(_KEPT.findall(entry.text))
            listen(entry)

        if self.confirmed:
            # What is still declared is protected again by this very run.
            engine.unprotect(guarding.released(engine.state(), self.confirmed), listen)
        code = engine.preview(look)
        if kept:
            guarding.refuse_kept(self.environment, kept)
        if code:
            return code
        guarding.refuse(self.environment, map(reports.change, events.changes(results)), self.confirmed)
        return engine.up(listen)


def diff(spoken: Sequence[str]) -> list[str]:
    """The lines of the engine's diff that say what is going to be done; none where nothing is."""
    starts = [number for number, line in enumerate(spoken) if _DIFF.match(line)]
    if not starts:
        return []
    shown = spoken[starts[-1] :]
    return list(shown[: next((n for n, line in enumerate(shown) if line.startswith(_END)), len(shown))])


def violations(output: str) -> list[str]:
    """What the engine found that its plan does not say, one line each."""
    return [
        f"{urn or other}: {_BEYOND} ({why.strip() or none}); expected what was live when it was made"
        for urn, why, other, none in _VIOLATION.findall(output)
    ]


def _facts(environment: Environment, inventory: Inventory, engine: Engine, file: Path) -> Facts:
    return facts.gathered(environment, inventory, engine.export().get("deployment") or {}, file)


def _refuse(lines: Sequence[str], name: str, file: Path) -> None:
    if lines:
        *first, last = lines
        raise StalePlanError(*first, f"{last}. Plan again: atoll plan {name} --out {file}")


@contextlib.contextmanager
def _folder(environment: Environment) -> Iterator[Path]:
    """A folder that its owner alone can enter, for as long as a run takes."""
    with tempfile.TemporaryDirectory(dir=files.folder(environment.folder), prefix=holding.RUNS) as folder:
        yield Path(folder)
