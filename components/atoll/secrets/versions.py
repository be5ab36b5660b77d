"""The keys that a name has had, as the alias and their tags tell of them, and the tags that a rotation writes. Pure.

An alias moves by one call and the tags follow by others: who was killed in between left an alias that is right, and tags
that say what was so before.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from atoll.core import tags
from atoll.core.errors import RefusedError
from atoll.core.writes import Write
from atoll.secrets import keys, lifecycle
from atoll.secrets.keys import Live, Wanted
from atoll.secrets.lifecycle import State, Version


@dataclass(frozen=True)
class Versions:
    """`today` is the key behind the alias, `others` are those with the marks of the name and without the alias."""

    today: Live
    others: tuple[Live, ...] = ()

    @cached_property
    def states(self) -> Mapping[Version, State]:
        """The state of each, where the alias goes before what tags say.

        Raises:
            RefusedError: somebody pointed the alias at a key that is retired.
        """
        told = {_version(key): State(key.tags[keys.STATE]) for key in self.others if _is_placed(key)}
        today = _version(self.today)
        match state := State(self.today.tags.get(keys.STATE, State.ACTIVE)):
            case State.PENDING:
                return lifecycle.rotated({**told, today: state}, today)
            case State.ACTIVE:
                gone = {version: _superseded(version, each) for version, each in told.items()}
                return {**gone, today: state}
            case _:
                return lifecycle.restored({**told, today: state}, today)

    @property
    def pending(self) -> Live | None:
        """The key that was made to be the next one."""
        return keys.best(self._of(State.PENDING))

    @property
    def retiring(self) -> list[Live]:
        """The keys whose ciphertexts are being moved away."""
        return list(self._of(State.RETIRING))

    @property
    def retired(self) -> list[Live]:
        """The keys that nothing that lives needs."""
        return list(self._of(State.RETIRED))

    @property
    def is_begun(self) -> bool:
        """Whether a rotation was begun and not finished."""
        return bool(self.pending or self.retiring)

    def next(self, alias: str, owner: str) -> Wanted:
        """The key that takes over: like the one of today, and known as the next one from its first moment."""
        like = Wanted.of(keys.declared(self.today, {}), owner)
        ours = {name: value for name, value in self.today.tags.items() if name.startswith(tags.RESERVED[1])}
        place = {
            keys.STATE: State.PENDING,
            keys.GENERATION: str(self.today.generation + 1),
            # Told before the alias moves: whoever follows it knows at once what else opens.
            keys.RETIRING: self.today.arn,
        }
        return replace(like, alias=alias, place={**ours, **place})

    def adoption(self, alias: str, owner: str) -> Iterator[Write]:
        """What gives the key of today its place, so that it is known as one of the name without the alias too."""
        place = {
            tags.OWNER: owner,
            keys.ALIAS: alias,
            keys.STATE: State.ACTIVE,
            keys.GENERATION: str(self.today.generation),
        }
        yield from _tagged(self.today, place)

    def switch(self, alias: str, owner: str, new: Live) -> Iterator[Write]:
        """What makes a pending key the one of today: all that it should be, then the alias."""
        wanted = self.next(alias, owner)
        # It has every attribute before it has the alias, which is not given but moved.
        yield from keys.writes(replace(new, aliases=(alias,)), wanted)
        yield from _tagged(new, wanted.place)
        yield Write("update_alias", {"AliasName": keys.PREFIX + alias, "TargetKeyId": new.id})

    def placing(self) -> Iterator[Write]:
        """What makes the tags say what is so: of the key of today first."""
        for key in (self.today, *self.others):
            # One that the KMS is about to delete takes no tag.
            if (state := self.states.get(_version(key))) and not key.deletion:
                yield from _tagged(key, {keys.STATE: state})

    def release(self) -> Iterator[Write]:
        """What ends the opening by keys before the one of today."""
        if keys.RETIRING in self.today.tags:
            yield Write("untag_resource", {"KeyId": self.today.id, "TagKeys": [keys.RETIRING]})

    def settled(self, needed: Collection[str]) -> "Versions":
        """The same keys once those retired whose ARN nothing needs any more."""
        kept = [_version(key) for key in self.others if key.arn in needed]
        states = lifecycle.settled(self.states, kept)
        return Versions(self.today, tuple(_placed(key, states.get(_version(key))) for key in self.others))

    def retirement(self, before: "Versions") -> Iterator[Write]:
        """What makes the tags of the keys that retired say so."""
        for key, former in zip(self.others, before.others, strict=True):
            if _is_placed(key):
                yield from _tagged(former, {keys.STATE: key.tags[keys.STATE]})

    def _of(self, state: State) -> Iterator[Live]:
        return (key for key in self.others if self.states.get(_version(key)) is state)


def refuse(live: Live, name: str) -> None:
    """Refuses a key that cannot be rotated.

    Raises:
        RefusedError: it seals nothing, or cannot be used.
    """
    if live.spec != keys.SYMMETRIC:
        raise RefusedError(
            f"key {name}: found one of the kind {live.spec}; expected {keys.SYMMETRIC} (nothing is sealed under another)."
        )
    if not live.enabled:
        state = live.metadata.get("KeyState")
        raise RefusedError(
            f"key {name}: found {live.arn} {state}; expected it enabled (what it sealed has to be opened). Enable it."
        )


def _version(key: Live) -> Version:
    return Version(key.id)


def _is_placed(key: Live) -> bool:
    """Whether a rotation knows it; another one without the alias is what something else left."""
    return key.tags.get(keys.STATE) in {*State} and not (
        key.deletion and key.tags[keys.STATE] == State.PENDING
    )


def _superseded(version: Version, state: State) -> State:
    return lifecycle.after(version, state, lifecycle.Transition.SUPERSEDE) if state is State.ACTIVE else state


def _placed(key: Live, state: State | None) -> Live:
    return replace(key, tags={**key.tags, keys.STATE: state}) if state else key


def _tagged(key: Live, tags: Mapping[str, str]) -> Iterator[Write]:
    missing = {name: str(value) for name, value in tags.items() if key.tags.get(name) != value}
    if missing:
        yield Write("tag_resource", {"KeyId": key.id, "Tags": keys.tag_list(missing)})
