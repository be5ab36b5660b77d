"""The groups of an environment, their clusters, and what goes where, as nodes and edges. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from atoll.platform.declaration import Declaration
from atoll.platform.groups import Groups
from atoll.platform.inventory import CONTROL_PLANE, EVERYWHERE, Inventory
from atoll.platform.parsing import parse
from atoll.platform.problems import Problems
from atoll.platform.tree import Node as Tree

_GOING = (
    ("propagation", "propagations"),
    ("bundle", "bundles"),
    ("secret", "sealed_secrets"),
    ("release", "releases"),
)


class Kind(StrEnum):
    """What a node stands for, which decides its shape."""

    CONTROL_PLANE = "control-plane"
    GROUP = "group"
    CLUSTER = "cluster"
    DELIVERY = "delivery"


Key = tuple[str, ...]
"""What tells a node from all others: a word for what it is, and its name."""


@dataclass(frozen=True)
class Node:
    """Something with a name; `more` is what else there is to say of it, in few words."""

    key: Key
    kind: Kind
    name: str
    more: str = ""


@dataclass(frozen=True)
class Edge:
    """A way from the plane or a group to what is in it, or (`delivers`) from what is delivered to where it goes."""

    source: Key
    target: Key
    delivers: bool = False


def graph(root: Tree, inventory: Inventory) -> list[Node | Edge]:
    """All that an environment has, in the order of its inventory."""
    return list(_drawn(parse(root, Problems(root)).declaration, inventory))


def _drawn(declared: Declaration, inventory: Inventory) -> Iterator[Node | Edge]:
    groups = Groups(declared.groups, declared.clusters)
    top = [name for name in declared.groups if not groups.parents[name]]
    loose = [name for name in declared.clusters if not groups.precedence(name)]
    plane = Node((CONTROL_PLANE,), Kind.CONTROL_PLANE, CONTROL_PLANE, inventory.control_plane.driver)
    everywhere = ("group", EVERYWHERE)
    yield plane
    if host := inventory.control_plane.cluster:
        yield Edge(plane.key, ("cluster", host), delivers=True)
    yield Edge(plane.key, everywhere)
    yield Node(everywhere, Kind.GROUP, EVERYWHERE)
    for name, group in declared.groups.items():
        yield Node(("group", name), Kind.GROUP, name)
        yield from _edges(("group", name), "group", group.children)
    for name in declared.clusters:
        found = inventory.clusters[name]
        place = ", ".join(filter(None, (found.driver, found.region, found.zone)))
        yield Node(("cluster", name), Kind.CLUSTER, name, place)
    yield from _edges(everywhere, "group", top)
    yield from _edges(everywhere, "cluster", loose)
    direct: dict[str, dict[str, None]] = {name: {} for name in declared.groups}
    for name, cluster in declared.clusters.items():
        for each in cluster.groups:
            direct[each][name] = None
    for name, group in declared.groups.items():
        yield from _edges(("group", name), "cluster", direct[name] | dict.fromkeys(group.clusters))
    for kind, section in _GOING:
        found_there: Mapping[str, Any] = getattr(declared, section)
        for name, delivery in found_there.items():
            yield Node((kind, name), Kind.DELIVERY, name, kind)
            yield from _edges((kind, name), "group", delivery.groups, delivers=True)
            yield from _edges((kind, name), "cluster", delivery.clusters, delivers=True)


def _edges(source: Key, of: str, targets: Iterable[str], *, delivers: bool = False) -> Iterator[Edge]:
    for target in targets:
        yield Edge(source, (of, target), delivers)
