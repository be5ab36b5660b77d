"""What a run with `--limit`, `--tags` or `--skip-tags` touches: exact resources of what there is and what is declared. Pure.

A part of the inventory is in a limit where all clusters that it concerns are in it. What goes to many clusters is one
resource on the plane: to make it fit for some is to change it for all. What belongs to no cluster concerns all of them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from atoll.automation.events import GATES
from atoll.core.errors import ArgsError, RefusedError
from atoll.platform import parts, patterns
from atoll.platform.inventory import CONTROL_PLANE, EVERYWHERE, Inventory
from atoll.platform.parts import Owner, Part
from atoll.platform.problems import choice
from atoll.platform.tagging import Tags

_STACK, _PROVIDERS = "pulumi:pulumi:Stack", "pulumi:providers:"
Resource = Mapping[str, Any]
"""A resource as the state has it: urn, type, parent, provider, dependencies, inputs."""


@dataclass(frozen=True)
class Asked:
    """What the options say, as they were written."""

    limit: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.limit or self.tags or self.skip_tags)

    def __str__(self) -> str:
        given = (("--limit", self.limit), ("--tags", self.tags), ("--skip-tags", self.skip_tags))
        return " ".join(f"{option} {','.join(words)}" for option, words in given if words)


WHOLE = Asked()
"""Nothing is left out."""


@dataclass(frozen=True)
class LeftOut:
    """What a run does not look at: how many resources, which clusters, which parts, and which options say so."""

    asked: str
    resources: int
    looked_at: int
    clusters: tuple[str, ...]
    parts: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """What is said of it."""
        yield f"Left out by {self.asked}: {self.resources} of {self.resources + self.looked_at} resources."
        if self.clusters:
            yield f"  clusters not looked at: {choice(self.clusters, 'and')}"
        if self.parts:
            yield f"  parts not looked at: {choice(self.parts, 'and')}"

    def values(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "asked": self.asked,
            "resources": self.resources,
            "clusters": list(self.clusters),
            "parts": list(self.parts),
        }


@dataclass(frozen=True)
class Selection:
    """The resources that a run may touch, `new` those of them that are not there yet.

    `places` are the clusters that it is about, `left` tells of what it may not touch.
    """

    urns: tuple[str, ...]
    new: frozenset[str]
    places: tuple[str, ...]
    left: LeftOut


class Platform:
    """An environment as a run can choose from it: its inventory, its state, and what its program registers.

    `registered` are {urn: parent}, empty where all that is chosen goes, None where the program is not asked; then what is
    new cannot be chosen, since it is not there.
    """

    def __init__(
        self, inventory: Inventory, state: Sequence[Resource], registered: Mapping[str, str] | None = None
    ) -> None:
        self._inventory, self._registered = inventory, registered
        self._state = {each["urn"]: each for each in state if not each.get("delete")}
        self._above: list[Mapping[str, str]] = [
            {urn: each.get("parent") or "" for urn, each in self._state.items()}
        ]
        self._above += [registered] if registered else []

    @cached_property
    def resources(self) -> dict[str, frozenset[Owner]]:
        """Whose each resource is; of two where it moves from one to another."""
        found: dict[str, set[Owner]] = defaultdict(set)
        for above in self._above:
            for urn in above:
                top = _top(urn, above)
                # The stack itself, and providers that the engine makes for itself, are nobody's.
                if not _kind(top).startswith((_STACK, _PROVIDERS)):
                    found[urn].add((_kind(top).rpartition(":")[2], _name(top)))
        return {urn: frozenset(owners) for urn, owners in found.items()}

    @cached_property
    def parts(self) -> dict[Owner, Part]:
        """Every part that is declared or there, with all clusters that it concerns or did when it was last seen."""
        known = parts.declared(self._inventory)
        present = {owner for owners in self.resources.values() for owner in owners}
        found = {owner: known.get(owner) or parts.undeclared(owner) for owner in {*known, *present}}
        reached = self._reached
        return {
            owner: replace(
                part,
                places=part.places
                | reached.get(owner, set())
                | reached.get(parts.carrier(owner) or owner, set()),
            )
            for owner, part in found.items()
        }

    @cached_property
    def places(self) -> tuple[str, ...]:
        """The control plane, the clusters in the inventory's order, and those that are there still."""
        named = {name for kind, name in self.parts if kind in {"Cluster", "Member"}}
        declared = (CONTROL_PLANE, *self._inventory.clusters)
        return (*declared, *sorted(named - set(declared)))

    def select(self, asked: Asked) -> Selection:
        """What a run may touch.

        Raises:
            ArgsError: a name or a tag is nobody's, or nothing is both in the limit and tagged so.
            RefusedError: it would leave something without what it stands on.
        """
        places = self._limit(asked)
        tags = Tags(asked.tags, asked.skip_tags, self._inventory.tags)
        within = {
            owner
            for owner, part in self.parts.items()
            if (part.places or set(self.places)) <= set(places)
            and (tags.choose_all or tags.choose(part.tags))
        }
        if not within:
            raise ArgsError(
                f"{asked}: found nothing that it means; expected some part of the inventory (what goes to "
                "several clusters is meant where all of them are)"
            )
        urns = tuple(urn for urn, owners in self.resources.items() if owners <= within)
        self._refuse_broken(set(urns), asked)
        new = frozenset(urns) - self._state.keys()
        return Selection(urns, new, places, self._left(asked, within, urns, places))

    def _limit(self, asked: Asked) -> tuple[str, ...]:
        if not asked.limit:
            return self.places
        groups = {**self._inventory.groups, EVERYWHERE: self.places}
        return patterns.chosen(asked.limit, self.places, groups, "--limit")

    def _left(
        self, asked: Asked, within: Collection[Owner], urns: Sequence[str], places: Sequence[str]
    ) -> LeftOut:
        there = {owner for owners in self.resources.values() for owner in owners}
        # What stands for a cluster that is left out is told by its name alone.
        gone = [name for name in self.places if name not in places]
        told = {(kind, name) for kind in ("Cluster", "Member", "ControlPlane") for name in gone}
        left = sorted(self.parts[owner].label for owner in there - set(within) - told)
        return LeftOut(
            str(asked), len(self.resources) - len(urns), len(urns), tuple(gone), tuple(dict.fromkeys(left))
        )

    def _refuse_broken(self, chosen: set[str], asked: Asked) -> None:
        """Refuses to take away what something else needs, or to make what needs something that is not there."""
        if self._registered is None:
            return
        for urn, each in self._state.items():
            gone = {need for need in _needs(each) if need in chosen and need not in self._registered}
            if gone and urn not in chosen and urn in self.resources:
                raise RefusedError(
                    f"{asked}: found that {_shown(min(gone))} goes, which {_shown(urn)} needs; expected both to be "
                    "chosen. Widen the choice, or leave it out"
                )
        plane = self._of({"ControlPlane"})
        if (
            self._registered
            and self._of({"Member", "Propagation"}) & chosen
            and not plane & ({*self._state} | chosen)
        ):
            raise RefusedError(
                f"{asked}: found no control plane yet; expected one (without it no cluster can join). "
                f"Run: atoll up {self._inventory.environment}"
            )

    def _of(self, kinds: Collection[str]) -> set[str]:
        """The resources of some kinds of parts."""
        return {urn for urn, owners in self.resources.items() if any(kind in kinds for kind, _ in owners)}

    @property
    def _reached(self) -> dict[Owner, set[str]]:
        """The clusters that what is there goes to, as the state tells."""
        found: dict[Owner, set[str]] = defaultdict(set)
        for urn, each in self._state.items():
            for owner in self.resources.get(urn, ()):
                if each["type"] in GATES:
                    found[owner] |= set((each.get("inputs") or {}).get("clusters") or ())
                if owner[0] == "Release" and (provider := each.get("provider")):
                    found[owner] |= set(self._clusters_of(provider.rpartition("::")[0]))
        return found

    def _clusters_of(self, urn: str) -> Iterator[str]:
        return (name for kind, name in self.resources.get(urn, ()) if kind == "Cluster")


def _needs(each: Resource) -> set[str]:
    provider = (each.get("provider") or "").rpartition("::")[0]
    return {*(each.get("dependencies") or ()), each.get("parent") or "", provider} - {""}


def _top(urn: str, above: Mapping[str, str]) -> str:
    """The part over a resource: what stands right under the stack, unless something on the way is a part of its own."""
    while _kind(urn) not in parts.INNER and (parent := above.get(urn, "")) and _kind(parent) != _STACK:
        urn = parent
    return urn


def _kind(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]


def _shown(urn: str) -> str:
    return f"{_kind(urn).rpartition(':')[2]} {_name(urn)}"
