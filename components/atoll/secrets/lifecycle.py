"""The life of a rotated key as a table: which transition leads from which state to which. Pure.

A name in the inventory keeps its life long one key that seals, and for a while others that only open: what was sealed
before stays readable until the last of it has moved.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NewType

from atoll.core.errors import RefusedError

Version = NewType("Version", str)
"""One key among those that a name has had, by its id."""


class State(StrEnum):
    """What a key is good for."""

    PENDING = "pending"
    """It is made and nothing is sealed with it yet."""
    ACTIVE = "active"
    """All that is new is sealed with it."""
    RETIRING = "retiring"
    """It opens what was sealed with it, which is being moved away."""
    RETIRED = "retired"
    """Nothing that lives needs it; what history and backups hold may."""


class Transition(StrEnum):
    """What may happen to a key."""

    ACTIVATE = "activate"
    """A pending key becomes the one that seals."""
    SUPERSEDE = "supersede"
    """Another has become the one that seals."""
    REINSTATE = "reinstate"
    """A rotation is given up: the key that was to go seals again."""
    RETIRE = "retire"
    """The last object has moved away."""
    ABANDON = "abandon"
    """A pending key is not wanted after all."""


TABLE: Mapping[tuple[State, Transition], State] = {
    (State.PENDING, Transition.ACTIVATE): State.ACTIVE,
    (State.PENDING, Transition.ABANDON): State.RETIRED,
    (State.ACTIVE, Transition.SUPERSEDE): State.RETIRING,
    (State.RETIRING, Transition.REINSTATE): State.ACTIVE,
    (State.RETIRING, Transition.RETIRE): State.RETIRED,
}
"""Every step that there is. Nothing leads out of retired, and nothing leads past retiring."""

OPENS = frozenset({State.ACTIVE, State.RETIRING})
"""What must be able to open: whatever was sealed while it was active."""
PAST = frozenset({State.RETIRING, State.RETIRED})
"""Where another key of the name seals already."""


def legal(state: State) -> list[Transition]:
    """What may happen to a key in a state."""
    return [transition for known, transition in TABLE if known is state]


def after(key: str, state: State, transition: Transition) -> State:
    """The state that a transition leads to.

    Raises:
        RefusedError: it leads nowhere from there.
    """
    found = TABLE.get((state, transition))
    if found is None:
        ways = " or ".join(legal(state)) or "nothing (a retired key stays so)"
        raise RefusedError(f"key {key}: found it {state}, and no way to {transition} it; expected {ways}.")
    return found


def rotated(states: Mapping[Version, State], new: Version) -> dict[Version, State]:
    """The keys of a name once a pending one seals in the place of the one that did; both steps are one.

    Raises:
        RefusedError: `new` is not pending.
    """
    return _led_by(states, new, Transition.ACTIVATE)


def restored(states: Mapping[Version, State], old: Version) -> dict[Version, State]:
    """The keys of a name once a rotation is given up: `old` seals again, and what had replaced it goes.

    Raises:
        RefusedError: `old` is not retiring.
    """
    return _led_by(states, old, Transition.REINSTATE)


def _led_by(states: Mapping[Version, State], leader: Version, transition: Transition) -> dict[Version, State]:
    """The keys of a name once a transition lets another one seal, and the one that did only open."""
    superseded = {version: after(version, State.ACTIVE, Transition.SUPERSEDE) for version in active(states)}
    step = after(leader, states.get(leader, State.RETIRED), transition)
    return {**states, **superseded, leader: step}


def active(states: Mapping[Version, State]) -> list[Version]:
    """The key that seals: one, or none before the first was activated."""
    return [version for version, state in states.items() if state is State.ACTIVE]


def settled(states: Mapping[Version, State], needed: Iterable[Version]) -> dict[Version, State]:
    """The keys of a name once those retired that nothing needs any more; `needed` are the keys of what lives."""
    kept = set(needed)
    return {
        version: after(version, state, Transition.RETIRE)
        if state is State.RETIRING and version not in kept
        else state
        for version, state in states.items()
    }
