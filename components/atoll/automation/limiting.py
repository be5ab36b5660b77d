"""Lets a run touch what was asked for alone, and say what it left out."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from atoll.automation import looking
from atoll.automation.engine import Engine
from atoll.automation.events import Message, Outcome, Result
from atoll.automation.following import Listener
from atoll.automation.looking import PLANE, Access, Status
from atoll.automation.selection import Asked, LeftOut, Platform, Selection
from atoll.automation.show import Screen
from atoll.core.errors import CommandError
from atoll.platform import Inventory

_STACK = re.compile("^urn:pulumi:[^:]+::")
Operation = Callable[[Engine, Listener], int]
"""What the engine does; its exit code."""
Program = Callable[[Engine, Listener], dict[str, str] | None]
"""What tells what is to be, {urn: parent}; None where that fails."""


def nothing(engine: Engine, listen: Listener) -> dict[str, str]:
    """What is to be where all that is chosen goes."""
    del engine, listen
    return {}


@dataclass(frozen=True)
class Scope:
    """What a run may touch; without a selection that is everything."""

    selection: Selection | None = None
    _urns: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_urns", frozenset(self.selection.urns if self.selection else ()))

    def _holds(self, urn: str) -> bool:
        return self.selection is None or urn in self._urns

    @property
    def urns(self) -> Sequence[str] | None:
        """The resources that the engine may touch, None for all.

        A target that is not in the state yet is an error to the look at what is live. A pattern is not, and a stack has
        no resource of another stack.
        """
        if self.selection is None:
            return None
        new = self.selection.new
        return tuple(_STACK.sub("urn:pulumi:*::", urn) if urn in new else urn for urn in self.selection.urns)

    @property
    def left(self) -> LeftOut | None:
        """What is not looked at, where anything is."""
        return self.selection.left if self.selection else None

    def within(self, places: Iterable[Access]) -> list[Access]:
        """The clusters that the run is about, and the plane, which is the way to all."""
        chosen = self.selection.places if self.selection else None
        return [place for place in places if chosen is None or place.name in chosen or place.role == PLANE]

    def statuses(
        self, state: list[dict[str, Any]], found: Mapping[str, Mapping[str, Any]] | None = None
    ) -> dict[str, Status]:
        """The properties of the status of every propagation that the run is about; `found` is newer than the state."""
        return looking.statuses([each for each in state if self._holds(each["urn"])], found)

    def run(self, operation: Operation, engine: Engine, listen: Listener) -> int:
        """Lets the engine work on it; returns its exit code.

        Where it is empty nothing is to be done: to the engine no target means all.
        """
        return 0 if self.urns == () else operation(engine.within(self.urns), self._hearing(listen))

    def _hearing(self, listen: Listener) -> Listener:
        """Passes on what the engine tells, but what it has not looked at and calls unchanged."""

        def tell(entry: Result | Message) -> None:
            if isinstance(entry, Result) and entry.outcome is Outcome.OK and not self._holds(entry.urn):
                return
            listen(entry)

        return tell


def scope(
    asked: Asked, inventory: Inventory, engine: Engine, screen: Screen, program: Program | None
) -> Scope:
    """What a run may touch. What only the program knows, since it is new, is asked of it where the run is to make it.

    Without a `program` nothing new is made, and nothing goes.

    Raises:
        ArgsError: a name or a tag is nobody's, or nothing is chosen.
        RefusedError: something would lose what it stands on.
        CommandError: the program failed.
    """
    if not asked:
        return Scope()
    state = engine.state()
    # Names are refused before the program runs, which takes seconds.
    selection = Platform(inventory, state).select(asked)
    if program:
        registered = program(engine, screen.listen)
        if registered is None:
            raise CommandError(
                f"{asked}: found a program that fails; expected one that tells what it declares. See above"
            )
        selection = Platform(inventory, state, registered).select(asked)
    return Scope(selection)
